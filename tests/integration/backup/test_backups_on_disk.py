"""Backups of a real PostgreSQL, of a SQLite and of files, on a disk: made, damaged, killed, put back, taken back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integration.backup.school import seen_in

pytestmark = pytest.mark.in_namespace

BEFORE, AFTER = [["lac"], ["lac"], ["lac"]], [["lac", "mer"], ["lac", "mer"], ["lac", "mer"]]


def test_a_restore_brings_everything_back_and_can_be_undone_until_it_is_confirmed(tmp_path: Path) -> None:
    seen = seen_in(
        r"""
server = make_school()
seen["made"] = backup("run")
learn("mer")
seen["dry run"] = backup("restore", "latest", "--dry-run"), pupils(), units()
seen["restored"] = backup("restore", "latest", "--yes"), pupils(), units()
seen["odd"] = os.path.exists(DATA / "odd \\ name\n"), oct((DATA / "content").stat().st_mode)
seen["undone"] = backup("back", "--yes"), pupils(), units()
seen["again"] = backup("restore", "latest", "--yes"), backup("run")[0], backup("restore", "latest", "--yes")
seen["confirmed"] = backup("confirm", "--yes"), pupils(), databases(), sorted(os.listdir("/srv/data"))
reads = "SELECT has_table_privilege('teacher', 'school', 'SELECT')"
seen["teacher"] = sql(reads, port=5432, database="kolibri", why="ask what came back")
stop(server)
""",
        tmp_path,
    )
    assert seen["made"][0] == 0
    (status, said), there, running = seen["dry run"]
    assert (status, there) == (0, AFTER)
    assert "/srv/data/kolibri" in said
    assert "Nothing was changed." in said
    assert running == ["app.service", "kolibri.service"]
    assert seen["restored"][0][0] == 0, seen["restored"][0][1]
    assert seen["restored"][1:] == [BEFORE, running]
    assert seen["odd"] == [True, "0o42775"]
    assert seen["undone"][0][0] == 0
    assert seen["undone"][1:] == [AFTER, running]
    (first, _), _, (second, words) = seen["again"]
    assert first == 0
    assert second == 1
    assert "neither confirmed nor undone" in words
    (status, _), there, databases, directories = seen["confirmed"]
    assert (status, there, databases) == (0, BEFORE, ["kolibri"])
    assert [name for name in directories if "aside" in name] == []
    assert seen["teacher"].strip() == "t"


def test_a_device_that_was_made_anew_gets_its_data_back_with_secrets_of_its_own(tmp_path: Path) -> None:
    seen = seen_in(
        r"""
server = make_school()
seen["made"] = backup("run")
stop(server)
for name in ("kolibri", "postgres"):
    shutil.rmtree(Path("/srv/data", name))
sql_password = "of the new device"
secret_files.write(paths, "app-password", sql_password)
server = open_school()
seen["empty"] = DATA.exists(), ask(WANTED, "SELECT to_regclass('school') IS NULL")
seen["restored"] = backup("restore", "latest", "--yes"), pupils()
seen["password"] = ask(WANTED, "SELECT current_user", password=sql_password)
stop(server)
""",
        tmp_path,
    )
    assert seen["made"][0] == 0
    assert seen["empty"] == [False, "t"]
    assert seen["restored"][0][0] == 0, seen["restored"][0][1]
    assert seen["restored"][1] == BEFORE
    assert seen["password"] == "app"


def test_what_is_damaged_is_named_never_restored_and_does_not_count_as_a_backup(tmp_path: Path) -> None:
    seen = seen_in(
        r"""
server = make_school()
for _ in range(2):
    assert backup("run")[0] == 0
    time.sleep(1.1)
first, last = names()
shelf = Path("/srv/backup/all/school-one")
for path in sorted(shelf.joinpath(last).iterdir()):
    if path.stat().st_size > 1000:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
learn("mer")
seen["refused"] = backup("restore", last, "--yes"), pupils(), units(), databases()
seen["verified"] = backup("verify", "--all")
seen["listed"] = {each["name"] == last: each["state"] for each in listed()["targets"][0]["backups"]}
assert backup("run")[0] == 0
seen["kept"] = [name in names() for name in (first, last)]
seen["restored"] = backup("restore", first, "--yes"), pupils()
stop(server)
""",
        tmp_path,
    )
    (status, said), there, running, databases = seen["refused"]
    assert status == 1
    assert "damaged" in said or "not what" in said
    assert (there, running, databases) == (AFTER, ["app.service", "kolibri.service"], ["kolibri"])
    status, said = seen["verified"]
    assert status == 1
    assert [line.split(" is ")[1] for line in said.splitlines() if line.startswith("disk: ")] == ["whole", "damaged"]
    assert seen["listed"] == {"true": "damaged", "false": "whole"}
    assert seen["kept"][0], "the last good one stays as long as there are no two others"
    assert seen["restored"][0][0] == 0
    assert seen["restored"][1] == BEFORE


def test_a_run_that_is_killed_leaves_nothing_that_counts_and_the_next_one_sweeps(tmp_path: Path) -> None:
    seen = seen_in(
        r"""
server = make_school()
assert backup("run")[0] == 0
seen["whole"] = names()
seen["after"] = []
for words in ("reading", "dumping", "verifying"):
    process = backup("run", wait=False)
    while not process.stdout.readline().startswith(words):
        assert process.poll() is None
    process.kill()
    process.communicate()
    seen["after"].append(names() == seen["whole"])
seen["stopped"] = units()
seen["released"] = backup("release"), units()
seen["next"] = backup("run"), len(names())
seen["left"] = [name for name in os.listdir("/srv/backup/all/school-one") if name.startswith(".")]
seen["scratch"] = databases()
stop(server)
""",
        tmp_path,
    )
    assert seen["after"] == [True, True, True]
    assert seen["released"] == [[0, ""], ["app.service", "kolibri.service"]]
    assert seen["next"][0][0] == 0
    assert seen["next"][1] == 2
    assert seen["left"] == []
    assert seen["scratch"] == ["kolibri"]


def test_a_restore_that_is_killed_goes_on_or_is_undone(tmp_path: Path) -> None:
    seen = seen_in(
        r"""
server = make_school()
assert backup("run")[0] == 0
learn("mer")

def killed_at(words):
    process = backup("restore", "latest", "--yes", wait=False)
    for line in process.stdout:
        if line.startswith(words):
            break
    process.kill()
    process.communicate()

killed_at("unpacking kolibri")
seen["unpacking"] = pupils(), backup("back", "--yes"), pupils(), databases()
killed_at("unpacking kolibri")
seen["again"] = backup("restore", "latest", "--yes"), pupils(), backup("back", "--yes")[0], pupils()

# Killed while it exchanges: what the unit of the next start does.
process, order = backup("restore", "latest", "--yes", wait=False), Path("/var/lib/satchel/restore.json")
while not (order.exists() and '"exchanging"' in order.read_text()):
    assert process.poll() is None
process.kill()
process.communicate()
seen["exchanging"] = backup("resume"), pupils(), units(), backup("back", "--yes")[0], pupils()
stop(server)
""",
        tmp_path,
    )
    there, (status, _), then, databases = seen["unpacking"]
    assert (status, there, then, databases) == (0, AFTER, AFTER, ["kolibri"])
    (status, said), *others = seen["again"]
    assert (status, others) == (0, [BEFORE, 0, AFTER]), said
    (status, said), *others = seen["exchanging"]
    assert (status, others) == (0, [BEFORE, ["app.service", "kolibri.service"], 0, AFTER]), said


def test_a_disk_that_fills_keeps_what_it_had(tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", tmp_path / "backup"), check=True)
    seen = seen_in(
        r"""
server = make_school()
assert backup("run")[0] == 0
whole = names()
(DATA / "film").write_bytes(os.urandom(14 << 20))
seen["full"] = backup("run"), names() == whole, units()
seen["left"] = [name for name in os.listdir("/srv/backup/all/school-one") if name.startswith(".")]
seen["listed"] = listed()["targets"][0]["last"]["outcome"]
seen["whole"] = backup("verify")
stop(server)
""",
        tmp_path,
    )
    (status, said), same, running = seen["full"]
    assert status == 1
    assert "the target is full" in said
    assert same
    assert running == ["app.service", "kolibri.service"]
    assert (seen["left"], seen["listed"], seen["whole"][0]) == ([], "failed", 0)


def test_a_stick_that_is_not_there_is_no_failure_of_the_others(tmp_path: Path) -> None:
    seen = seen_in(
        r"""
server = make_school()
stick = {"name": "stick", "disk": None, "s3": None, "usb": {"label": "NOBODY", "uuid": None}}
configure(targets=[stick])
seen["alone"] = backup("run")
configure(targets=[stick, *SETTINGS["targets"]])
seen["beside"] = backup("run")
seen["listed"] = [each["state"] for each in listed()["targets"]], backup("list")[1]
stop(server)
""",
        tmp_path,
    )
    assert seen["alone"][0] == 1
    assert "no target is there" in seen["alone"][1]
    assert seen["beside"][0] == 0
    states, said = seen["listed"]
    assert states == ["absent", "ready"]
    assert "no file system with the label NOBODY is plugged in" in said

"""An upgrade from PostgreSQL 15 to 17 with the servers of both releases: drilled, refused, killed, and taken back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.host.sandbox import Mount
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from tests.golden.test_postgres import HERE
from tests.integration.conftest import _run_inside
from tests.integration.postgres.server import ran

PACKAGES = ("openssl", "postgresql-15", "postgresql-17", "python3")

SCHOOL = """
NEW = replace(WANTED, upgrade_from=(15,))
OLD = replace(NEW, version=15, upgrade_from=())

def quiet(text):
    pass

def explained(work):
    try:
        work()
    except DeviceError as error:
        return [error.reason, error.advice]

def there(wanted=NEW):
    return sorted(path.name for path in paths.at(wanted.data).iterdir())

def take_over(wanted=NEW, only_check=False, **other):
    with cluster.alone(paths, wanted):
        upgrade.upgrade(paths, wanted, replace(upgrade.plan(paths, wanted), **other), say=quiet, only_check=only_check)

def confirm(wanted=NEW):
    with cluster.alone(paths, wanted):
        return list(upgrade.confirm(paths, wanted))

def back(wanted=NEW):
    with cluster.alone(paths, wanted):
        return upgrade.back(paths, wanted)

def school(wanted):
    names = ask(wanted, "SELECT string_agg(name, ' ' ORDER BY id) FROM school")
    return [names, ask(wanted, "SELECT sum(length(text)) FROM work")]

def make_school():
    cluster.prepare(paths, OLD)
    server = start(OLD)
    settle.settle(paths, OLD)
    sql("CREATE EXTENSION pageinspect", port=5432, database="kolibri", why="have an extension that grew")
    ask(OLD, "CREATE TABLE school (id serial, name citext)")
    ask(OLD, "INSERT INTO school (name) VALUES ('lac'), ('mer')")
    ask(OLD, "CREATE TABLE work AS SELECT i, repeat('x', 1000) AS text FROM generate_series(1, 20000) i")
    return server
"""

PROGRAM = """
import signal
server = make_school()
seen["before"] = school(OLD)
# A power cut.
server.kill()
server.wait()

# A new system starts.
seen["start"] = explained(lambda: cluster.prepare(paths, NEW))
copy = replace(NEW, replica=Replica(primary="db.example.org", port=5432, role="copy"))
seen["start of a replica"] = explained(lambda: cluster.prepare(paths, copy))
seen["untouched"] = there()

# What is refused.
seen["not built for it"] = explained(lambda: upgrade.plan(paths, replace(NEW, upgrade_from=())))
seen["downgrade"] = explained(lambda: upgrade.plan(paths, replace(NEW, version=14)))
seen["replica"] = explained(lambda: upgrade.plan(paths, copy))
seen["no data"] = explained(lambda: upgrade.plan(paths, replace(NEW, data="/srv/data/nothing")))
with cluster.alone(paths, NEW):
    seen["two at once"] = explained(lambda: cluster.prepare(paths, OLD))
seen["confirm too early"] = explained(confirm)
seen["back too early"] = explained(back)

# A partition that is too small: the look at its room, and the disk that fills although there seemed to be enough.
TIGHT = replace(NEW, data="/srv/tight/postgres")
shutil.copytree("/srv/data/postgres", "/srv/tight/postgres")
cluster.own(Path("/srv/tight/postgres/15"))
seen["tight"] = [explained(lambda: take_over(TIGHT)), upgrade.plan(paths, TIGHT).text(), there(TIGHT)]
seen["full"] = [refusal(lambda: take_over(TIGHT, free_bytes=1 << 40)), there(TIGHT)]
shutil.copytree("/srv/tight/postgres", "/srv/data/after-full")
AFTER = replace(OLD, data="/srv/data/after-full")
cluster.prepare(paths, AFTER)
server = start(AFTER)
seen["after full"] = school(AFTER)

# pg_upgrade itself refuses.
sql("CREATE TABLE odd (f regproc)", port=5432, why="have something that cannot be taken over")
stop(server)
odd = replace(NEW, data="/srv/data/after-full")
seen["check"] = [explained(lambda: take_over(odd, only_check=True)), there(odd)]
seen["odd"] = [explained(lambda: take_over(odd)), there(odd)]
seen["reports"] = "".join(path.read_text() for path in Path(upgrade.REPORTS).rglob("*reg*.txt"))

# Killed at each stage; every other time its servers go on, as when only the terminal was closed.
def kill(pattern, everything):
    place = paths.at(NEW.data) / ".17.new"
    begun = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        with cluster.alone(paths, NEW):
            # What was left before is gone.
            os.write(begun[1], b".")
            upgrade.upgrade(paths, NEW, upgrade.plan(paths, NEW), say=quiet)
        os._exit(0)
    os.read(begun[0], 1)
    while not list(place.glob(pattern)):
        assert os.waitpid(child, os.WNOHANG) == (0, 0), f"done before {pattern}"
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if everything:
        subprocess.run("for pid in /proc/[0-9]*; do case $(readlink $pid/exe) in /usr/lib/postgresql/*) "
                       "kill -9 ${pid#/proc/};; esac; done", shell=True)
    return cluster.versions(paths, NEW)

STAGES = ("PG_VERSION", "global/pg_control", "pg_upgrade_output.d/*/dump", "pg_upgrade_output.d/*/dump/*.custom",
          "postmaster.pid", "pg_upgrade_output.d/*/log/pg_upgrade_dump_*.log")
seen["killed"] = [kill(pattern, everything) for pattern in STAGES for everything in (True, False)]

# The account has another number since the system was flashed anew; and somebody has started the old server.
cluster.prepare(paths, OLD)
seen["still at work"] = subprocess.run("readlink /proc/[0-9]*/exe | grep -c /postgresql/17/", shell=True,
                                       capture_output=True, text=True).stdout.strip()
cluster.stop(paths, 15, cluster.place(paths, OLD, 15))
for path in (*(data := cluster.place(paths, OLD, 15)).rglob("*"), data):
    os.chown(path, 4321, 4321)
cluster.prepare(paths, OLD)
seen["owner"] = data.owner()
server = start(OLD)

# Looked at, and done.
take_over(only_check=True)
seen["checked"] = there()
server.wait()
take_over()
seen["taken over"] = [there(), cluster.place(paths, NEW, 17).owner(), upgrade.plan(paths, NEW)]
names = [path.name for path in cluster.place(paths, NEW, 17).iterdir()]
seen["leftovers"] = [name for name in names if "upgrade" in name or name.endswith(".sh")]
seen["confirm without a server"] = refusal(confirm)
cluster.prepare(paths, NEW)
server = start(NEW)
settle.settle(paths, NEW)
extension = "SELECT extversion FROM pg_extension WHERE extname = 'pageinspect'"
seen["extension"] = [ask(NEW, extension)]
for _ in "twice":
    upgrade.finish(paths, NEW, say=quiet)
seen["extension"] += [ask(NEW, extension), ask(NEW, "SELECT 1 FROM school WHERE name = 'LAC'")]
seen["statistics"] = ask(NEW, "SELECT count(*) FROM pg_stats WHERE tablename = 'work'")
seen["after"] = school(NEW)
seen["version"] = ask(NEW, "SHOW server_version_num")[:2]
ask(NEW, "INSERT INTO school (name) VALUES ('new')")
seen["sequence"] = ask(NEW, "SELECT id FROM school WHERE name = 'new'")
seen["checksums"] = ask(NEW, "SHOW data_checksums")
stop(server)

# An old system is flashed by mistake; and back.
seen["older system"] = explained(lambda: cluster.prepare(paths, OLD))
seen["back"] = [back(OLD), there()]
cluster.prepare(paths, OLD)
server = start(OLD)
seen["again old"] = school(OLD)
stop(server)

# Again, and confirmed; a power cut while the old data is removed.
take_over()
server = start(NEW)
rmtree, cluster.shutil.rmtree = shutil.rmtree, lambda path: os._exit(1)
child = os.fork()
if child == 0:
    confirm()
os.waitpid(child, 0)
cluster.shutil.rmtree = rmtree
seen["half confirmed"] = [cluster.versions(paths, NEW), there()]
cluster.prepare(paths, NEW)
seen["tidied"] = there()
seen["confirmed"] = [explained(confirm), school(NEW)]
stop(server)

# Data that somebody made in another way.
OTHER = replace(NEW, data="/srv/data/other")
data = Path("/srv/data/other/15")
data.mkdir(parents=True)
shutil.chown(data, "postgres", "postgres")
cluster.program(paths, 15, "initdb", "--pgdata", str(data), "--encoding=LATIN1", "--locale=C", why="make other data")
take_over(OTHER)
server = start(OTHER)
query = "SELECT pg_encoding_to_char(encoding), datcollate, datlocprovider FROM pg_database WHERE datname = 'postgres'"
seen["other"] = [sql(query, port=5432, why="look").strip(), sql("SHOW data_checksums", port=5432, why="look").strip()]
seen["other confirmed"] = [confirm(OTHER), there(OTHER)]
Path("/srv/elsewhere").mkdir()
shutil.chown("/srv/elsewhere", "postgres")
sql("CREATE TABLESPACE far LOCATION '/srv/elsewhere'", port=5432, why="put data elsewhere")
stop(server)
data.parent.joinpath("17").rename(data)
seen["tablespace"] = refusal(lambda: upgrade.plan(paths, OTHER))
"""

ON_BTRFS = """
server = make_school()
ask(OLD, "CREATE TABLE more AS SELECT repeat('x', 1000) FROM generate_series(1, 120000)")
seen["size"] = int(ask(OLD, "SELECT pg_relation_size('more')"))
stop(server)
plan = upgrade.plan(paths, NEW)
seen["plan"] = [plan.clones, plan.needed_bytes < plan.size_bytes + (256 << 20)]
os.sync()
used = lambda: os.statvfs("/srv/data").f_blocks - os.statvfs("/srv/data").f_bfree
before = used()
take_over()
os.sync()
seen["grown"] = (used() - before) * os.statvfs("/srv/data").f_frsize
server = start(NEW)
seen["after"] = school(NEW)
stop(server)
back()
server = start(OLD)
seen["back"] = school(OLD)
stop(server)
"""

WHOLE = ["lac mer", "20000000"]


def run_upgrade(program: str, room: Path, places: dict[str, Path]) -> None:
    config = room / "config"
    config.mkdir()
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        text = (HERE / name).read_text()
        (config / name).write_text(text.replace("listen_addresses = '*'", "listen_addresses = 'localhost'"))
    found = ran(SCHOOL + program, room, config, packages=PACKAGES, older="bookworm", places=places)
    (room / "seen.json").write_text(json.dumps(found))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened in the drill."""
    room = tmp_path_factory.mktemp("upgrade")

    def look() -> None:
        tight = room / "tight"
        tight.mkdir()
        subprocess.run(("mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "none", tight), check=True)
        run_upgrade(PROGRAM, room, {"/srv/tight": tight})

    _run_inside(look)
    found: dict[str, Any] = json.loads((room / "seen.json").read_text())
    return found


def test_a_new_system_does_not_start_with_old_data_and_says_what_to_do(seen: dict[str, Any]) -> None:
    assert seen["before"] == WHOLE
    reason, advice = seen["start"]
    assert reason == "the data of this device is of PostgreSQL 15, and this system has 17"
    assert "sudo satchel-postgres upgrade --dry-run" in advice
    assert "Upgrade db.example.org first" in seen["start of a replica"][1]
    assert seen["untouched"] == ["15"]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("not built for it", "this system cannot take over the data of PostgreSQL 15"),
        ("downgrade", "the data of this device is of PostgreSQL 15, and this system has 14"),
        ("replica", "the data of this device is of PostgreSQL 15, and this system has 17"),
        ("no data", "there is no data of an earlier version"),
        ("two at once", "another satchel-postgres is at work on the data"),
        ("confirm too early", "there is nothing to confirm"),
        ("back too early", "there is no data of an earlier version"),
    ],
)
def test_what_cannot_be_done_is_refused(seen: dict[str, Any], what: str, words: str) -> None:
    assert seen[what][0] == words
    assert seen[what][1]


def test_too_little_room_is_refused_with_figures_and_a_full_disk_loses_nothing(seen: dict[str, Any]) -> None:
    (reason, advice), plan, left = seen["tight"]
    assert reason.startswith("there is too little room: ")
    assert "MiB are needed" in reason
    assert advice.startswith("Nothing was touched.")
    assert "by copying it" in plan
    assert left == ["15"]
    assert "No space left on device" in seen["full"][0]
    assert seen["full"][1] == ["15"]
    assert seen["after full"] == WHOLE


def test_what_pg_upgrade_refuses_is_told_and_its_reports_are_kept(seen: dict[str, Any]) -> None:
    for what in ("check", "odd"):
        (reason, advice), left = seen[what]
        assert "reg* data types" in reason
        assert "/var/log/satchel-postgres-upgrade" in advice
        assert left == ["15"]
    assert "odd.f" in seen["reports"]


def test_an_upgrade_that_is_killed_leaves_the_old_data_and_can_be_done_again(seen: dict[str, Any]) -> None:
    assert seen["killed"] == [[15]] * 12
    assert seen["still at work"] == "0", "servers of what was never finished"
    assert seen["checked"] == ["15"]
    assert seen["taken over"] == [["15", "17"], "postgres", None]


def test_data_of_an_account_with_another_number_is_given_to_it(seen: dict[str, Any]) -> None:
    assert seen["owner"] == "postgres"


def test_everything_is_there_after_the_upgrade(seen: dict[str, Any]) -> None:
    assert seen["version"] == "17"
    assert seen["after"] == WHOLE
    assert int(seen["sequence"]) > 2, "after a power cut a sequence may skip numbers, but never gives one twice"
    assert seen["extension"] == ["1.11", "1.12", "1"]
    assert seen["statistics"] == "2"
    assert seen["checksums"] == "on"
    assert seen["leftovers"] == []


def test_the_old_data_comes_back_before_it_is_confirmed(seen: dict[str, Any]) -> None:
    reason, advice = seen["older system"]
    assert reason == "the data of this device is of PostgreSQL 17, and this system has 15"
    assert "sudo satchel-postgres back" in advice
    assert seen["back"] == [15, ["15"]]
    assert seen["again old"] == WHOLE


def test_the_old_data_is_removed_when_the_new_is_served_and_confirmed(seen: dict[str, Any]) -> None:
    assert seen["confirm without a server"].startswith("see whether the new data is served")
    assert seen["half confirmed"] == [[17], [".15.new", "17"]]
    assert seen["tidied"] == ["17"]
    assert seen["confirmed"] == [
        ["there is nothing to confirm", "`satchel-postgres status` lists what there is."],
        WHOLE,
    ]


def test_encoding_locale_and_checksums_stay_what_they_were(seen: dict[str, Any]) -> None:
    assert seen["other"] == ["LATIN1|C|c", "off"]
    assert seen["other confirmed"] == [[15], ["17"]]
    assert "tablespaces" in seen["tablespace"]


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    """A real btrfs, where this machine lets us mount one."""
    image, place = tmp_path / "image", tmp_path / "btrfs"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(1 << 30)

    def make() -> None:
        inside = ensure_lab(Reporter()).sandbox(Mount(target="/job/image", source=image, writable=True))
        inside.run(("mkfs.btrfs", "/job/image"), why="make a btrfs")

    _run_inside(make)
    if os.geteuid() != 0 or subprocess.run(("mount", "-o", "loop", image, place), check=False).returncode != 0:
        pytest.skip("only root of a machine with loop devices can mount a btrfs")
    yield place
    subprocess.run(("umount", place), check=True)


def test_on_btrfs_the_new_data_shares_the_blocks_of_the_old(btrfs: Path, tmp_path: Path) -> None:
    _run_inside(lambda: run_upgrade(ON_BTRFS, tmp_path, {"/srv/data": btrfs}))
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["plan"] == [True, True]
    assert seen["grown"] < seen["size"], "less than the one large table alone"
    assert seen["after"] == WHOLE
    assert seen["back"] == WHOLE

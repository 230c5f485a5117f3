"""A content stick, made by the builder and taken by the device's own code with a real Kolibri."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from stick import copying

from builder.content.stick.keys import make_key, sign
from builder.content.stick.writing import Order, Written, write_stick
from builder.kolibri.channels import Channel, find_channels
from builder.kolibri.demo.channel import make_demo_channel
from builder.kolibri.home import available_resources
from builder.progress import Reporter
from builder.units import MIB

from .kolibri_device import Device, fetch, fetch_json
from .stick_taker import IDS, Running, Taker, identity

SHARED_SERIAL = 20260101000000

USE = """
from kolibri.core.auth.models import Classroom, Facility, FacilityUser
facility = Facility.objects.get()
learner = FacilityUser.objects.create(username="amina", full_name="Amina Okello", facility=facility)
learner.set_password("hunter2hunter2"); learner.save()
Classroom.objects.create(name="Darasa la Nne", parent=facility).add_member(learner)
"""


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """A key, and a drive with the channel that devices have already and two that are new."""

    key: Path
    public: str
    drive: Path
    known: Channel
    new: tuple[Channel, ...]

    def stick(self, target: Path, **others: object) -> Written:
        target.mkdir(exist_ok=True)
        order = Order(source=self.drive, only=(), products=("kolibri-pc",), serial=SHARED_SERIAL, key=self.key)
        return write_stick(replace(order, **others), target, Reporter())  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, drive: tuple[Path, Channel]) -> Workbench:
    room = tmp_path_factory.mktemp("stick-bench")
    new = tuple(
        make_demo_channel(room / "drive" / "content", languages=languages, lessons=lessons)
        for languages, lessons in ((("fr",), 2), (("en", "es"), 1))
    )
    return Workbench(
        key=room / "stick.pem", public=make_key(room / "stick.pem"), drive=room / "drive", known=drive[1], new=new
    )


@pytest.fixture(scope="session")
def used(sealed: Device, tmp_path_factory: pytest.TempPathFactory) -> Device:
    """A device in use, with a learner. Nobody changes it: clone it."""
    device = replace(sealed.clone(tmp_path_factory.mktemp("used") / "kolibri"), own=IDS)
    device.provision("Shule ya Mfano")
    device.kolibri_command("manage", "shell", "-c", USE)
    return device


@pytest.fixture
def device(used: Device, tmp_path: Path) -> Device:
    (tmp_path / "data").mkdir()
    return used.clone(tmp_path / "data" / "kolibri")


@pytest.fixture
def taker(device: Device, bench: Workbench, tmp_path: Path) -> Taker:
    return Taker.of(device, tmp_path / "root", (bench.public,))


@pytest.fixture
def stick(bench: Workbench, tmp_path: Path) -> Path:
    bench.stick(tmp_path / "stick")
    return tmp_path / "stick"


def before_and_after(bench: Workbench) -> tuple[dict[str, int], dict[str, int]]:
    old = {bench.known.id: bench.known.resources}
    return old, old | {channel.id: channel.resources for channel in bench.new}


def assert_whole(device: Device, bench: Workbench) -> None:
    """Everything of the new channels is there, byte for byte."""
    for channel in bench.new:
        for file in channel.files:
            path = device.home / "content" / file.path
            if not path.exists():
                path = Path(device.kolibri.content) / file.path
            assert hashlib.md5(path.read_bytes()).hexdigest() == file.md5
        assert (device.home / "content" / "databases" / f"{channel.id}.sqlite3").is_file()


def test_two_channels_are_taken_while_learners_data_stays(
    device: Device, taker: Taker, bench: Workbench, stick: Path
) -> None:
    _, new = before_and_after(bench)
    assert len(new) == 3
    people = identity(device.home)
    running = Running(kolibri=device)
    running.start()
    try:
        assert len(fetch_json(f"{running.pages}/api/public/v1/channels/")) == 1
        status = taker.take(stick, service=running)
        assert (status["state"], status["percent"]) == ("applied", 100), status
        channels = fetch_json(f"{running.pages}/api/public/v1/channels/")
        assert {each["id"]: each["total_resource_count"] for each in channels} == new
        app = next(file for file in bench.new[1].files if file.name.endswith(".zip"))
        stored = fetch(f"{running.pages}/content/storage/{app.name[0]}/{app.name[1]}/{app.name}")
        assert hashlib.md5(stored).hexdigest() == app.md5
    finally:
        running.stack.close()
    assert running.done == ["held", "released"]
    assert_whole(device, bench)
    after = identity(device.home)
    assert [row for row in after["kolibriauth_facilityuser"] if "amina" in row]
    assert {name: rows for name, rows in after.items() if name != "morango_instanceidmodel"} == {
        name: rows for name, rows in people.items() if name != "morango_instanceidmodel"
    }
    assert [row[0] for row in after["morango_instanceidmodel"]] == [row[0] for row in people["morango_instanceidmodel"]]
    again = taker.take(stick)
    assert again["state"] == "nothing-new", again


def test_files_on_the_read_only_partition_are_not_copied(
    device: Device, taker: Taker, bench: Workbench, stick: Path
) -> None:
    preloaded = {file.name for file in bench.known.files}
    shared = {file.name for channel in bench.new for file in channel.files} & preloaded
    assert shared
    assert taker.take(stick)["state"] == "applied"
    copied = {path.name for path in (device.home / "content" / "storage").rglob("*") if path.is_file()}
    assert copied == {file.name for channel in bench.new for file in channel.files} - preloaded


def test_killed_anywhere_before_the_decision_the_old_state_is_there_and_the_next_insertion_completes(
    device: Device, taker: Taker, bench: Workbench, stick: Path
) -> None:
    old, new = before_and_after(bench)
    people = identity(device.home)
    storage = device.home / "content" / "storage"
    for event, at, nth in (
        ("os.rename", "/content/storage/", 3),
        ("subprocess.Popen", "importcontent", 2),
        ("os.rename", "switch.json", 1),
    ):
        taker.take_and_die(stick, event=event, at=at, nth=nth)
        assert list(storage.rglob("*.*"))
        assert not taker.start_kolibri()
        assert available_resources(device.home) == old
        assert not list((device.home / "content").glob("databases/*"))
    assert taker.take(stick)["state"] == "applied"
    assert available_resources(device.home) == new
    assert_whole(device, bench)
    assert identity(device.home) == people
    assert sorted(path.name for path in taker.places().state.iterdir()) == ["applied.json", "incoming"]


def test_what_was_copied_before_the_cut_is_neither_copied_nor_read_again(
    device: Device, taker: Taker, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taker.take_and_die(stick, event="subprocess.Popen", at="importchannel")
    files = sorted((device.home / "content" / "storage").rglob("*.*"))
    times = {path: path.stat().st_mtime_ns for path in files}
    assert len(times) > 3
    monkeypatch.setattr(copying, "_is", lambda path, _: pytest.fail(f"{path} is read again"))
    assert taker.take(stick)["state"] == "applied"
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_what_is_there_and_not_remembered_is_read_and_only_what_is_wrong_is_copied(
    device: Device, taker: Taker, bench: Workbench, stick: Path
) -> None:
    taker.take_and_die(stick, event="subprocess.Popen", at="importchannel")
    *files, spoiled = sorted((device.home / "content" / "storage").rglob("*.*"))
    taker.places().verified.unlink()
    spoiled.write_bytes(bytes(spoiled.stat().st_size))
    times = {path: path.stat().st_mtime_ns for path in files}
    assert len(times) > 3
    assert taker.take(stick)["state"] == "applied"
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert_whole(device, bench)


@pytest.mark.parametrize("moment", [("db.sqlite3", 1), ("/content/databases/", 2), ("applied.json", 1)])
def test_killed_after_the_decision_the_next_start_of_kolibri_finishes(
    device: Device, taker: Taker, bench: Workbench, stick: Path, moment: tuple[str, int]
) -> None:
    old, new = before_and_after(bench)
    at, nth = moment
    taker.take_and_die(stick, event="os.rename", at=at, nth=nth)
    assert available_resources(device.home) == (old if at == "db.sqlite3" else new)
    assert taker.start_kolibri()
    assert available_resources(device.home) == new
    assert_whole(device, bench)
    assert not taker.start_kolibri()
    assert taker.take(stick)["state"] == "nothing-new"


def test_work_that_learners_did_after_the_decision_is_not_lost(
    device: Device, taker: Taker, bench: Workbench, stick: Path
) -> None:
    taker.take_and_die(stick, event="os.rename", at="db.sqlite3")
    device.kolibri_command("manage", "shell", "-c", USE.replace("amina", "juma").replace("Nne", "Tano"))
    assert not taker.start_kolibri()
    assert [row for row in identity(device.home)["kolibriauth_facilityuser"] if "juma" in row]
    assert taker.take(stick)["state"] == "applied"
    assert [row for row in identity(device.home)["kolibriauth_facilityuser"] if "juma" in row]


def test_a_stick_that_is_pulled_out_is_a_clear_word_and_goes_on_later(
    device: Device, taker: Taker, bench: Workbench, stick: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away"

    def pulled_out() -> bool:
        return stick.exists()

    storage = device.home / "content" / "storage"
    (half,) = [file for file in bench.new[1].files if file.name.endswith(".pdf")][:1]
    gone = stick / "content" / half.path
    gone.rename(tmp_path / half.name)
    stick.rename(away)
    broken = tmp_path / "broken"
    shutil.copytree(away, broken)
    status = taker.take(broken, present=lambda: False)
    assert status["state"] == "removed", status
    assert "pulled out" in status["said"]
    assert "Put it in again" in status["advice"]
    (tmp_path / half.name).rename(away / "content" / half.path)
    away.rename(stick)
    assert taker.take(stick, present=pulled_out)["state"] == "applied"
    assert list(storage.rglob("*.*"))


def refusals(bench: Workbench, stick: Path, taker: Taker) -> Iterator[tuple[str, dict[str, object]]]:
    signature = stick / "satchel-content" / "manifest.json.sig"
    manifest = stick / "satchel-content" / "manifest.json"
    good, text = signature.read_bytes(), manifest.read_bytes()
    signature.unlink()
    yield "is not signed", taker.take(stick)
    signature.write_bytes(bytes(64))
    yield "not signed by anybody whom this device trusts", taker.take(stick)
    signature.write_bytes(good)
    manifest.write_bytes(text.replace(b'"version": 1', b'"version": 2'))
    yield "changed after it was signed", taker.take(stick)
    manifest.write_bytes(b"{")
    yield "changed after it was signed", taker.take(stick)
    manifest.write_bytes(text)
    yield "trusts nobody", replace(taker, keys=()).take(stick)
    yield "this device is another-pc", taker.take(stick, recipe="another-pc")
    yield "does not fit", taker.take(stick, reserve=1 << 60)
    files = stick / "satchel-content" / "files.txt"
    listed = files.read_bytes()
    files.write_bytes(listed[:-1])
    yield "files.txt on the stick is damaged", taker.take(stick)
    files.write_bytes(listed)


def test_what_is_refused_says_why_and_changes_nothing(
    device: Device, taker: Taker, bench: Workbench, stick: Path
) -> None:
    old, _ = before_and_after(bench)
    for words, status in refusals(bench, stick, taker):
        assert status["state"] == "refused", (words, status)
        assert words in str(status["said"])
    assert available_resources(device.home) == old
    assert not list((device.home / "content").rglob("*.*"))


def test_a_stranger_may_sign_as_much_as_he_likes(
    device: Device, taker: Taker, bench: Workbench, tmp_path: Path
) -> None:
    make_key(tmp_path / "stranger.pem")
    bench.stick(tmp_path / "stick", key=tmp_path / "stranger.pem")
    status = taker.take(tmp_path / "stick")
    assert (status["state"], "whom this device trusts" in status["said"]) == ("refused", True)


def test_one_flipped_byte_is_named_and_the_next_try_copies_that_file_alone(
    device: Device, taker: Taker, bench: Workbench, stick: Path
) -> None:
    old, new = before_and_after(bench)
    preloaded = {file.name for file in bench.known.files}
    file = next(file for file in bench.new[0].files if file.name not in preloaded)
    path = stick / "content" / file.path
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    status = taker.take(stick)
    assert status["state"] == "refused", status
    assert file.name in status["said"]
    assert status["said"].count("\n") == 1
    assert available_resources(device.home) == old
    assert not (device.home / "content" / file.path).exists()
    path.write_bytes(data)
    assert taker.take(stick)["state"] == "applied"
    assert available_resources(device.home) == new


def test_what_kolibri_took_in_is_counted(device: Device, taker: Taker, bench: Workbench, stick: Path) -> None:
    old, _ = before_and_after(bench)
    manifest = stick / "satchel-content" / "manifest.json"
    facts = json.loads(manifest.read_text())
    facts["channels"][0]["resources"] += 1
    manifest.write_text(json.dumps(facts))
    manifest.with_name("manifest.json.sig").write_bytes(sign(manifest.read_bytes(), bench.key))
    people = identity(device.home)
    status = taker.take(stick)
    assert status["state"] == "failed", status
    promised = facts["channels"][0]["resources"]
    assert f"{promised - 1} resources instead of {promised}" in status["said"]
    assert available_resources(device.home) == old
    assert identity(device.home) == people


def test_an_older_stick_does_not_undo_what_a_newer_one_brought(
    device: Device, taker: Taker, bench: Workbench, tmp_path: Path
) -> None:
    newer, older = tmp_path / "newer", tmp_path / "older"
    bench.stick(newer, only=(bench.new[0].id,), serial=SHARED_SERIAL + 1)
    assert taker.take(newer)["state"] == "applied"
    bench.stick(older)
    status = taker.take(older)
    assert (status["state"], "came from a newer stick" in status["said"]) == ("refused", True), status
    bench.stick(older, only=(bench.new[1].id,))
    assert taker.take(older)["state"] == "applied"


def test_a_stick_is_also_an_ordinary_drive_of_kolibri(bench: Workbench, stick: Path, device: Device) -> None:
    assert find_channels(stick) == find_channels(bench.drive)
    for channel in bench.new:
        device.kolibri_command("manage", "importchannel", "disk", channel.id, str(stick))
        device.kolibri_command("manage", "importcontent", "--fail-on-error", "disk", channel.id, str(stick))
    assert available_resources(device.home) == before_and_after(bench)[1]


@pytest.mark.in_namespace
def test_room_for_the_files_once_is_enough(used: Device, bench: Workbench, tmp_path: Path) -> None:
    """Kolibri itself would insist on as much again for files that are there already."""
    data, stick = tmp_path / "data", tmp_path / "stick"
    data.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=160m", "none", data), check=True)
    channel = make_demo_channel(tmp_path / "drive" / "content", languages=("fr", "es", "sw", "en"), lessons=24)
    assert channel.size > 15 * MIB
    bench.stick(stick, source=tmp_path / "drive")
    device = replace(used.clone(data / "kolibri"), own={**IDS, "KOLIBRI_MINIMUM_DISK_SPACE": "1MB"})

    def fill(event: str, arguments: tuple[object, ...]) -> None:
        if event == "subprocess.Popen" and "importcontent" in str(arguments):
            room = os.statvfs(data)
            with (data / "ballast").open("wb") as ballast:
                os.posix_fallocate(ballast.fileno(), 0, room.f_bavail * room.f_frsize - 10 * MIB)

    sys.addaudithook(fill)
    status = Taker.of(device, tmp_path / "root", (bench.public,)).take(stick, reserve=0)
    assert status["state"] == "applied", status
    assert available_resources(device.home)[channel.id] == channel.resources

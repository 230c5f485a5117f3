"""Channels on a drive: right, gone on with, merged, and what Kolibri itself reads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builder.kolibri.channels import find_channels, offered_nodes
from builder.kolibri.demo.channel import make_demo_channel
from tests.integration.kolibri.kolibri_device import Device, unprepared

from .school import School, make_school, retitle, sql
from .test_content_pool_verbs import PARTIES, _flip, _pooled


@pytest.fixture
def fetched(school: School) -> School:
    assert school.satchel("content", "fetch", "school.yml").status == 0
    return school


def _tree(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def test_the_drive_holds_what_the_source_held_and_nothing_is_copied_twice(fetched: School) -> None:
    usb = fetched.directory / "🔌 usb"
    said = fetched.satchel("content", "export", "school.yml", usb)
    assert said.status == 0, said.stderr
    content = usb / "KOLIBRI_DATA" / "content"
    assert f"{content}: 10 files, 952.7 KiB copied, 0 files right already\n" in said.stdout
    there = _tree(content)
    manifest = json.loads(there.pop("manifest.json"))
    assert there == _tree(fetched.drive / "content")
    assert manifest["channels"] == [
        {"id": fetched.channel.id, "version": 1, "include_node_ids": [fetched.channel.root_id]}
    ]
    inodes = {path: path.stat().st_ino for path in content.rglob("storage/*/*/*")}
    wrong, short, gone = [content / file.path for file in fetched.channel.files[:3]]
    _flip(wrong)
    os.truncate(short, 7)
    gone.unlink()
    again = fetched.satchel("content", "export", "--channel", fetched.channel.id, usb, "--json").json
    assert (again["copied_files"], again["right_files"]) == (3, 7)
    assert {path for path, inode in inodes.items() if path.stat().st_ino != inode} <= {wrong, short, gone}
    assert _tree(content / "storage") == _tree(fetched.drive / "content" / "storage")


def test_an_export_that_was_killed_is_gone_on_with(fetched: School) -> None:
    usb = fetched.directory / "usb"
    # As if killed between the files and the manifest: a channel that is not whole is not offered.
    code = f"""
import os, sys
import builder.content.export as export
export._offer = lambda *_: os.kill(os.getpid(), 9)
sys.argv = ["satchel", "content", "export", "school.yml", {str(usb)!r}]
from builder.__main__ import main
main()
"""
    environment = {**os.environ, "SATCHEL_CACHE": str(fetched.cache)}
    killed = subprocess.run([sys.executable, "-c", code], cwd=fetched.directory, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    content = usb / "KOLIBRI_DATA" / "content"
    assert not (content / "manifest.json").exists()
    (content / ".satchel-unfinished" / "half").write_bytes(b"x")
    again = fetched.satchel("content", "export", "school.yml", usb, "--json").json
    assert (again["copied_files"], again["right_files"]) == (0, 10)
    assert sorted(path.name for path in content.iterdir()) == ["databases", "manifest.json", "storage"]


def test_exports_into_one_drive_are_merged(fetched: School) -> None:
    usb = fetched.directory / "usb"
    topics = fetched.satchel("content", "list", "./drive", "--nodes", "--json").json[0]["topics"]
    other = make_demo_channel(fetched.directory / "other" / "content", languages=("fr",), lessons=1)
    # A drive without a manifest offers all that it has.
    shutil.copytree(fetched.directory / "other" / "content", usb / "KOLIBRI_DATA" / "content")
    for topic in (topics[1]["id"], topics[2]["id"]):
        take = f"ids: [{fetched.channel.id}], sources: [{{drive: drive}}], include: [{topic}]"
        fetched.recipe("part", f"  - channels: {{{take}}}\n")
        fetched.lock("part")
        assert fetched.satchel("content", "export", "part.yml", usb).status == 0
    content = usb / "KOLIBRI_DATA" / "content"
    assert offered_nodes(content, other.id) == {other.root_id}
    assert offered_nodes(content, fetched.channel.id) == {topics[1]["id"], topics[2]["id"]}
    assert [channel.resources for channel in find_channels(usb)] == [
        channel.resources for channel in sorted((other, fetched.channel), key=lambda each: each.id)
    ]


def test_a_newer_version_on_the_drive_stays(fetched: School) -> None:
    usb = fetched.directory / "usb"
    shutil.copytree(fetched.drive / "content", usb / "KOLIBRI_DATA" / "content")
    (database,) = usb.glob("KOLIBRI_DATA/content/databases/*")
    sql(database, "UPDATE content_channelmetadata SET version = 2")
    before = _tree(usb)
    said = fetched.satchel("content", "export", "school.yml", usb)
    assert (said.status, _tree(usb)) == (3, before)
    assert "the drive holds a newer version of Satchel: first lessons" in said.stderr
    assert "2 there, 1 here" in said.stderr


def test_an_older_version_on_the_drive_is_replaced(fetched: School) -> None:
    usb = fetched.directory / "usb"
    content = usb / "KOLIBRI_DATA" / "content"
    assert fetched.satchel("content", "export", "school.yml", usb).status == 0
    (database,) = content.glob("databases/*")
    sql(database, "UPDATE content_channelmetadata SET version = 0")
    manifest = content / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 0'))
    assert fetched.satchel("content", "export", "school.yml", usb).status == 0
    assert [entry["version"] for entry in json.loads(manifest.read_text())["channels"]] == [1]


def test_a_damaged_file_of_the_pool_spoils_its_channel_only(fetched: School) -> None:
    other = make_demo_channel(fetched.directory / "other" / "content", languages=("fr",), lessons=1)
    content = "  - channels: {sources: [{drive: drive}]}\n  - channels: {sources: [{drive: other}]}\n"
    fetched.recipe("both", content)
    fetched.lock("both")
    assert fetched.satchel("content", "fetch", "both.yml").status == 0
    own = next(file for file in fetched.channel.files if file not in other.files)
    _flip(_pooled(fetched, own))
    usb = fetched.directory / "usb"
    said = fetched.satchel("content", "export", "both.yml", usb)
    assert said.status == 4
    assert f"{own.name}: MD5 " in said.stderr
    assert [channel.id for channel in find_channels(usb)] == [other.id]
    assert not (usb / "KOLIBRI_DATA/content" / own.path).exists()
    assert fetched.satchel("content", "verify", "both.yml", "--fix").status == 0
    assert fetched.satchel("content", "export", "both.yml", usb).status == 0
    assert len(find_channels(usb)) == 2


def test_what_is_not_here_is_not_exported(school: School) -> None:
    usb = school.directory / "usb"
    said = school.satchel("content", "export", "school.yml", usb)
    assert (said.status, usb.exists()) == (10, False)
    assert "the pool lacks 10 files, 952.7 KiB" in said.stderr
    assert school.satchel("content", "export", usb).status == 64
    assert school.satchel("content", "export", "--channel", "0" * 32, usb).status == 2
    usb.write_text("a file")
    school.satchel("content", "fetch", "school.yml")
    said = school.satchel("content", "export", "school.yml", usb)
    assert (said.status, "Traceback" in said.stderr) == (4, False)


@pytest.mark.in_namespace
def test_a_drive_that_is_too_small_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    school = make_school(tmp_path)
    school.satchel("content", "fetch", "school.yml")
    usb = tmp_path / "usb"
    usb.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", usb], check=True)
    said = school.satchel("content", "export", "school.yml", usb)
    assert (said.status, list(usb.iterdir())) == (3, [])
    assert "usb is too small: 1.2 MiB are to be copied and 700.0 KiB are free" in said.stderr


@pytest.mark.in_namespace
def test_a_drive_that_lies_about_its_room_keeps_whole_files_only(tmp_path: Path) -> None:
    school = make_school(tmp_path)
    school.satchel("content", "fetch", "school.yml")
    usb = tmp_path / "usb"
    usb.mkdir()
    # Bytes enough, but no room for more names.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,nr_inodes=20", "tmpfs", usb], check=True)
    said = school.satchel("content", "export", "school.yml", usb)
    assert said.status == 4, said.stderr
    assert "usb is full, although it said that there was room" in said.stderr
    assert not list(usb.rglob(".satchel-unfinished"))
    assert not list(usb.rglob("manifest.json"))
    for path in usb.rglob("storage/*/*/*"):
        assert (
            path.read_bytes()
            == (school.drive / "content" / path.relative_to(usb / "KOLIBRI_DATA/content")).read_bytes()
        )
    subprocess.run(["mount", "-o", "remount,nr_inodes=200", usb], check=True)
    assert school.satchel("content", "export", "school.yml", usb).status == 0
    assert find_channels(usb)[0].resources == 8


def test_kolibri_imports_from_the_drive_and_exports_onto_it(kolibri_venv: Path, school: School) -> None:
    retitle(school, PARTIES)
    topic = school.satchel("content", "list", "./drive", "--nodes", "--json").json[0]["topics"][2]["id"]
    take = f"ids: [{school.channel.id}], sources: [{{drive: drive}}], include: [{topic}]"
    school.recipe("part", f"  - channels: {{{take}}}\n")
    school.lock("part")
    school.satchel("content", "fetch", "part.yml")
    usb = school.directory / "usb"
    assert school.satchel("content", "export", "part.yml", usb).status == 0
    kolibri, nowhere = unprepared(school.directory, kolibri_venv), school.directory / "pristine"
    device = Device(kolibri=kolibri, mount=school.directory, channel=school.channel, pristine=nowhere)
    device.home.parent.mkdir(parents=True)
    data = str(usb / "KOLIBRI_DATA")
    device.kolibri_command("manage", "importchannel", "disk", school.channel.id, data)
    device.kolibri_command("manage", "importcontent", "--fail-on-error", "disk", school.channel.id, data)
    query = "SELECT count(*) FROM content_contentnode WHERE available AND kind <> 'topic'"
    assert sql(device.home / "db.sqlite3", query) == [(4,)]
    assert sql(device.home / "db.sqlite3", "SELECT name FROM content_channelmetadata") == [(PARTIES,)]
    # The other half, by Kolibri's own export, and back to ours: nobody undoes the other's.
    whole = str(school.drive)
    device.kolibri_command("manage", "importcontent", "--fail-on-error", "disk", school.channel.id, whole)
    device.kolibri_command("manage", "exportchannel", school.channel.id, data)
    device.kolibri_command("manage", "exportcontent", school.channel.id, data)
    merged = offered_nodes(usb, school.channel.id)
    assert merged is not None
    assert school.satchel("content", "export", "part.yml", usb).status == 0
    assert offered_nodes(usb, school.channel.id) == merged
    assert find_channels(usb)[0].resources == 8
    check = (
        "from kolibri.core.content.utils.content_manifest import ContentManifest as M; M().read({!r}, validate=True)"
    )
    device.kolibri_command("manage", "shell", "-c", check.format(f"{data}/content/manifest.json"))

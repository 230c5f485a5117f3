"""A real Kolibri: what it imports, what it serves after the sealing, and what it must refuse."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from builder.content.laying import laid_out
from builder.errors import BuildFailed, CommandFailed
from builder.kolibri.channels import find_channels, read_channel
from builder.kolibri.demo.texts import DATA
from builder.kolibri.home import available_resources, prepare_home
from builder.kolibri.selection import RENDERABLE, Choice
from builder.kolibri.traces import unsealed

from .kolibri_device import EPOCH, HOST, HostRunner, fetch, fetch_json, piece_of, preload, unprepared

SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"


def test_home_is_sealed_and_content_lies_apart(sealed):
    assert unsealed(sealed.home) == ()
    assert sorted(path.name for path in sealed.home.iterdir()) == [
        ".data_version", "content", "db.sqlite3", "job_storage.sqlite3", "networklocation.sqlite3",
        "notifications.sqlite3", "plugins.json", "sessions.sqlite3", "syncqueue.sqlite3",
    ]  # fmt: skip
    assert [path for path in (sealed.home / "content").rglob("*") if path.is_file()] == []
    assert available_resources(sealed.home) == {sealed.channel.id: sealed.channel.resources}
    (found,) = find_channels(Path(sealed.kolibri.content))
    assert found == sealed.channel


def test_marker_names_the_channels(sealed):
    marker = json.loads((sealed.mount / ".satchel-content.json").read_text())
    (entry,) = marker["channels"]
    assert entry["id"] == sealed.channel.id
    assert entry["resources"] == sealed.channel.resources == 12
    assert entry["bytes"] == sealed.channel.size


def test_pristine_copy_equals_the_home(sealed):
    copy = sealed.pristine
    files = sorted(path.name for path in sealed.home.iterdir() if path.is_file())
    assert sorted(path.name for path in copy.iterdir()) == files
    for name in files:
        assert (copy / name).read_bytes() == (sealed.home / name).read_bytes()


def test_main_database_depends_on_nothing_but_its_rows(sealed):
    """Neither on how often Kolibri changed it, nor on what was deleted."""
    header = (sealed.home / "db.sqlite3").read_bytes()[:100]
    # https://www.sqlite.org/fileformat.html, 1.3: change counter, freelist pages, version-valid-for; write-ahead log.
    assert [int.from_bytes(header[at : at + 4], "big") for at in (24, 36, 92)] == [2, 0, 2]
    assert header[18:20] == b"\2\2"
    with closing(sqlite3.connect(sealed.home / "db.sqlite3")) as database:
        moments = database.execute("SELECT DISTINCT last_updated FROM content_channelmetadata").fetchall()
    assert moments == [("2026-09-21 14:13:20.000000(UTC)",)]


def test_sealed_home_serves_its_channel(sealed, tmp_path):
    device = sealed.clone(tmp_path / "home")
    device.provision("Shule ya Mfano")
    with device.served() as (pages, zips):
        (channel,) = fetch_json(f"{pages}/api/public/v1/channels/")
        assert channel["name"] == sealed.channel.name
        assert channel["total_resource_count"] == sealed.channel.resources
        assert sorted(channel["included_languages"]) == ["en", "sw"]
        app = next(file for file in sealed.channel.files if file.name.endswith(".zip"))
        assert b"lesson.js" in fetch(f"{zips}/content/zipcontent/{app.name}/index.html")
        stored = f"{pages}/content/storage/{app.name[0]}/{app.name[1]}/{app.name}"
        assert len(fetch(stored)) == app.size


def test_two_clones_become_two_facilities(sealed, tmp_path):
    identities = []
    for name in ("one", "two"):
        device = sealed.clone(tmp_path / name)
        device.provision("Same name")
        with closing(sqlite3.connect(device.home / "db.sqlite3")) as database:
            query = "SELECT id, dataset_id FROM kolibriauth_collection WHERE kind = 'facility'"
            ((facility, dataset),) = database.execute(query)
            ((instance, database_id),) = database.execute("SELECT id, database_id FROM morango_instanceidmodel")
        identities.append((facility, dataset, instance, database_id))
    assert all(first != second for first, second in zip(*identities, strict=True))


def test_kolibri_copies_no_file_of_content(sealed):
    stored = sealed.mount / "kolibri" / sealed.channel.files[0].path
    assert stored.samefile(sealed.mount.parent / "pool" / sealed.channel.files[0].path)
    assert (stored.stat().st_mode & 0o777, int(stored.stat().st_mtime)) == (0o444, 946_684_800)


@pytest.mark.parametrize(
    ("choice", "resources"),
    [
        (lambda topic: Choice(include=(topic,)), 6),
        (lambda topic: Choice(exclude=(topic,)), 6),
        (lambda _topic: Choice(languages=("sw",)), 6),
        (lambda _topic: Choice(), 12),
        (lambda _topic: Choice(all_thumbnails=True, languages=("en",)), 6),
    ],
    ids=["include", "exclude", "languages", "all", "thumbnails"],
)
def test_kolibri_has_the_chosen_part_and_its_files(kolibri_venv, drive, tmp_path, choice, resources):
    database = piece_of(*drive).database
    with closing(sqlite3.connect(database)) as opened:
        (topic,) = opened.execute("SELECT id FROM content_contentnode WHERE lang_id = 'sw' AND level = 1").fetchone()
    channel = read_channel(database, choice(topic))
    kolibri = unprepared(tmp_path, kolibri_venv)
    preloaded = preload(tmp_path, kolibri, piece_of(drive[0], channel))
    prepare_home(HostRunner(), tree=HOST, kolibri=kolibri, preloaded=preloaded, epoch=EPOCH)
    assert available_resources(Path(kolibri.home)) == {channel.id: resources}
    assert laid_out(Path(kolibri.content), Path(kolibri.content).parent) == (channel,)
    with closing(sqlite3.connect(Path(kolibri.home) / "db.sqlite3")) as opened:
        query = "SELECT id || '.' || extension FROM content_localfile WHERE available"
        available = {name for (name,) in opened.execute(query)}
    assert available == {file.name for file in channel.files}


def test_content_that_lacks_a_file_fails(kolibri_venv, drive, tmp_path):
    kolibri = unprepared(tmp_path, kolibri_venv)
    preloaded = preload(tmp_path, kolibri, piece_of(*drive))
    (Path(kolibri.content) / drive[1].files[0].path).unlink()
    with pytest.raises(CommandFailed):
        prepare_home(HostRunner(), tree=HOST, kolibri=kolibri, preloaded=preloaded, epoch=EPOCH)


def test_what_kolibri_calls_success_is_counted(kolibri_venv, drive, tmp_path):
    """A manifest that does not name the channel makes Kolibri import nothing and exit with 0."""
    kolibri = unprepared(tmp_path, kolibri_venv)
    preloaded = preload(tmp_path, kolibri, piece_of(*drive))
    (Path(kolibri.content) / "manifest.json").write_text(json.dumps({"channels": [], "channel_list_hash": ""}))
    with pytest.raises(BuildFailed, match="0 resources are available instead of 12"):
        prepare_home(HostRunner(), tree=HOST, kolibri=kolibri, preloaded=preloaded, epoch=EPOCH)


def test_our_schema_is_kolibris(kolibri_venv, tmp_path):
    made = tmp_path / "kolibri.sqlite3"
    program = f"""
from kolibri.utils import env
env.set_env()
from sqlalchemy import create_engine
from kolibri.core.content.contentschema.versions import content_schema_5
content_schema_5.Base.metadata.create_all(create_engine("sqlite:///{made}"))
"""
    HostRunner().run((f"{kolibri_venv}/bin/python", "-c", program), why="make the tables of content schema 5",
                     env={"KOLIBRI_HOME": str(tmp_path / "home")})  # fmt: skip
    with closing(sqlite3.connect(made)) as theirs, closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript((DATA / "content_schema_5.sql").read_text())
        tidy = [
            [(kind, name, table, " ".join(sql.split())) for kind, name, table, sql in database.execute(SCHEMA)]
            for database in (theirs, ours)
        ]
    assert tidy[0] == tidy[1]


def test_our_presets_are_those_that_kolibri_shows(sealed, tmp_path):
    device = sealed.clone(tmp_path / "home")
    program = (
        "from kolibri.core.content.utils.content_types_tools import renderable_files_presets as p; print(*sorted(p))"
    )
    shown = device.kolibri_command("manage", "shell", "-c", program)
    assert set(shown.splitlines()[-1].split()) == RENDERABLE

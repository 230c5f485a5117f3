"""Reading drives: what is on them, what is missing, and what a person is told."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from builder.errors import PlanError
from builder.kolibri.channels import (
    content_directory,
    files_digest,
    find_channels,
    missing_files,
    read_channel,
)
from builder.kolibri.demo.channel import make_demo_channel
from builder.kolibri.selection import Choice


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    drive = tmp_path_factory.mktemp("drive")
    return drive, make_demo_channel(drive / "KOLIBRI_DATA" / "content", languages=("en", "fr"), lessons=2)


@pytest.fixture
def drive(original, tmp_path):
    copy = tmp_path / "drive"
    shutil.copytree(original[0], copy)
    return copy, original[1]


def node(content, channel, title):
    with closing(sqlite3.connect(content / "databases" / f"{channel.id}.sqlite3")) as database:
        return database.execute("SELECT id FROM content_contentnode WHERE title = ?", (title,)).fetchone()[0]


@pytest.mark.parametrize("below", ["", "KOLIBRI_DATA", "KOLIBRI_DATA/content"])
def test_finds_content_however_it_is_named(original, below):
    assert find_channels(original[0] / below) == (original[1],)


def test_says_where_it_looked(tmp_path):
    with pytest.raises(PlanError) as caught:
        find_channels(tmp_path)
    assert "holds no Kolibri content" in str(caught.value)
    assert "KOLIBRI_DATA" in str(caught.value)


def test_names_channels_that_are_not_there(original):
    drive, channel = original
    assert find_channels(drive, only=[channel.id]) == (channel,)
    with pytest.raises(PlanError, match="does not hold channel ffff") as caught:
        find_channels(drive, only=["f" * 32])
    assert channel.id in str(caught.value)


def test_manifest_offers_a_part(drive):
    directory, channel = drive
    content = content_directory(directory)
    topic = node(content, channel, "Leçons en français")
    entry = {"id": channel.id, "version": channel.version, "include_node_ids": [topic]}
    (content / "manifest.json").write_text(json.dumps({"channels": [entry]}))
    (part,) = find_channels(directory)
    assert part.partial
    assert part.resources == channel.resources // 2
    assert part.languages == ("fr",)
    assert len(part.files) < len(channel.files)

    entry["include_node_ids"] = [channel.root_id]
    (content / "manifest.json").write_text(json.dumps({"channels": [entry]}))
    assert find_channels(directory) == (channel,)

    (content / "manifest.json").write_text("[]")
    with pytest.raises(PlanError, match="manifest"):
        find_channels(directory)


def test_resources_that_kolibri_cannot_show_do_not_count(drive):
    directory, channel = drive
    path = content_directory(directory) / "databases" / f"{channel.id}.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        app = database.execute("SELECT id FROM content_contentnode WHERE kind = 'html5'").fetchone()[0]
        database.execute(
            "UPDATE content_file SET preset = 'flash' WHERE preset = 'html5_zip' AND contentnode_id = ?", (app,)
        )
    (changed,) = find_channels(directory)
    assert changed.resources == channel.resources - 1
    assert len(changed.files) == len(channel.files) - 1


def test_missing_and_short_files_are_named(drive):
    directory, channel = drive
    content = content_directory(directory)
    gone, short = (content / file.path for file in channel.files[:2])
    gone.unlink()
    short.write_bytes(b"x")
    assert missing_files(directory, channel) == (
        f"{channel.files[0].path} is missing",
        f"{channel.files[1].path} has 1 bytes instead of {channel.files[1].size}",
    )


def test_a_channel_of_a_newer_schema_is_refused(drive):
    directory, channel = drive
    path = content_directory(directory) / "databases" / f"{channel.id}.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE content_channelmetadata SET min_schema_version = '6'")
    with pytest.raises(PlanError, match="content schema 6; Satchel reads up to 5"):
        find_channels(directory)


def test_the_digest_is_of_names_and_sizes(original):
    _, channel = original
    assert files_digest(channel) == files_digest(replace(channel, name="Other", files=channel.files))
    assert files_digest(channel) != files_digest(replace(channel, files=channel.files[1:]))


def test_what_was_read_is_selected_again_by_its_nodes(drive):
    directory, channel = drive
    database = content_directory(directory) / "databases" / f"{channel.id}.sqlite3"
    topic = node(content_directory(directory), channel, "Leçons en français")
    part = read_channel(database, Choice(exclude=(topic,)))
    assert part.partial
    assert not channel.partial
    assert read_channel(database, part.choice) == part
    assert read_channel(database, channel.choice) == channel


def test_reading_leaves_nothing_behind(drive):
    directory, _ = drive
    before = sorted(directory.rglob("*"))
    find_channels(directory)
    assert sorted(directory.rglob("*")) == before


def test_something_else_named_like_a_channel_is_explained(drive):
    directory, _ = drive
    (content_directory(directory) / "databases" / f"{'0' * 32}.sqlite3").write_bytes(b"not a database" * 1000)
    with pytest.raises(PlanError, match="is not a channel database"):
        find_channels(directory)

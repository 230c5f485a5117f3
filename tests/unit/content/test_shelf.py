"""What of a content directory is offered: what is there, whole, and really inside it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from builder.content.peer.shelf import Shelf, shelf_of_directory
from builder.errors import PlanError
from builder.kolibri.channels import Channel
from builder.kolibri.demo.channel import make_demo_channel


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Channel]:
    drive = tmp_path_factory.mktemp("drive")
    return drive, make_demo_channel(drive / "content", languages=("en", "sw"), lessons=2)


@pytest.fixture
def drive(original: tuple[Path, Channel], tmp_path: Path) -> tuple[Path, Channel]:
    copy = tmp_path / "drive"
    shutil.copytree(original[0], copy)
    return copy, original[1]


def app(channel: Channel) -> str:
    """A file that is all that its resource has to show."""
    return next(file.path.as_posix() for file in channel.files if file.name.endswith(".zip"))


def names(shelf: Shelf) -> set[str]:
    return set(shelf.bodies)


def test_a_whole_channel_is_offered_whole(original: tuple[Path, Channel]) -> None:
    drive, channel = original
    shelf = shelf_of_directory(drive)
    (offer,) = shelf.offers
    assert offer.channel == channel
    assert (offer.resources, offer.lacking) == (channel.resources, 0)
    assert offer.size == sum(file.size for file in channel.files)
    database = f"databases/{channel.id}.sqlite3"
    assert names(shelf) == {database, *(file.path.as_posix() for file in channel.files)}
    assert all(shelf.bodies[file.path.as_posix()].md5 == file.md5 for file in channel.files)
    assert shelf.bodies[database].md5 == shelf.bodies[database].stored.md5()
    assert shelf.md5s == {file.md5 for file in channel.files}


@pytest.mark.parametrize("fault", ["missing", "short"])
def test_what_lacks_a_file_offers_a_resource_less(drive: tuple[Path, Channel], fault: str) -> None:
    directory, channel = drive
    lacking = app(channel)
    file = directory / "content" / lacking
    file.unlink() if fault == "missing" else file.write_bytes(b"short")
    shelf = shelf_of_directory(directory)
    (offer,) = shelf.offers
    assert (offer.resources, offer.lacking, offer.files) == (channel.resources - 1, 1, len(channel.files) - 1)
    assert lacking not in shelf.bodies


def test_a_manifest_offers_a_part(drive: tuple[Path, Channel]) -> None:
    directory, channel = drive
    with closing(sqlite3.connect(directory / "content" / "databases" / f"{channel.id}.sqlite3")) as database:
        (topic,) = database.execute("SELECT id FROM content_contentnode WHERE lang_id = 'sw' AND level = 1").fetchone()
    entry = {"id": channel.id, "version": 1, "include_node_ids": [topic]}
    (directory / "content" / "manifest.json").write_text(json.dumps({"channels": [entry]}))
    shelf = shelf_of_directory(directory)
    (offer,) = shelf.offers
    assert offer.resources == channel.resources / 2
    assert len(shelf.bodies) == offer.files + 1 < len(channel.files)


def test_a_link_never_leads_out(drive: tuple[Path, Channel], tmp_path: Path) -> None:
    directory, channel = drive
    file = directory / "content" / app(channel)
    secret = tmp_path / "secret"
    file.rename(secret)
    file.symlink_to(secret)
    letter = directory / "content" / "storage" / channel.files[-1].name[0]
    letter.rename(tmp_path / "letter")
    letter.symlink_to(tmp_path / "letter")
    shelf = shelf_of_directory(directory)
    assert app(channel) not in shelf.bodies
    assert channel.files[-1].path.as_posix() not in shelf.bodies


def test_nothing_else_in_the_directory_is_offered(drive: tuple[Path, Channel]) -> None:
    directory, _channel = drive
    before = names(shelf_of_directory(directory))
    storage = directory / "content" / "storage" / "0" / "0"
    storage.mkdir(parents=True, exist_ok=True)
    (storage / f"{'0' * 32}.mp4").write_bytes(b"of no channel")
    (directory / "content" / "databases" / "notes.txt").write_text("private")
    assert names(shelf_of_directory(directory)) == before


def test_a_channel_without_any_file_is_not_offered(drive: tuple[Path, Channel]) -> None:
    directory, channel = drive
    shutil.rmtree(directory / "content" / "storage")
    shelf = shelf_of_directory(directory)
    assert [offer.resources for offer in shelf.offers] == [0]
    assert shelf.offers[0].lacking == len(channel.files)
    assert names(shelf) == set()


def test_only_what_was_asked_for_is_offered(drive: tuple[Path, Channel]) -> None:
    directory, channel = drive
    other = make_demo_channel(directory / "content", languages=("fr",), lessons=1)
    assert len(shelf_of_directory(directory).offers) == 2
    (offer,) = shelf_of_directory(directory, only=[other.id]).offers
    assert offer.channel == other
    with pytest.raises(PlanError, match="does not hold channel ffff") as caught:
        shelf_of_directory(directory, only=["f" * 32])
    assert channel.id in str(caught.value)


def test_a_directory_without_channels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "databases").mkdir()
    with pytest.raises(PlanError, match="holds no channel"):
        shelf_of_directory(tmp_path)

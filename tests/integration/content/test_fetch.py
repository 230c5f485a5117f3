"""Fetching as a whole: several channels and sources, disks that are full, and what people are told."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from builder.content.fetch import NotFetched, Wanted, fetch_files
from builder.content.pool.pool import ContentPool
from builder.content.pool.room import PoolFull
from builder.content.source.directory import DirectorySource
from builder.content.source.home import open_home
from builder.errors import HostError, PlanError
from builder.kolibri.channels import find_channels
from builder.kolibri.demo.channel import make_demo_channel
from builder.progress import JsonReporter, Reporter

MIB = 1 << 20


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two channels on one drive, which share files."""
    directory = tmp_path_factory.mktemp("two")
    for languages in (("en",), ("en", "fr")):
        make_demo_channel(directory / "content", languages=languages, lessons=2)
    return directory, find_channels(directory)


def fetch(pool, *wanted, offline=False, reporter=None):
    asked = [
        Wanted(
            name=channel.name,
            files=channel.files,
            sources=tuple(lambda at=at: DirectorySource(directory=at) for at in places),
        )
        for channel, places in wanted
    ]
    fetch_files(asked, pool, offline=offline, reporter=reporter or Reporter())


def test_files_of_two_channels_come_once(two, pool):
    directory, (one, other) = two
    shared = set(one.files) & set(other.files)
    assert shared
    stream = io.StringIO()
    fetch(pool, (one, [directory]), (other, [directory]), reporter=JsonReporter(stream))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    total = sum(file.size for file in {*one.files, *other.files})
    amounts = [event for event in events if event["event"] == "amount"]
    assert (amounts[-1]["done"], amounts[-1]["total"]) == (total, total)
    assert pool.missing((*one.files, *other.files)) == ()
    fetch(pool, (one, []), (other, []), reporter=JsonReporter(again := io.StringIO()))
    assert again.getvalue() == ""


def test_one_channel_fails_and_the_other_comes(two, pool, tmp_path):
    directory, (one, other) = two
    poor = tmp_path / "poor"
    shutil.copytree(directory, poor)
    for file in one.files:
        (poor / "content" / file.path).unlink()
    stream = io.StringIO()
    with pytest.raises(NotFetched) as caught:
        fetch(pool, (one, [poor, tmp_path / "not there"]), (other, [poor, directory]), reporter=JsonReporter(stream))
    error = caught.value
    assert error.exit_code == PlanError.exit_code
    assert error.message.startswith(f"{len(one.files)} files of content (")
    assert str(error).count("\n") == 2, "one line for all that fail alike"
    assert f"and {len(one.files) - 1} more files: drive {poor}: No such file or directory; " in error.details
    assert f"{tmp_path / 'not there'} holds no Kolibri content" in error.details
    assert pool.missing(other.files) == ()


def test_what_came_for_nothing_is_taken_back(two, pool, tmp_path):
    """Of a source that is not there, and of one that spoilt everything; the bar ends at what there was to bring."""
    directory, (one, _) = two
    spoilt = tmp_path / "spoilt"
    shutil.copytree(directory, spoilt)
    for file in one.files:
        (spoilt / "content" / file.path).write_bytes(os.urandom(file.size))
    sources = (
        lambda: open_home(tmp_path / "no home"),
        lambda: DirectorySource(directory=spoilt),
        lambda: DirectorySource(directory=directory),
    )
    reporter = JsonReporter(stream := io.StringIO())
    fetch_files([Wanted(name=one.name, files=one.files, sources=sources)], pool, offline=False, reporter=reporter)
    amounts = [event for event in map(json.loads, stream.getvalue().splitlines()) if event["event"] == "amount"]
    total = sum(file.size for file in one.files)
    assert (amounts[-1]["done"], amounts[-1]["total"]) == (total, total)
    wanted = Wanted(name=one.name, files=one.files, sources=sources[:2])
    with pytest.raises(NotFetched, match="is not the home of a Kolibri"):
        fetch_files([wanted], ContentPool(tmp_path / "other"), offline=False, reporter=Reporter())


def test_long_lists_of_reasons_are_cut(two, pool, tmp_path):
    directory, (_, other) = two
    spoilt = tmp_path / "spoilt"
    shutil.copytree(directory, spoilt)
    assert len(other.files) < 20
    for number, file in enumerate(other.files):
        (spoilt / "content" / file.path).write_bytes(os.urandom(file.size) if number else b"")
    with pytest.raises(NotFetched) as caught:
        fetch(pool, (other, [spoilt]))
    lines = caught.value.details.splitlines()
    if len(other.files) > 10:
        assert len(lines) == 11
        assert lines[-1] == f"and {len(other.files) - 10} more"


def test_without_network_nothing_is_asked(two, pool):
    directory, (one, _) = two
    with pytest.raises(PlanError, match="the network may not be used") as caught:
        fetch(pool, (one, [directory]), offline=True)
    assert f"{one.name}: {len(one.files)} files" in caught.value.details
    fetch(pool, (one, [directory]))
    fetch(pool, (one, []), offline=True)


@pytest.mark.in_namespace
def test_a_disk_that_is_too_small_is_refused_before_anything_is_brought(two, tmp_path):
    directory, (one, _) = two
    room = mounted(tmp_path / "small", "size=512k")
    with pytest.raises(PoolFull) as caught:
        fetch(ContentPool(room / "pool"), (one, [directory]))
    text = str(caught.value)
    assert "of content are missing, but the pool's disk has only 512.0 KiB free" in text
    assert "make room for" in text
    assert not (room / "pool" / "arriving").exists()


@pytest.mark.in_namespace
def test_a_disk_that_lies_is_met_by_the_write_that_fails(two, tmp_path):
    """It says that there is room, and has none for further files; what arrived stays, and a larger disk goes on."""
    directory, (one, _) = two
    room = mounted(tmp_path / "small", "size=512m,nr_inodes=20")
    pool = ContentPool(room / "pool")
    with pytest.raises(PoolFull) as caught:
        fetch(pool, (one, [directory]))
    assert "No space left on device; " in caught.value.message
    assert caught.value.message.endswith("are still to come")
    arrived = [file for file in one.files if pool.path(file).exists()]
    assert 0 < len(arrived) < len(one.files)
    subprocess.run(["mount", "-o", "remount,nr_inodes=2000", room], check=True)
    fetch(pool, (one, [directory]))
    assert pool.missing(one.files) == ()


@pytest.mark.in_namespace
def test_a_disk_that_others_fill_meanwhile_is_said(two, tmp_path):
    directory, (one, _) = two
    room = mounted(tmp_path / "small", f"size={(64 * MIB + 2 * sum(file.size for file in one.files)) // 1024}k")
    pool = ContentPool(room / "pool")

    class Greedy(Reporter):
        def on_start(self, name, detail):
            with (room / "hog").open("wb") as hog:
                os.posix_fallocate(hog.fileno(), 0, shutil.disk_usage(room).free - MIB // 2)

    with pytest.raises(HostError, match="No space left on device") as caught:
        fetch(pool, (one, [directory]), reporter=Greedy())
    assert isinstance(caught.value, PoolFull)
    (room / "hog").unlink()
    fetch(pool, (one, [directory]))
    assert pool.missing(one.files) == ()


def mounted(place: Path, options: str) -> Path:
    """A small file system; it ends with the process."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place], check=True)
    return place

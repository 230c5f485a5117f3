"""Real Kolibri servers: whole ones, partial ones, damaged ones, and one that dies half way."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing

import pytest

from builder.content.fetch import NotFetched, Wanted, fetch_files
from builder.content.pool.pool import DATE_S
from builder.content.source.directory import DirectorySource
from builder.content.source.server import ServerSource
from builder.errors import HostError, PlanError
from builder.kolibri.channels import read_channel
from builder.kolibri.selection import Choice
from builder.progress import Reporter
from builder.web import Patience

from .peers import Peer

HASTY = Patience(connect_s=2, silence_s=5, pauses_s=(0.05, 0.05))


def fetch(channel, sources, pool):
    wanted = Wanted(
        name=channel.name, files=channel.files, sources=tuple(lambda source=source: source for source in sources)
    )
    fetch_files([wanted], pool, offline=False, reporter=Reporter())


def same(pool, drive, channel):
    """Everything is in the pool, and is what lies on the drive."""
    assert pool.missing(channel.files) == ()
    for file in channel.files:
        assert pool.path(file).read_bytes() == (drive / "content" / file.path).read_bytes()
    stored = {path.name for path in (pool.root / "storage").rglob("*") if path.is_file()}
    assert stored == {file.name for file in channel.files}
    assert list((pool.root / "arriving").iterdir()) == []


def test_a_channel_comes_whole_byte_for_byte(server, drive, pool, tmp_path):
    source, (directory, channel) = ServerSource(server.address), drive
    ((listed),) = source.channels()
    assert (listed.id, listed.name, listed.version) == (channel.id, channel.name, channel.version)
    assert source.identify(channel.id) == channel.id
    database = tmp_path / "a database"
    assert source.database(channel.id, database) is None
    assert database.read_bytes() == (directory / "content" / "databases" / f"{channel.id}.sqlite3").read_bytes()
    told = []
    assert source.bring(channel.files, pool, advance=told.append) == {}
    assert sum(told) == sum(file.size for file in channel.files)
    same(pool, directory, channel)
    facts = pool.path(channel.files[0]).stat()
    assert (facts.st_mode & 0o777, facts.st_mtime) == (0o444, DATE_S)
    kept = pool.known()[channel.files[0].name]
    assert kept.origin == server.address
    assert kept.sha256 == hashlib.sha256(pool.path(channel.files[0]).read_bytes()).hexdigest()


def test_what_a_kolibri_does_not_have_is_said(server, tmp_path):
    source = ServerSource(server.address, patience=HASTY)
    assert source.identify("f" * 32) is None
    for token in ("abcde-fghij", "abcdefghij", "sw/../x?y"):
        with pytest.raises(PlanError, match="knows no tokens") as caught:
            source.identify(token)
        assert "abcde-fghij" in str(caught.value.hint)
    with pytest.raises(PlanError, match="does not have channel ffff"):
        source.database("f" * 32, tmp_path / "database")


def test_which_files_it_has_is_asked_in_numbers_that_it_can_print(server, drive):
    """A Kolibri on Python 3.11 answers 500 to a question about 20,000 files at once."""
    strangers = [hashlib.md5(b"%d" % number).hexdigest() for number in range(20_000)]
    known = [file.md5 for file in drive[1].files]
    assert ServerSource(server.address)._has([*strangers, *known]) == set(known)


def test_a_part_of_a_channel_is_understood(kolibri_venv, drive, pool, tmp_path):
    directory, channel = drive
    database = directory / "content" / "databases" / f"{channel.id}.sqlite3"
    with closing(sqlite3.connect(database)) as opened:
        query = "SELECT id FROM content_contentnode WHERE lang_id = 'sw' AND kind = 'topic'"
        (topic,) = opened.execute(query).fetchone()
    peer = Peer(venv=kolibri_venv, home=tmp_path / "home")
    peer.take_part(directory, channel.id, topic)
    with peer.served() as served:
        source = ServerSource(served.address)
        offered = source.database(channel.id, tmp_path / "database")
        part = read_channel(tmp_path / "database", Choice(), offered=offered, named=channel.id)
        assert part.nodes == (topic,)
        assert (part.languages, part.resources) == (("sw",), channel.resources // 2)
        assert source.bring(part.files, pool, advance=lambda _: None) == {}
        same(pool, directory, part)
        lacking = set(channel.files) - set(part.files)
        failed = source.bring(channel.files, pool, advance=lambda _: None)
        assert set(failed) == lacking
        assert set(failed.values()) == {"the server does not have it"}


def test_a_server_that_dies_half_way_is_gone_on_with(whole, drive, pool):
    directory, channel = drive
    total = sum(file.size for file in channel.files)
    with whole.served() as served:
        arrived = 0

        def pull_the_plug(amount):
            nonlocal arrived
            arrived += amount
            if arrived > total // 2 and served.process.poll() is None:
                served.kill()

        source = ServerSource(served.address, connections=2, patience=HASTY)
        failed = source.bring(channel.files, pool, advance=pull_the_plug)
    left = pool.missing(channel.files)
    assert set(failed) == set(left)
    assert 0 < len(left) < len(channel.files)
    assert all(reason.startswith("the server went away: ") for reason in failed.values())
    with whole.served() as served:
        told = []
        assert ServerSource(served.address).bring(left, pool, advance=told.append) == {}
    assert sum(told) == sum(file.size for file in left)
    same(pool, directory, channel)


def test_the_next_source_takes_over_from_one_that_dies(whole, drive, pool):
    directory, channel = drive
    with whole.served() as served:
        source = ServerSource(served.address, connections=1, patience=HASTY)
        first = max(channel.files, key=lambda file: file.size)
        assert source.bring([first], pool, advance=lambda _: None) == {}
        served.kill()
        fetch(channel, [source, DirectorySource(directory=directory)], pool)
    same(pool, directory, channel)
    origins = {kept.name: kept.origin for kept in pool.known().values()}
    assert origins.pop(first.name) == served.address
    assert set(origins.values()) == {f"drive {directory}"}


def test_only_the_rest_of_a_file_is_asked_for(server, drive, pool):
    directory, channel = drive
    file = max(channel.files, key=lambda file: file.size)
    body = (directory / "content" / file.path).read_bytes()
    (pool.root / "arriving").mkdir(parents=True)
    (pool.root / "arriving" / file.name).write_bytes(body[: file.size - 1000])
    told = []
    assert ServerSource(server.address).bring([file], pool, advance=told.append) == {}
    assert told == [file.size - 1000, 1000]
    assert pool.path(file).read_bytes() == body


def test_a_wrong_beginning_is_thrown_away(server, drive, pool):
    file = max(drive[1].files, key=lambda file: file.size)
    (pool.root / "arriving").mkdir(parents=True)
    (pool.root / "arriving" / file.name).write_bytes(bytes(1000))
    assert ServerSource(server.address).bring([file], pool, advance=lambda _: None) == {}
    assert pool.missing([file]) == ()


def test_files_that_a_server_spoilt_come_from_the_next_source(whole, drive, pool, tmp_path):
    directory, channel = drive
    peer = whole.clone(tmp_path / "home")
    flipped, short, gone = channel.files[:3]
    damaged = bytearray((peer.content / flipped.path).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (peer.content / flipped.path).write_bytes(damaged)
    (peer.content / short.path).write_bytes((peer.content / short.path).read_bytes()[:-100])
    (peer.content / gone.path).unlink()
    with peer.served() as served:
        source = ServerSource(served.address, patience=HASTY)
        with pytest.raises(NotFetched) as caught:
            fetch(channel, [source], pool)
        text = str(caught.value)
        assert text.startswith("3 files of content")
        for file, reason in (
            (flipped, f"MD5 {hashlib.md5(damaged).hexdigest()}"),
            (short, f"the server has {short.size - 100} bytes instead of {short.size}"),
            (gone, "the server does not have it"),
        ):
            assert f"{channel.name}, {file.name}: {served.address}: {reason}" in text
            assert not pool.path(file).exists()
        fetch(channel, [source, DirectorySource(directory=directory)], pool)
    same(pool, directory, channel)


def test_a_channel_of_a_newer_kolibri_is_refused(whole, drive, tmp_path):
    channel = drive[1]
    peer = whole.clone(tmp_path / "home")
    with closing(sqlite3.connect(peer.content / "databases" / f"{channel.id}.sqlite3")) as database, database:
        database.execute("UPDATE content_channelmetadata SET min_schema_version = '6'")
    with peer.served() as served, pytest.raises(PlanError, match="is written for content schema 6"):
        ServerSource(served.address).database(channel.id, tmp_path / "database")


def test_a_database_cannot_lead_out_of_the_pool(drive, tmp_path):
    """Names of files come out of databases, and databases from anybody."""
    database = tmp_path / "database"
    shutil.copyfile(drive[0] / "content" / "databases" / f"{drive[1].id}.sqlite3", database)
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("UPDATE content_localfile SET extension = '/../../../x' WHERE extension = 'png'")
    with pytest.raises(PlanError, match=r"a file named '[0-9a-f]{32}\./\.\./"):
        read_channel(database, Choice(), named=drive[1].id)


def test_nobody_there(pool, drive):
    source = ServerSource("http://127.0.0.1:1", patience=HASTY)
    with pytest.raises(HostError, match=r"http://127\.0\.0\.1:1 cannot be used: connection refused"):
        source.channels()
    failed = source.bring(drive[1].files, pool, advance=lambda _: None)
    assert set(failed.values()) == {"the server went away: connection refused"}
    assert set(failed) == set(drive[1].files)

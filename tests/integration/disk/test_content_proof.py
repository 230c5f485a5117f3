"""Content in a finished file system is compared with the MD5 in its name, wherever the damage came from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from builder.content.laying import Piece, lay_content, settle_dates, write_marker
from builder.content.pool.pool import DATE_S, ContentPool
from builder.content.proof import content_of, prove_content
from builder.content.source.directory import DirectorySource
from builder.disk.ext4 import make_ext4, needed_bytes
from builder.disk.source import Source
from builder.errors import BuildFailed
from builder.kolibri.channels import Channel
from builder.kolibri.demo.channel import make_demo_channel

from .disk_bench import Bench

pytestmark = pytest.mark.in_namespace


@pytest.fixture
def laid(bench: Bench) -> tuple[Path, Channel]:
    """A content partition's tree, by further names of a pool's files."""
    drive, tree = bench.directory / "drive", bench.directory / "mount"
    channel = make_demo_channel(drive / "content", languages=("en",), lessons=2)
    pool = ContentPool(bench.directory / "pool")
    failed = DirectorySource(directory=drive).bring(channel.files, pool, advance=lambda _size: None)
    assert failed == {}
    database = drive / "content" / "databases" / f"{channel.id}.sqlite3"
    lay_content(tree / "kolibri", [Piece(database=database, channel=channel)], pool)
    write_marker(tree, [channel])
    settle_dates(tree)
    return tree, channel


def made(bench: Bench, tree: Path) -> Path:
    source, out = Source(path=tree), bench.directory / "content.img"
    partition = bench.partition(needed_bytes(source, read_only=True), filesystem="ext4")
    make_ext4(bench.tools, source, partition, out=out, epoch=DATE_S, read_only=True)
    return out


def test_whole_content_is_read_to_its_end(bench: Bench, laid: tuple[Path, Channel]) -> None:
    tree, channel = laid
    read: list[int] = []
    prove_content(made(bench, tree), content_of(tree), advance=read.append)
    assert sum(read) == sum(file.size for file in channel.files)
    assert sorted(content_of(tree).values()) == sorted(file.md5 for file in channel.files)


def test_a_single_wrong_bit_is_found(bench: Bench, laid: tuple[Path, Channel]) -> None:
    tree, channel = laid
    image = made(bench, tree)
    victim = channel.files[0]
    body = (tree / "kolibri" / victim.path).read_bytes()
    data = image.read_bytes()
    at = data.index(body[:4096]) + min(len(body), 4096) // 2
    with image.open("r+b") as file:
        file.seek(at)
        file.write(bytes([data[at] ^ 1]))
    with pytest.raises(BuildFailed, match="not what it was") as caught:
        prove_content(image, content_of(tree))
    assert f"kolibri/{victim.path} has MD5" in str(caught.value.details)


def test_a_file_that_did_not_arrive_is_found(bench: Bench, laid: tuple[Path, Channel]) -> None:
    tree, channel = laid
    expected = content_of(tree)
    (tree / "kolibri" / channel.files[0].path).unlink()
    with pytest.raises(BuildFailed) as caught:
        prove_content(made(bench, tree), expected)
    assert str(caught.value.details) == f"kolibri/{channel.files[0].path} is missing"


def test_the_same_content_makes_the_same_file_system(bench: Bench, laid: tuple[Path, Channel]) -> None:
    tree, _ = laid
    first = hashlib.sha256(made(bench, tree).read_bytes()).hexdigest()
    for path in sorted((tree / "kolibri/databases").iterdir()):
        again = path.read_bytes()
        path.unlink()
        path.write_bytes(again)
    settle_dates(tree)
    assert hashlib.sha256(made(bench, tree).read_bytes()).hexdigest() == first

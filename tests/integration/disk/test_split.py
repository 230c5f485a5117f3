"""The same disk left in parts: the same bytes, and nothing written that the cache holds."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from builder.disk.assemble import Piece, Pieces
from builder.disk.blockmap import block_map
from builder.disk.ext4 import make_ext4
from builder.disk.extents import Extent, copy_extent, data_extents
from builder.disk.image import disk_image
from builder.disk.read import read_table
from builder.disk.source import Source
from builder.disk.split import Part, _cloned, share, split
from builder.errors import BuildFailed
from builder.host.places import separate_cache
from builder.host.record import read_record
from builder.host.store import Store
from builder.plan.layout import Layout
from builder.progress import Recorder, Reporter
from builder.publication import Summed, sum_parts, sum_whole
from builder.recipe.model import Outputs
from builder.units import GIB, MIB

from .disk_bench import EPOCH, Bench
from .test_disk_image import WANTED, esp_files, make_disk

KEY = "a" * 64


def joined(image: Path, out: Path) -> Path:
    """The parts of an image one behind the other, without their holes."""
    disk = disk_image(image)
    with out.open("xb") as target:
        target.truncate(disk.size_bytes)
        for stretch in disk.stretches:
            with stretch.path.open("rb") as source:
                for extent in data_extents(source.fileno()):
                    first = max(extent.start, stretch.offset_bytes)
                    length = min(extent.end, stretch.offset_bytes + stretch.size_bytes) - first
                    if length > 0:
                        at = stretch.start_bytes + first - stretch.offset_bytes
                        inside = Extent(first, length)
                        copy_extent(source.fileno(), inside, target.fileno(), at=at, advance=lambda _: None)
    return out


def in_same_blocks(one: Path, other: Path) -> bool:
    """Whether nothing was copied: they are one file, or lie where files can share their blocks."""
    return one.samefile(other) or _cloned(one, one.with_name("probe"))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.in_namespace
def test_whole_and_split_are_the_same_disk(bench: Bench) -> None:
    layout, whole, mapped = make_disk(bench, esp_files(), kept=("bios", "esp", "root", "content", "data"))
    kept = {"content": "c" * 64, "data": "d" * 64}
    of = {}
    for partition in layout.partitions:
        path = bench.directory / f"{partition.name}.img"
        of[partition.name] = Piece(path=path, key=kept.get(partition.name))
        if partition.name in kept:
            os.truncate(path, partition.size_bytes)
    image = bench.directory / "disk.vmdk"
    with whole.open("rb") as file:
        pieces = Pieces(of=of, boot_code=file.read(440))
    parts = split(bench.tools, layout, pieces, image=image)

    assert sha256(joined(image, bench.directory / "joined.img")) == sha256(whole)
    assert read_table(image) == read_table(whole)
    at = ("/job/at/disk.vmdk", "/job/at/disk.img")
    said = bench.look("qemu-img", "compare", "-f", "vmdk", "-F", "raw", *at, at=bench.directory)
    assert "identical" in said
    for partition in layout.partitions:
        piece, part = of[partition.name], image.with_name(f"disk.{partition.number}-{partition.name}.part")
        assert part.stat().st_size == partition.size_bytes
        if piece.key is None:
            assert not piece.path.exists(), "it was moved, not copied"
        else:
            assert in_same_blocks(piece.path, part)
    assert {path.name for path in bench.directory.glob("disk.*")} == {
        "disk.img",
        "disk.vmdk",
        *(part.path.name for part in parts),
    }

    with separate_cache(bench.directory / "cache", shared=()):
        of_parts = sum_parts(image, parts, recipe="test", reporter=Reporter())
    of_whole = sum_whole(whole, mapped, Outputs(zst=False), reporter=Reporter())
    assert map_of(of_parts) == map_of(of_whole)
    assert {name: record.sha256 for name, record in of_parts.digests.items()} == {
        path.name: sha256(path) for path in disk_image(image).files
    }


def map_of(summed: Summed) -> str:
    return block_map(summed.ranges, image_bytes=summed.size_bytes)


def kept_partition(bench: Bench, layout: Layout) -> Piece:
    """A large file system that is nearly empty, made once and kept as builds keep it."""
    source, placed = bench.directory / "tree", layout.partition("content")
    source.mkdir(exist_ok=True)
    (source / "small").write_text("a file")

    def build(directory: Path) -> None:
        out = directory / "image"
        make_ext4(bench.tools, Source(path=source), placed, out=out, epoch=EPOCH, read_only=True)
        os.truncate(out, placed.size_bytes)
        out.chmod(0o444)

    store = Store("partitions")
    entry = store.obtain(KEY, name="content", parts={}, build=build, reporter=Reporter(), linked=True)
    return Piece(path=entry.path / "image", key=entry.key)


@pytest.mark.in_namespace
def test_what_is_kept_is_neither_made_nor_written_nor_read_again(bench: Bench) -> None:
    tools = bench.tools
    layout = bench.layout({"name": "content", "size": "2GiB", "filesystem": "ext4", "mount": "/srv/content"})
    told = Recorder(Reporter())

    def built(name: str) -> tuple[Part, Piece, Summed]:
        directory = bench.directory / name
        directory.mkdir()
        piece = kept_partition(bench, layout)
        parts = split(tools, layout, Pieces(of={"content": piece}), image=directory / "x.vmdk")
        return parts[1], piece, sum_parts(directory / "x.vmdk", parts, recipe="test", reporter=told)

    with separate_cache(bench.directory / "cache", shared=()):
        first, piece, sums = built("first")
        made = [read_record(entry.path) for kind in ("partitions", "sums") for entry in Store(kind).entries()]
        second, again, same_sums = built("second")
        assert [
            read_record(entry.path) for kind in ("partitions", "sums") for entry in Store(kind).entries()
        ] == made, "both were found"
        assert len(made) == 2
    assert sum(step.name == "read x.1-content.part" for step in told.steps) == 1
    assert again == piece
    assert in_same_blocks(piece.path, first.path)
    assert in_same_blocks(piece.path, second.path)
    assert (second.mapped, same_sums) == (first.mapped, sums)
    assert first.path.stat().st_size == 2 * GIB
    assert first.path.stat().st_blocks * 512 < 100 * MIB
    assert sums.digests["x.1-content.part"].sha256 == sha256(first.path)


@pytest.mark.in_namespace
def test_a_piece_larger_than_its_partition_is_refused_before_anything_is_written(bench: Bench) -> None:
    layout = bench.layout(*WANTED, needed={"content": 0})
    piece = bench.directory / "esp.img"
    with piece.open("wb") as file:
        file.truncate(65 * MIB)
    with pytest.raises(BuildFailed, match=r"into partition esp has 65.0 MiB, but the partition has 64.0 MiB"):
        split(bench.tools, layout, Pieces(of={"esp": Piece(path=piece)}), image=bench.directory / "disk.vmdk")
    assert list(bench.directory.glob("disk.*")) == []


def sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(64 * MIB)
        file.seek(32 * MIB)
        file.write(os.urandom(MIB))
    return path


def test_on_one_file_system_a_file_is_shared(tmp_path: Path) -> None:
    source = sparse(tmp_path / "kept")
    share(source, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == source.read_bytes()
    assert in_same_blocks(source, tmp_path / "part")


def test_on_another_file_system_a_file_is_copied_without_its_holes(tmp_path: Path) -> None:
    source = sparse(tmp_path / "kept")
    with TemporaryDirectory(dir="/dev/shm") as elsewhere:
        part = Path(elsewhere, "part")
        if part.parent.stat().st_dev == source.stat().st_dev:
            pytest.skip("there is only one file system")
        share(source, part)
        assert part.read_bytes() == source.read_bytes()
        assert part.stat().st_blocks * 512 <= 2 * MIB

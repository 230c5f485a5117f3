"""A whole disk from pieces: what tools that are not ours say about it, also on a card that had another life."""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import pytest

from builder.disk.assemble import Piece, Pieces, assemble
from builder.disk.blockmap import block_map
from builder.disk.btrfs import make_btrfs
from builder.disk.ext4 import make_ext4
from builder.disk.extents import Extent
from builder.disk.grub import boot_code_for, make_bios_boot
from builder.disk.publish import FRAME, Published, publish
from builder.disk.read import read_table
from builder.disk.source import Source
from builder.disk.superblock import PROBE_BYTES, identify
from builder.disk.vfat import make_vfat
from builder.errors import BuildFailed, PlanError
from builder.host.sandbox import Mount
from builder.plan.layout import Layout
from builder.progress import Reporter
from builder.units import MIB

from .disk_bench import EPOCH, HIDDEN, Bench, flashed_on_used_card

GOLDEN = Path(__file__).parents[2] / "golden/disk"
WANTED: tuple[dict[str, object], ...] = (
    {"name": "bios", "type": "bios-boot", "size": "4MiB"},
    {"name": "esp", "type": "esp", "size": "64MiB", "filesystem": "vfat", "label": "SATCHEL", "mount": "/boot/efi"},
    {"name": "root", "size": "200MiB", "filesystem": "btrfs", "label": "root", "mount": "/"},
    {"name": "content", "size": "fit", "filesystem": "ext4", "label": "content", "mount": "/srv/content"},
    {"name": "data", "size": "64MiB", "filesystem": "ext4", "label": "data", "mount": "/srv/data", "grow": True},
)


def esp_files() -> dict[str, Path | bytes]:
    return {
        "EFI/BOOT/BOOTX64.EFI": os.urandom(100_000),
        "loader/entries/satchel.conf": b"title x\n",
        "loader/loader.conf": b"timeout 2\n",
        "satchel/empty": b"",
        "satchel/initrd.img": os.urandom(5 * MIB),
        "top.txt": b"top",
    }


def make_disk(
    bench: Bench, files: dict[str, Path | bytes], *, kept: Iterable[str] = ()
) -> tuple[Layout, Path, tuple[Extent, ...]]:
    tree = bench.tree()
    layout = bench.layout(*WANTED, needed={"content": 40 * MIB})
    pieces = {partition.name: bench.directory / f"{partition.name}.img" for partition in layout.partitions}
    part = layout.partition
    make_vfat(bench.tools, files, part("esp"), out=pieces["esp"], epoch=EPOCH)
    make_btrfs(bench.tools, {"@": Source(path=tree, hidden=HIDDEN)}, part("root"), out=pieces["root"], epoch=EPOCH)
    content, data = Source(path=tree / "etc"), Source(path=tree / "srv/data")
    make_ext4(bench.tools, content, part("content"), out=pieces["content"], epoch=EPOCH, read_only=True)
    make_ext4(bench.tools, data, part("data"), out=pieces["data"], epoch=EPOCH, read_only=False)
    make_bios_boot(bench.tools, part("bios"), esp=part("esp"), out=pieces["bios"])
    image = bench.directory / "disk.img"
    of = {name: Piece(path=path, key=name if name in kept else None) for name, path in pieces.items()}
    whole = Pieces(of=of, boot_code=boot_code_for(bench.tools, part("bios")))
    return layout, image, assemble(bench.tools, layout, whole, image=image, reporter=Reporter())


def carve(card: Path, layout: Layout, name: str) -> Path:
    partition = layout.partition(name)
    out = card.with_name(f"carved-{name}.img")
    with card.open("rb") as file:
        file.seek(partition.start_bytes)
        out.write_bytes(file.read(partition.size_bytes))
    return out


@pytest.mark.in_namespace
def test_a_card_that_had_another_life_is_sound(bench: Bench) -> None:
    files = esp_files()
    layout, image, mapped = make_disk(bench, files)
    assert image.stat().st_size == layout.size_bytes
    card = flashed_on_used_card(image, [(part.start, part.length) for part in mapped], bench.directory / "card.img")
    assert "No errors detected" in bench.look("sfdisk", "--verify", "/job/at", at=card)
    assert (GOLDEN / "table.dump").read_text() == bench.look("sfdisk", "--dump", "/job/at", at=card) + "\n"

    bench.look("btrfs", "check", "--check-data-csum", "/job/at", at=carve(card, layout, "root"))
    for name in ("content", "data"):
        bench.look("e2fsck", "-fn", "/job/at", at=carve(card, layout, name))
    esp = carve(card, layout, "esp")
    bench.look("fsck.vfat", "-n", "/job/at", at=esp)
    assert b"FAT32" in esp.read_bytes()[:512]
    bench.look("mcopy", "-s", "-i", "/job/at", "::/", "/job/out/", at=esp)
    got = {
        str(path.relative_to(bench.directory / "out")): path.read_bytes()
        for path in (bench.directory / "out").rglob("*")
        if path.is_file()
    }
    assert got == files
    for partition in layout.partitions[1:]:
        found = identify(carve(card, layout, partition.name).read_bytes()[:PROBE_BYTES])
        assert found is not None
        assert (found.type, found.label) == (partition.filesystem, partition.label)
        assert (found.uuid, found.size_bytes) == (partition.filesystem_uuid, partition.size_bytes)
    # Where another file system's signature may have been, there is none.
    assert not carve(card, layout, "root").read_bytes()[: 64 << 10].strip(b"\0")
    for name in ("bios", "esp", "content", "data"):
        assert not carve(card, layout, name).read_bytes()[-(128 << 10) :].strip(b"\0")
    # ext4 says that its inode tables are zeroed, so they must be.
    data = carve(card, layout, "data")
    tables = re.findall(r"Inode table at (\d+)-(\d+)", bench.look("dumpe2fs", "/job/at", at=data))
    assert tables
    for first, last in tables:
        assert b"\xa5" * 256 not in data.read_bytes()[int(first) * 4096 : (int(last) + 1) * 4096]


@pytest.mark.in_namespace
def test_a_vfat_is_the_same_every_time(bench: Bench) -> None:
    files = esp_files()
    partition = bench.layout(*WANTED, needed={"content": 0}).partition("esp")
    first, second = bench.directory / "first.img", bench.directory / "second.img"
    make_vfat(bench.tools, files, partition, out=first, epoch=EPOCH)
    make_vfat(bench.tools, dict(reversed(files.items())), partition, out=second, epoch=EPOCH)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.in_namespace
def test_files_that_do_not_fit_the_esp_are_told_with_sizes(bench: Bench) -> None:
    partition = bench.layout(*WANTED, needed={"content": 0}).partition("esp")
    files: dict[str, Path | bytes] = {"satchel/initrd.img": os.urandom(70 * MIB)}
    with pytest.raises(PlanError, match=r"partition esp has 64.0 MiB, but its files need 71.\d MiB"):
        make_vfat(bench.tools, files, partition, out=bench.directory / "esp.img", epoch=EPOCH)


@pytest.mark.in_namespace
def test_the_holes_of_the_image_are_not_mapped_and_everything_else_is(bench: Bench) -> None:
    layout, image, mapped = make_disk(bench, esp_files())
    assert sum(extent.length for extent in mapped) < layout.size_bytes // 2
    content = image.read_bytes()
    end = 0
    for extent in mapped:
        assert extent.start % 4096 == extent.length % 4096 == 0
        assert not content[end : extent.start].strip(b"\0")
        end = extent.end
    assert end == layout.size_bytes


@pytest.mark.in_namespace
def test_a_piece_larger_than_its_partition_is_refused(bench: Bench) -> None:
    layout = bench.layout(*WANTED, needed={"content": 0})
    piece = bench.directory / "esp.img"
    with piece.open("wb") as file:
        file.truncate(65 * MIB)
    with pytest.raises(BuildFailed, match=r"into partition esp has 65.0 MiB, but the partition has 64.0 MiB"):
        assemble(
            bench.tools,
            layout,
            Pieces(of={"esp": Piece(path=piece, key="esp")}),
            image=bench.directory / "disk.img",
            reporter=Reporter(),
        )


@pytest.mark.in_namespace
def test_libparted_reads_what_sfdisk_wrote(bench: Bench) -> None:
    layout = bench.layout(*WANTED, needed={"content": 0})
    image = bench.directory / "disk.img"
    assemble(bench.tools, layout, Pieces(of={}), image=image, reporter=Reporter())
    table = read_table(image)
    assert (table.kind, table.size_bytes, table.sector_bytes) == ("gpt", layout.size_bytes, 512)
    for found, placed in zip(table.partitions, layout.partitions, strict=True):
        assert (found.number, found.name) == (placed.number, placed.name)
        assert (found.start_bytes, found.size_bytes) == (placed.start_bytes, placed.size_bytes)
    assert "bios_grub" in table.partitions[0].flags
    assert "esp" in table.partitions[1].flags


def sparse_image(path: Path) -> tuple[Extent, ...]:
    """An image whose data lies across frames, with empty frames between and a short last frame."""
    mapped = (
        Extent(0, 8192),
        Extent(FRAME - 4096, 8192),
        Extent(5 * FRAME, 3 * FRAME + 4096),
        Extent(12 * FRAME + 4096, 4096),
    )
    with path.open("wb") as file:
        file.truncate(12 * FRAME + 8192)
        for extent in mapped:
            file.seek(extent.start)
            file.write(os.urandom(extent.length // 2) + b"text" * (extent.length // 8))
    return mapped


def published(bench: Bench) -> tuple[Path, tuple[Extent, ...], Published]:
    image = bench.directory / "x.img"
    mapped = sparse_image(image)
    result = publish(image, mapped, zst=bench.directory / "x.img.zst", level=3, reporter=Reporter())
    return image, mapped, result


@pytest.mark.in_namespace
def test_bmaptool_accepts_the_block_map_and_copies_the_image(bench: Bench) -> None:
    image, _, result = published(bench)
    (bench.directory / "x.bmap").write_text(block_map(result.ranges, image_bytes=result.size_bytes))
    at = ("/job/at/x.bmap", "/job/at/x.img")
    said = bench.look("bmaptool", "copy", "--bmap", *at, "/job/out/copy.img", at=bench.directory)
    assert "error" not in said.lower()
    assert (bench.directory / "out/copy.img").read_bytes() == image.read_bytes()


@pytest.mark.in_namespace
def test_bmaptool_refuses_an_image_that_changed(bench: Bench) -> None:
    image, mapped, result = published(bench)
    (bench.directory / "x.bmap").write_text(block_map(result.ranges, image_bytes=result.size_bytes))
    with image.open("r+b") as file:
        file.seek(mapped[2].start + FRAME + 5)
        file.write(b"?")
    at = ("/job/at/x.bmap", "/job/at/x.img")
    said = bench.look("bmaptool", "copy", "--bmap", *at, "/job/out/copy.img", at=bench.directory, accept=(1,))
    assert "checksum mismatch" in said


def test_every_checksum_and_the_compressed_image_are_true(bench: Bench) -> None:
    image, mapped, result = published(bench)
    content, zst = image.read_bytes(), (bench.directory / "x.img.zst").read_bytes()
    assert result.sha256 == hashlib.sha256(content).hexdigest()
    assert (result.zst_bytes, result.zst_sha256) == (len(zst), hashlib.sha256(zst).hexdigest())
    covered = []
    for part in result.ranges:
        piece = content[part.extent.start : part.extent.end]
        assert part.sha256 == hashlib.sha256(piece).hexdigest()
        assert part.extent.start // FRAME == (part.extent.end - 1) // FRAME
        covered += range(part.extent.start // 4096, part.extent.end // 4096)
    assert covered == [block for part in mapped for block in range(part.start // 4096, part.end // 4096)]
    mount = Mount(target="/job/dir", source=bench.directory, writable=True)
    command = ("zstd", "--decompress", "--quiet", "/job/dir/x.img.zst", "-o", "/job/dir/again.img")
    bench.lab.sandbox(mount).run(command, why="decompress the image")
    assert (bench.directory / "again.img").read_bytes() == content


def test_any_frame_can_be_read_alone_by_the_seek_table(bench: Bench) -> None:
    from zstandard import ZstdDecompressor

    image, _, _ = published(bench)
    content, zst = image.read_bytes(), (bench.directory / "x.img.zst").read_bytes()
    count, descriptor, magic = struct.unpack("<IBI", zst[-9:])
    assert (count, descriptor, magic) == (13, 0, 0x8F92EAB1)
    table = zst[-9 - 8 * count : -9]
    assert struct.unpack("<II", zst[-17 - 8 * count : -9 - 8 * count]) == (0x184D2A5E, len(table) + 9)
    at = plain_at = 0
    for compressed, plain in struct.iter_unpack("<II", table):
        frame = ZstdDecompressor().decompress(zst[at : at + compressed])
        assert frame == content[plain_at : plain_at + plain]
        at, plain_at = at + compressed, plain_at + plain
    assert plain_at == len(content)
    assert at == len(zst) - len(table) - 17


def test_without_compression_only_checksums_are_made(bench: Bench) -> None:
    image = bench.directory / "x.img"
    result = publish(image, sparse_image(image), reporter=Reporter())
    assert result.sha256 == hashlib.sha256(image.read_bytes()).hexdigest()
    assert (result.zst_bytes, result.zst_sha256) == (None, None)


def test_the_golden_table_is_the_layout(bench: Bench) -> None:
    dump = (GOLDEN / "table.dump").read_text()
    layout = bench.layout(*WANTED, needed={"content": 40 * MIB})
    assert dump.count("start=") == len(layout.partitions)
    assert UUID(dump.split("label-id: ")[1].split()[0]) == layout.disk_guid


@pytest.mark.in_namespace
def test_a_piece_that_becomes_the_image_makes_the_same_image(bench: Bench) -> None:
    layout, image, copied = make_disk(bench, esp_files(), kept=("bios", "esp", "root", "content", "data"))
    of = {
        partition.name: Piece(
            path=bench.directory / f"{partition.name}.img", key="content" if partition.name == "content" else None
        )
        for partition in layout.partitions
    }
    pieces = Pieces(of=of, boot_code=image.read_bytes()[:440])
    moved = bench.directory / "moved.img"
    mapped = assemble(bench.tools, layout, pieces, image=moved, reporter=Reporter())
    assert moved.read_bytes() == image.read_bytes()
    assert mapped == copied
    assert not (bench.directory / "root.img").exists(), "the largest piece was not copied"
    assert (bench.directory / "content.img").exists()

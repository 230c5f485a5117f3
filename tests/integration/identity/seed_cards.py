"""Cards with a place for a seed, out of plain files: a real partition table and a real vfat, as a build makes them."""

from __future__ import annotations

from pathlib import Path

from seed import document, places

from builder.disk.assemble import Piece, Pieces, assemble
from builder.disk.ext4 import make_ext4
from builder.disk.source import Source
from builder.disk.vfat import first_file_at, make_vfat
from builder.manifest import ON_ESP, Manifest, SeedPlace
from builder.progress import Reporter
from tests.integration.disk.disk_bench import EPOCH, Bench
from tests.unit.finished_image import MANIFEST


def make_card(bench: Bench, *, esp: str = "64MiB") -> tuple[Path, Manifest]:
    """A disk image with an ESP as that of kolibri-pc, and its manifest."""
    layout = bench.layout(
        {"name": "esp", "type": "esp", "size": esp, "filesystem": "vfat", "label": "SATCHEL", "mount": "/boot/efi"},
        {"name": "data", "size": "16MiB", "filesystem": "ext4", "label": "data", "mount": "/srv/data"},
    )
    placed = layout.partition("esp")
    at = placed.start_bytes + first_file_at(bench.tools, placed, scratch=bench.directory)
    manifest = MANIFEST.model_copy(update={"seed": SeedPlace(offset_bytes=at, size_bytes=document.ROOM)})
    files: dict[str, Path | bytes] = {
        "EFI/BOOT/BOOTX64.EFI": b"\x11" * 100_000,
        ON_ESP: manifest.to_json().encode(),
        "a-file-that-sorts-first": b"a",
    }
    of = {name: bench.directory / f"{name}.piece" for name in ("esp", "data")}
    make_vfat(bench.tools, files, placed, out=of["esp"], epoch=EPOCH, first=places.reserved())
    empty = bench.directory / "empty"
    empty.mkdir(exist_ok=True)
    make_ext4(bench.tools, Source(path=empty), layout.partition("data"), out=of["data"], epoch=EPOCH, read_only=False)
    image = bench.directory / "card.img"
    pieces = Pieces(of={name: Piece(path=path) for name, path in of.items()}, boot_code=b"")
    assemble(bench.tools, layout, pieces, image=image, reporter=Reporter())
    return image, manifest


def esp_of(image: Path) -> Path:
    """The FAT partition alone, as a file."""
    out = image.with_name("carved.img")
    from builder.disk.read import read_table

    (esp,) = (partition for partition in read_table(image).partitions if "esp" in partition.flags)
    with image.open("rb") as file:
        file.seek(esp.start_bytes)
        out.write_bytes(file.read(esp.size_bytes))
    return out

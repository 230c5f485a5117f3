"""Small images for the flasher, with everything that matters: a partition table, data, holes."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from builder.disk.blockmap import block_map
from builder.disk.extents import data_extents, in_blocks
from builder.disk.publish import publish
from builder.errors import SitesError
from builder.identity.seed_file import EMPTY, seed_in
from builder.manifest import MANIFEST as BESIDE
from builder.manifest import SeedPlace
from builder.progress import Reporter
from tests.unit.finished_image import MANIFEST

SIZE = 24 << 20
CARD = 32 << 20
NAMED = 12 << 20
PLACE = SeedPlace(offset_bytes=(5 << 20) + 512, size_bytes=len(EMPTY))


def make_image(directory: Path, *, seed: int = 1) -> Path:
    """An image with two partitions, of which the second is a hole but for its beginning, with .zst and block map."""
    directory.mkdir(exist_ok=True)
    image = directory / "an.img"
    with image.open("wb") as file:
        file.truncate(SIZE)
        file.seek(1 << 20)
        file.write(b"".join((number * 2654435761 * seed).to_bytes(16, "little")[:8] for number in range(1 << 20)))
        file.seek(12 << 20)
        file.write(b"beginning of the second" * 1000)
    table = b"label: gpt\nstart=2048, size=20480, name=one\nstart=24576, name=two\n"
    subprocess.run(("sfdisk", "--quiet", image), input=table, check=True)
    with image.open("rb") as file:
        mapped = in_blocks(data_extents(file.fileno()), block=4096)
    found = publish(image, mapped, zst=image.with_suffix(".img.zst"), reporter=Reporter())
    image.with_suffix(".img.bmap").write_text(block_map(found.ranges, image_bytes=SIZE))
    return image


def make_named(directory: Path) -> Path:
    """An image with a manifest, and with a place for a seed where a build has it: soon after its boot loader begins."""
    directory.mkdir(exist_ok=True)
    image = directory / MANIFEST.image
    with image.open("wb") as file:
        file.truncate(NAMED)
        for start, content in ((2 << 20, b"core"), (4 << 20, b"loader"), (8 << 20, b"system")):
            file.seek(start)
            file.write(content * (2 << 17))
        file.seek(PLACE.offset_bytes)
        file.write(EMPTY)
    parts = ("start=4096, size=4096, name=bios", "start=8192, size=8192, name=esp, type=U", "start=16384, name=root")
    table = "\n".join(("label: gpt", *parts)).encode()
    subprocess.run(("sfdisk", "--quiet", image), input=table, check=True)
    image.with_name(BESIDE).write_text(MANIFEST.model_copy(update={"seed": PLACE}).to_json())
    return image


def code_on(card: Path) -> str | None:
    """Who a card with the image of `make_named` is; none while its seed is empty or half written."""
    end = PLACE.offset_bytes + PLACE.size_bytes
    with suppress(SitesError):
        seed = seed_in(card.read_bytes()[PLACE.offset_bytes : end], source=str(card))
        return seed.code if seed else None
    return None


def holds_named(card: Path, image: Path) -> bool:
    """Whether a card has all of the image of `make_named`, but for the seed and the table that was moved."""
    one, other = card.read_bytes(), image.read_bytes()
    first, last, end = PLACE.offset_bytes, PLACE.offset_bytes + PLACE.size_bytes, NAMED - 33 * 512
    return one[34 * 512 : first] == other[34 * 512 : first] and one[last:end] == other[last:end]


def table_of(card: Path) -> str:
    """What an independent program says of a card's table; raises if it finds a fault."""
    done = subprocess.run(("sfdisk", "--verify", card), capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def holds(card: Path, image: Path) -> bool:
    """Whether a card has everything that the block map names, but for the partition table that was moved."""
    with image.open("rb") as file:
        mapped = in_blocks(data_extents(file.fileno()), block=4096)
    one, other = card.read_bytes(), image.read_bytes()
    inside = [extent for extent in mapped if 4096 * 5 <= extent.start < SIZE - 4096 * 5]
    return all(one[extent.start : extent.end] == other[extent.start : extent.end] for extent in inside)

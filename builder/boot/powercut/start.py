"""How a reconstructed card is started: by its firmware, or at once with the kernel that lies on its ESP.

The short way skips what takes longest under emulation. It is taken only where a power cut can have done nothing to
what the firmware reads: the partition table and the ESP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from builder.boot.machine import MACHINE
from builder.boot.powercut.log import Entry
from builder.boot.powercut.medium import Extent
from builder.boot.powercut.qcow2 import Layer
from builder.disk.image import disk_image
from builder.disk.read import Table
from builder.errors import CommandFailed
from builder.host.sandbox import Sandbox
from builder.units import SECTOR

_ENTRY = "loader/entries/satchel.conf"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareArea:
    """The sectors that firmware and boot loaders read."""

    table: Table

    def touched_by(self, entries: Sequence[Entry]) -> bool:
        """Whether any of these requests changes some of them: in the ESP, or in no partition at all."""
        return any(not self._is_elsewhere(entry) for entry in entries)

    def _is_elsewhere(self, entry: Entry) -> bool:
        return any(
            partition.start_bytes <= entry.sector * SECTOR
            and (
                (entry.sector + entry.sectors) * SECTOR <= partition.start_bytes + partition.size_bytes
                # The last partition grows.
                or partition is self.table.partitions[-1]
            )
            for partition in self.table.partitions
            if "esp" not in partition.flags and "bios_grub" not in partition.flags
        )


def direct_options(
    sandbox: Sandbox, image: Path, table: Table, layers: Sequence[Layer], *, directory: Path
) -> tuple[str, ...]:
    """QEMU's options to start the kernel of a reconstructed card; none if its ESP does not say how.

    Args:
        sandbox: Where mtools are, with the machine's directory in it.
        image: What lies below.
        table: The image's partition table.
        layers: What lies over it, from below.
        directory: The machine's directory.
    """
    esp = table.esp
    if esp is None:
        return ()
    copy = directory / "esp.img"
    _copy(image, copy, layers, start=esp.start_bytes, size=esp.size_bytes)
    try:
        entry = sandbox.run(("mtype", "-i", f"{MACHINE}/{copy.name}", f"::/{_ENTRY}"), why="read the boot entry")
        said = dict(line.split(maxsplit=1) for line in entry.splitlines() if len(line.split(maxsplit=1)) == 2)
        if not {"linux", "initrd", "options"} <= said.keys():
            return ()
        for name in ("linux", "initrd"):
            fetch = ("mcopy", "-n", "-i", f"{MACHINE}/{copy.name}", f"::{said[name]}", f"{MACHINE}/{name}")
            sandbox.run(fetch, why=f"read {said[name]}")
    except CommandFailed:
        return ()
    finally:
        copy.unlink()
    return ("-kernel", f"{MACHINE}/linux", "-initrd", f"{MACHINE}/initrd", "-append", said["options"])


def _copy(image: Path, copy: Path, layers: Sequence[Layer], *, start: int, size: int) -> None:
    source_path, place = disk_image(image).place(start, size)
    with source_path.open("rb") as source, copy.open("wb") as target:
        target.truncate(size)
        source.seek(place)
        for done in range(0, size, _CHUNK_BYTES):
            if any(data := source.read(min(_CHUNK_BYTES, size - done))):
                target.seek(done)
                target.write(data)
        for layer in layers:
            _lay_over(target, layer, start, size)


def _lay_over(target: BinaryIO, layer: Layer, start: int, size: int) -> None:
    with layer.log.open("rb") as written:
        for at, length, data_at in _inside(layer.content, start, size):
            written.seek(data_at or 0)
            target.seek(at)
            target.write(b"\0" * length if data_at is None else written.read(length))


def _inside(content: Sequence[Extent], start: int, size: int) -> Iterator[tuple[int, int, int | None]]:
    """The parts of what differs that lie in a stretch of the disk: place in it, length, place in the log; in bytes."""
    for extent in content:
        first, last = max(extent.start * SECTOR, start), min(extent.end * SECTOR, start + size)
        if first < last:
            skipped = first - extent.start * SECTOR
            yield first - start, last - first, None if extent.data is None else extent.data + skipped

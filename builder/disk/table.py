"""The partition table: a layout as a script for sfdisk, and the table written from it."""

from __future__ import annotations

from pathlib import Path

from builder.disk.hybrid import ENTRIES_AT, hybrid_entries
from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools
from builder.plan.layout import GPT_SECTORS, Layout
from builder.units import SECTOR


def sfdisk_script(layout: Layout) -> str:
    """The layout in the language of `sfdisk --dump`; says everything, so that sfdisk decides nothing."""
    first = 1 + GPT_SECTORS
    last = layout.size_bytes // SECTOR - GPT_SECTORS - 1
    lines = [
        "label: gpt",
        f"label-id: {str(layout.disk_guid).upper()}",
        "unit: sectors",
        f"first-lba: {first}",
        f"last-lba: {last}",
        f"sector-size: {SECTOR}",
        "",
    ]
    for partition in layout.partitions:
        fields = (
            f"start={partition.start_bytes // SECTOR}",
            f"size={partition.size_bytes // SECTOR}",
            f"type={str(partition.type_guid).upper()}",
            f"uuid={str(partition.guid).upper()}",
            f'name="{partition.name}"',
        )
        lines.append(f"{partition.number} : {', '.join(fields)}")
    return "\n".join(lines) + "\n"


def write_table(tools: Tools, layout: Layout, image: Path) -> None:
    """Write both copies of the GPT and the MBR into an image file that has its final size."""
    disk = f"{WORK}/disk.img"
    tools.sandbox(Mount(target=disk, source=image, writable=True)).run(
        ("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "--wipe=never", disk),
        why="write the partition table",
        stdin=sfdisk_script(layout).encode(),
    )
    if layout.in_mbr:
        with image.open("r+b") as file:
            file.seek(ENTRIES_AT)
            file.write(hybrid_entries(layout, layout.partition(layout.in_mbr)))

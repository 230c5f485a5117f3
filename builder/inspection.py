"""What is in an image, for people and for scripts: its table, its file systems, and what it says of itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from builder.disk.image import disk_image
from builder.disk.read import Table, TablePartition
from builder.disk.superblock import PROBE_BYTES, Superblock, identify
from builder.manifest import Manifest
from builder.units import format_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """An image as seen from outside, and its manifest if it carries one."""

    image: Path
    table: Table
    filesystems: tuple[Superblock | None, ...]
    """For each partition of the table."""
    manifest: Manifest | None

    def as_dict(self) -> dict[str, object]:
        """For scripts."""
        partitions = [
            {
                "number": partition.number,
                "name": partition.name,
                "start_bytes": partition.start_bytes,
                "size_bytes": partition.size_bytes,
                "filesystem": found and {"type": found.type, "label": found.label, "uuid": found.uuid},
            }
            for partition, found in zip(self.table.partitions, self.filesystems, strict=True)
        ]
        return {
            "image": str(self.image),
            "table": self.table.kind,
            "size_bytes": self.table.size_bytes,
            "partitions": partitions,
            "manifest": self.manifest and self.manifest.model_dump(mode="json"),
        }


def look(image: Path, table: Table, manifest: Manifest | None) -> Inspection:
    """Read the superblocks of every partition."""
    disk = disk_image(image)

    def head(partition: TablePartition) -> bytes:
        length = min(PROBE_BYTES, partition.size_bytes)
        path, start = disk.place(partition.start_bytes, length)
        with path.open("rb") as file:
            return os.pread(file.fileno(), length, start)

    filesystems = tuple(identify(head(partition)) for partition in table.partitions)
    return Inspection(image=image, table=table, filesystems=filesystems, manifest=manifest)


def render(inspection: Inspection) -> str:
    """The inspection for people."""
    table = inspection.table
    lines = [f"{inspection.image}: {table.kind.upper()}, {format_size(table.size_bytes)}", ""]
    mounts = _mounts(inspection.manifest)
    rows = [("#", "name", "start", "size", "file system", "label", "UUID", "mount")]
    for partition, found in zip(table.partitions, inspection.filesystems, strict=True):
        rows.append(
            (
                str(partition.number),
                partition.name,
                format_size(partition.start_bytes),
                format_size(partition.size_bytes),
                found.type if found else "-",
                found.label if found else "",
                found.uuid if found else "",
                mounts.get(partition.number, ""),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", *_described(inspection.manifest)])


def _mounts(manifest: Manifest | None) -> dict[int, str]:
    if manifest is None:
        return {}
    return {
        record.number: record.mount or " ".join(f"{part.name}={part.mount}" for part in record.subvolumes)
        for record in manifest.disk.partitions
    }


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _described(manifest: Manifest | None) -> list[str]:
    if manifest is None:
        return ["It carries no manifest, so it was not made by Satchel."]
    recipe = manifest.recipe
    kinds = [package.kind for package in manifest.packages]
    lines = [
        f"recipe    {recipe.name}: {recipe.description}",
        f"base      {recipe.base.distribution} {recipe.base.suite} {recipe.base.architecture}",
        f"boots by  {', '.join(manifest.boot)}",
        f"packages  {kinds.count('deb')} Debian packages, {kinds.count('wheel')} Python packages",
        f"checks    {len(manifest.checks)}",
        f"made by   Satchel {manifest.satchel}, from lock {manifest.lock[:12]} of {_date(manifest.date)}",
    ]
    for channel in manifest.content:
        size = format_size(channel.bytes)
        lines.append(f"content   {channel.name} (version {channel.version}, {channel.resources} resources, {size})")
    return lines

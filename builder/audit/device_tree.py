"""The file systems of an image put together as the device shows them, and beside that what the device does not show.

Files that a mount point covers, subvolumes that nobody mounts and partitions without a mount point are in the image all
the same, so they are kept apart under a label instead of being lost or mixed in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from builder.audit.mounts import Place
from builder.audit.partition import ImagePartition
from builder.audit.reader import extract
from builder.errors import ArtifactError
from builder.host.tools import Tools
from builder.progress import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTree:
    """`shown` is the device's root directory; `unseen` are further trees with a label such as `[root]` for each."""

    shown: Path
    unseen: tuple[tuple[str, Path], ...]


def read_device_tree(
    tools: Tools,
    image: Path,
    partitions: Sequence[ImagePartition],
    *,
    out: Path,
    reporter: Reporter,
    leave_out: tuple[str, ...] = (),
) -> DeviceTree:
    """Read all file systems of an image into directories below `out`, without the directories in `leave_out`.

    Args:
        tools: The tools tree.
        image: The image file.
        partitions: The partitions that have a file system.
        out: An empty directory on a file system with room for everything.
        reporter: Told one step for each partition.
        leave_out: Absolute paths on the device.

    Raises:
        ArtifactError: a file system is damaged, or a mount point lies behind a link.
        CommandFailed: there is no such file system where a partition should have one.
    """
    left_out = {partition.name: tuple(_inside(partition, leave_out)) for partition in partitions}
    directories = read_partitions(tools, image, partitions, out=out, reporter=reporter, leave_out=left_out)
    places = (
        Place(mount=mount, partition=partition.name, inner=inner)
        for partition in partitions
        for inner, mount in partition.places()
    )
    return put_together(tuple(places), directories, out=out)


def read_partitions(
    tools: Tools,
    image: Path,
    partitions: Iterable[ImagePartition],
    *,
    out: Path,
    reporter: Reporter,
    leave_out: Mapping[str, tuple[str, ...]],
) -> dict[str, Path]:
    """Read every file system into a directory of its own; `leave_out` are paths in each, by its name.

    Raises:
        ArtifactError: a file system is damaged.
        CommandFailed: there is no such file system where a partition should have one.
    """
    directories = {}
    for partition in partitions:
        directory = out / "unseen" / partition.name
        directory.mkdir(parents=True)
        with reporter.step(f"read partition {partition.name}"):
            extract(tools, image, partition, out=directory, leave_out=leave_out.get(partition.name, ()))
        directories[partition.name] = directory
    return directories


def put_together(places: Sequence[Place], directories: Mapping[str, Path], *, out: Path) -> DeviceTree:
    """Move everything to where the device shows it.

    Raises:
        ArtifactError: a mount point lies behind a link, or what should be mounted is not there.
    """
    shown, covered = out / "shown", out / "covered"
    unseen = [(f"[{name}]", directory) for name, directory in directories.items()]
    shown.mkdir()
    for point in sorted(places, key=lambda place: PurePosixPath(place.mount).parts):
        directory, mount = directories[point.partition] / point.inner, point.mount
        if not directory.is_dir():
            raise ArtifactError(
                f"partition {point.partition} has no {point.inner}, which is to be mounted on {point.mount}"
            )
        place = shown / mount.lstrip("/")
        _check_real(shown, place)
        if place.is_dir() and any(place.iterdir()):
            below = covered / str(len(unseen))
            (below / mount.lstrip("/")).parent.mkdir(parents=True)
            place.rename(below / mount.lstrip("/"))
            unseen.append((f"[below {mount}]", below))
        elif place.is_dir():
            place.rmdir()
        place.parent.mkdir(parents=True, exist_ok=True)
        directory.rename(place)
    return DeviceTree(
        shown=shown, unseen=tuple((label, path) for label, path in unseen if path.is_dir() and any(path.iterdir()))
    )


def _inside(partition: ImagePartition, leave_out: tuple[str, ...]) -> Iterator[str]:
    """Paths on the device as paths in a partition's file system, for those that may lie there."""
    for inner, mount in partition.places():
        for path in leave_out:
            if PurePosixPath(path).is_relative_to(mount) and path != mount:
                yield str(PurePosixPath(inner) / PurePosixPath(path).relative_to(mount))


def _check_real(root: Path, place: Path) -> None:
    """A link on the way to a mount point would lead out of the tree and into the build host."""
    for path in (place, *place.parents):
        if path == root:
            return
        if path.is_symlink():
            raise ArtifactError(f"/{os.path.relpath(path, root)} is a link, but a file system is mounted there")

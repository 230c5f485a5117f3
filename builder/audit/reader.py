"""Read the file systems of a finished image into directories: no root, no loop device, no mount.

Each file system has a reader that works on a byte range: `mcopy` and `debugfs` take an offset into the image, `btrfs
restore` does not and gets the partition as a file of its own, whose blocks are shared with the image where the cache's
file system can do that. What is read is content, links, modes and owners; set-user-ID bits and file capabilities get
lost, because both programs change the owner last. Must run inside the namespace.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from builder.audit.partition import ImagePartition
from builder.disk.extents import Extent, copy_extent, data_extents
from builder.disk.image import disk_image
from builder.errors import ArtifactError
from builder.host.sandbox import Mount, Sandbox
from builder.host.store import Store
from builder.host.tools import WORK, Tools
from builder.recipe.disk import FileSystem

_DISK, _OUT = f"{WORK}/disk.img", f"{WORK}/out"
_RESTORE: Final = ("btrfs", "restore", "--snapshots", "--metadata", "--symlink", "--xattr")
_BANNER = re.compile(r"debugfs \d+\.\d+")
_HARMLESS = re.compile(r"while changing ownership of ")
"""Owners beyond the 65,536 that the namespace has; the content is there nevertheless."""
_ENTRY = re.compile(r"^/\d+/(\d{6})/\d+/\d+/([^/]+)/\d*/$", re.MULTILINE)
"""A line of `ls -p` in debugfs: inode, mode in octal, owner, group, name, size."""


def extract(
    tools: Tools, image: Path, partition: ImagePartition, *, out: Path, leave_out: tuple[str, ...] = ()
) -> None:
    """Copy everything in a partition's file system into the empty directory `out`.

    All subvolumes of a btrfs are read, snapshots too, each as a directory with its name.

    Args:
        tools: The tools tree.
        image: The image, whole or split.
        partition: Where the file system lies.
        out: An empty directory.
        leave_out: Directories of the file system (relative paths) that are not copied. Only a saving: a reader may
            copy them nevertheless, as the one for vfat does.

    Raises:
        ArtifactError: the file system is damaged.
        CommandFailed: there is no such file system.
    """
    image, partition = _located(image, partition)
    match partition.filesystem:
        case FileSystem.VFAT:
            drive = f"{_DISK}@@{partition.start_bytes}"
            _sandbox(tools, image, out).run(
                ("mcopy", "-i", drive, "-s", "-n", "-m", "::/", _OUT), why=f"read partition {partition.name}"
            )
        case FileSystem.EXT4:
            _extract_ext4(_sandbox(tools, image, out), partition, out, leave_out)
        case FileSystem.BTRFS:
            wanted = ("--path-regex", everything_but(leave_out)) if leave_out else ()
            _restore(tools, image, partition, out, wanted)


def read_file(tools: Tools, image: Path, partition: ImagePartition, path: str) -> bytes:
    """The content of one file in a partition's file system; `path` is relative to the file system.

    Raises:
        ArtifactError: there is no such file.
        CommandFailed: there is no such file system.
    """
    why = f"read {path} from partition {partition.name}"
    name, (image, partition) = image.name, _located(image, partition)
    with Store("audit").scratch("read") as out:
        found = out / "file"
        match partition.filesystem:
            case FileSystem.VFAT:
                copy = ("mcopy", "-i", f"{_DISK}@@{partition.start_bytes}", "-n", f"::/{path}", f"{_OUT}/file")
                _sandbox(tools, image, out).run(copy, why=why, accept=(0, 1))
            case FileSystem.EXT4:
                dump = debugfs(partition, "-R", f"dump {_quoted(f'/{path}')} {_OUT}/file")
                _sandbox(tools, image, out).run(dump, why=why)
            case FileSystem.BTRFS:
                _restore(tools, image, partition, out, ("--path-regex", only(path)))
                found = out / path
        if found.is_symlink() or not found.is_file():
            raise ArtifactError(f"there is no file {path} in partition {partition.name} of {name}")
        return found.read_bytes()


def _located(image: Path, partition: ImagePartition) -> tuple[Path, ImagePartition]:
    """The file in which a partition lies, and where in it."""
    file, start = disk_image(image).place(partition.start_bytes, partition.size_bytes)
    return file, replace(partition, start_bytes=start)


def _sandbox(tools: Tools, image: Path, out: Path) -> Sandbox:
    return tools.sandbox(Mount(target=_DISK, source=image), Mount(target=_OUT, source=out, writable=True))


def debugfs(partition: ImagePartition, *options: str) -> tuple[str, ...]:
    """The command for a partition in a sandbox of `opened`; `("-R", REQUEST)` makes one request."""
    # -c does not read the bitmaps, which only writing needs.
    return ("debugfs", "-c", *options, f"{_DISK}?offset={partition.start_bytes}")


def _quoted(path: str) -> str:
    """A path as one word of a debugfs request."""
    return '"' + path.replace('"', '""') + '"'


def _extract_ext4(sandbox: Sandbox, partition: ImagePartition, out: Path, leave_out: tuple[str, ...]) -> None:
    why = f"read partition {partition.name}"
    complaints: list[str] = []

    def heard(line: str) -> None:
        # debugfs exits with 0 whatever happens; what it says is the only sign.
        if line and not _BANNER.match(line) and not _HARMLESS.search(line):
            complaints.append(line)

    for path in _without(sandbox, partition, "", leave_out):
        target = out / Path(path).parent
        target.mkdir(parents=True, exist_ok=True)
        request = f"rdump {_quoted(f'/{path}')} {_quoted(f'{_OUT}/{Path(path).parent}')}"
        sandbox.run(debugfs(partition, "-R", request), why=why, on_line=heard)
    if complaints:
        raise ArtifactError(f"partition {partition.name} cannot be read whole", details="\n".join(complaints[:20]))


def _without(sandbox: Sandbox, partition: ImagePartition, below: str, leave_out: tuple[str, ...]) -> Iterator[str]:
    """The largest directories and files below a directory that hold nothing of what is left out."""
    if not any(path.startswith(f"{below}/" if below else "") for path in leave_out):
        yield below
        return
    listing = sandbox.run(
        debugfs(partition, "-R", f"ls -p {_quoted(f'/{below}')}"), why=f"list /{below} of partition {partition.name}"
    )
    for mode, name in _ENTRY.findall(listing):
        path = f"{below}/{name}" if below else name
        if name in {".", ".."} or path in leave_out:
            continue
        if stat.S_ISDIR(int(mode, 8)):
            yield from _without(sandbox, partition, path, leave_out)
        elif stat.S_ISREG(int(mode, 8)) or stat.S_ISLNK(int(mode, 8)):
            yield path


def _restore(tools: Tools, image: Path, partition: ImagePartition, out: Path, wanted: tuple[str, ...]) -> None:
    with cut_out(tools, image, partition, out=out) as (sandbox, disk, inside):
        sandbox.run((*_RESTORE, *wanted, disk, inside), why=f"read partition {partition.name}")


@contextmanager
def cut_out(
    tools: Tools, image: Path, partition: ImagePartition, *, out: Path | None = None
) -> Iterator[tuple[Sandbox, str, str]]:
    """A sandbox with the partition as a disk of its own and `out`, else an empty directory; and the names of both."""
    with Store("audit").scratch("cut") as directory:
        alone, nothing = directory / "partition.img", directory / "out"
        cut(image, partition, alone)
        nothing.mkdir()
        yield _sandbox(tools, alone, out or nothing), _DISK, _OUT


@contextmanager
def opened(tools: Tools, image: Path, partition: ImagePartition) -> Iterator[tuple[Sandbox, ImagePartition]]:
    """A sandbox with the image, to read from; and the partition as it lies there."""
    image, partition = _located(image, partition)
    with Store("audit").scratch("look") as nothing:
        yield _sandbox(tools, image, nothing), partition


def cut(image: Path, partition: ImagePartition, out: Path) -> None:
    """Copy a partition's bytes into a new sparse file; holes stay holes, and blocks are shared where possible."""
    image, partition = _located(image, partition)
    start, end = partition.start_bytes, partition.start_bytes + partition.size_bytes
    with image.open("rb") as source, out.open("wb") as target:
        target.truncate(partition.size_bytes)
        for data in data_extents(source.fileno()):
            first, last = max(data.start, start), min(data.end, end)
            if first < last:
                extent = Extent(first, last - first)
                copy_extent(source.fileno(), extent, target.fileno(), at=first - start, advance=lambda _count: None)


def only(path: str) -> str:
    """A POSIX extended regular expression for one path and the directories that lead to it."""
    expression = ""
    for part in reversed(path.strip("/").split("/")):
        expression = f"(|{re.escape(part)}{f'(|/{expression})' if expression else ''})"
    return f"^/{expression}$"


def everything_but(paths: tuple[str, ...]) -> str:
    """A POSIX extended regular expression for all paths except the given ones and what lies below them.

    `btrfs restore` knows only what to restore. Names outside ASCII are not left out: whether a bracket expression means
    their bytes or their characters depends on the locale.
    """
    tails = frozenset(f"/{path.strip('/')}" for path in paths if path.isascii())
    return f"^{_not_continuing(tails)}$"


def _not_continuing(tails: frozenset[str]) -> str:
    """The expression for every text that does not go on with one of the tails to its end or to a `/` behind it."""
    at_end = "" in tails
    letters = {tail[0] for tail in tails if tail} | ({"/"} if at_end else set())
    if not letters:
        return ".*"
    special = [letter for letter in ("]", "^", "-") if letter in letters]
    plain = "".join(sorted(letters - {"]", "^", "-"}))
    # In brackets `]` must come first, `^` not first, `-` last.
    excluded = ("]" if "]" in special else "") + plain + "".join(letter for letter in special if letter != "]")
    choices = [] if at_end else [""]
    choices.append(f"[^{excluded}].*")
    for letter in sorted(letters - ({"/"} if at_end else set())):
        after = frozenset(tail[1:] for tail in tails if tail.startswith(letter))
        choices.append(f"{re.escape(letter)}{_not_continuing(after)}")
    return f"({'|'.join(choices)})"

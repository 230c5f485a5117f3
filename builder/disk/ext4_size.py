"""How large an ext4 must be for a tree, by arithmetic: exact enough to waste little, safe enough never to be short.

The alternative, making it too large and shrinking it, would read a hundred gigabytes of videos twice. The structure
is described in the kernel's Documentation/filesystems/ext4; blocks have 4 KiB, inodes 256 bytes, descriptors 64.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from builder.disk.source import Source

BLOCK: Final = 4096
_GROUP: Final = 8 * BLOCK
_INODES_IN_A_BLOCK: Final = BLOCK // 256
_DESCRIPTORS_IN_A_BLOCK: Final = BLOCK // 64
_RESERVED_INODES: Final = 11
_LOST_AND_FOUND_BLOCKS: Final = 4
_LARGEST_NAME_ENTRY: Final = 8 + 255 + 1
_BLOCKS_IN_AN_EXTENT: Final = 32_768
_EXTENTS_IN_THE_INODE: Final = 4
_EXTENTS_IN_A_HALF_FULL_BLOCK: Final = 170
_LONGEST_SYMLINK_IN_THE_INODE: Final = 59
_SMALLEST_LAST_GROUP: Final = 50
"""mke2fs drops a last group that has fewer blocks than this besides its own tables."""

_JOURNAL_BLOCKS: Final = {32_768: 1024, 262_144: 4096, 524_288: 8192, 4_194_304: 16_384, 8_388_608: 32_768}
"""Blocks of the journal that mke2fs makes below so many blocks of the file system."""
_LARGEST_JOURNAL: Final = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a tree takes: inodes, the reserved ones included, and blocks, without the file system's own tables."""

    inodes: int
    blocks: int


def measure(source: Source) -> Content:
    """Count what a tree takes.

    Hard links count once. Holes in files count like data: they take blocks in the image; see bulk.c.
    """
    count = _Count()
    linked: set[tuple[int, int]] = set()
    for path, facts in source.walk():
        count.name(path)
        if stat.S_ISDIR(facts.st_mode):
            count.directory("" if path == "." else path)
        elif facts.st_nlink > 1:
            if (facts.st_dev, facts.st_ino) in linked:
                continue
            linked.add((facts.st_dev, facts.st_ino))
        attributes = bool(os.listxattr(source.path / path, follow_symlinks=False))
        if stat.S_ISREG(facts.st_mode):
            count.inode(_file_blocks(facts.st_size) + attributes)
        elif stat.S_ISLNK(facts.st_mode):
            count.inode((facts.st_size > _LONGEST_SYMLINK_IN_THE_INODE) + attributes)
        else:
            count.inode(int(attributes))
    return count.content()


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """Something that will be in a tree: its path, relative to the top, and what it is."""

    path: str
    size: int | None = None
    """Of a file, in bytes; None for a directory."""
    target: str | None = None
    """Of a symbolic link."""
    same: str = ""
    """Files with the same word here are names of one file; empty for one that has no other."""


def measure_files(files: Iterable[Coming]) -> Content:
    """Count what a tree will take that is not there yet.

    The result is that of `measure` once it is, without extended attributes. A directory above something need not be
    named.
    """
    count = _Count()
    seen: set[str] = set()
    known = {""}
    count.name(".")
    count.directory("")
    count.inode(0)
    for each in files:
        if each.target is not None:
            count.name(each.path)
            count.inode(int(len(os.fsencode(each.target)) > _LONGEST_SYMLINK_IN_THE_INODE))
        elif each.size is not None:
            count.name(each.path)
            if not each.same or each.same not in seen:
                count.inode(_file_blocks(each.size))
            seen.add(each.same)
        above = each.path if each.target is None and each.size is None else each.path.rpartition("/")[0]
        while above not in known:
            known.add(above)
            count.name(above)
            count.directory(above)
            count.inode(0)
            above = above.rpartition("/")[0]
    return count.content()


@dataclass(slots=True)
class _Count:
    """What was counted so far."""

    inodes: int = _RESERVED_INODES
    blocks: int = _LOST_AND_FOUND_BLOCKS
    names: dict[str, int] = field(default_factory=dict)

    def name(self, path: str) -> None:
        """A name in a directory."""
        parent, _, name = path.rpartition("/")
        self.names[parent] = self.names.get(parent, 0) + 8 + (len(os.fsencode(name)) + 3) // 4 * 4

    def directory(self, path: str) -> None:
        """A directory, which takes room even when nothing is in it."""
        self.names.setdefault(path, 0)

    def inode(self, blocks: int) -> None:
        """A file or a directory, with the blocks of its own."""
        self.inodes += 1
        self.blocks += blocks

    def content(self) -> Content:
        """Everything, with the blocks that hold the names."""
        blocks = self.blocks
        for size in self.names.values():
            # Every block of names has "." or a checksum in it, and at its end a gap that the next name did not fit
            # into.
            data = -(-(size + 24) // (BLOCK - 12 - _LARGEST_NAME_ENTRY))
            blocks += data + _extent_blocks(-(-data // _EXTENTS_IN_THE_INODE))
        return Content(inodes=self.inodes, blocks=blocks)


def _file_blocks(size: int) -> int:
    data = -(-size // BLOCK)
    return data + _extent_blocks(1 + 2 * data // _BLOCKS_IN_AN_EXTENT)


def _extent_blocks(extents: int) -> int:
    if extents <= _EXTENTS_IN_THE_INODE:
        return 0
    leaves = -(-extents // _EXTENTS_IN_A_HALF_FULL_BLOCK)
    return leaves + (_extent_blocks(leaves) if leaves > 1 else 0)


def geometry(content: Content, *, read_only: bool) -> int:
    """The smallest size in bytes of an ext4 with room for `content`."""
    total = content.blocks
    while (room := _room(total, content.inodes, read_only=read_only)) < content.blocks:
        # At most a group at a time: each has tables of its own, and too few groups cannot hold the inodes at all.
        total += min(content.blocks - room, _GROUP)
    return total * BLOCK


def _room(total: int, inodes: int, *, read_only: bool) -> int:
    """Blocks left for content in a file system of `total` blocks; negative when not even its tables fit."""
    groups = max(1, -(-total // _GROUP))
    inodes_in_a_group = -(-inodes // groups)
    inode_blocks = -(-inodes_in_a_group // _INODES_IN_A_BLOCK)
    if inode_blocks * _INODES_IN_A_BLOCK > _GROUP:
        return -_GROUP
    descriptors = -(-groups // _DESCRIPTORS_IN_A_BLOCK)
    if not read_only:
        # Room for descriptors up to 1024 times the size, so that the file system can grow while it is mounted.
        descriptors = min(descriptors + 1024, -(-groups * 1024 // _DESCRIPTORS_IN_A_BLOCK) + 1)
    backups = _copies(groups) * (1 + descriptors)
    last = total % _GROUP
    if groups > 1 and 0 < last < 2 + inode_blocks + 1 + descriptors + _SMALLEST_LAST_GROUP:
        return _room(total - last, inodes, read_only=read_only)
    journal = 0 if read_only else next((size for limit, size in _JOURNAL_BLOCKS.items() if total < limit), None)
    return total - groups * (2 + inode_blocks) - backups - (_LARGEST_JOURNAL if journal is None else journal + 2)


def _copies(groups: int) -> int:
    """How many groups carry a copy of the superblock: 0, 1 and the powers of 3, 5 and 7 (`sparse_super`)."""
    powers = {
        base**exponent for base in (3, 5, 7) for exponent in range(1, groups.bit_length()) if base**exponent < groups
    }
    return min(groups, 2) + len(powers)

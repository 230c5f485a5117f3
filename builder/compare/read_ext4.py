"""The anatomy of an ext4. Offsets are from the kernel's documentation, filesystems/ext4."""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from builder.compare.anatomy import Anatomy, Atlas, File, Piece, Region, Window, name_of
from builder.errors import ArtifactError

_ROOT, _RESIZE, _JOURNAL = 2, 7, 8
_64BIT, _META_GROUPS, _EXTENTS, _INLINE = 0x80, 0x10, 0x8_0000, 0x1000_0000
_SPARSE_SUPERBLOCKS: Final = 0x1
_EXTENT_MAGIC, _ATTRIBUTE_MAGIC = 0xF30A, 0xEA02_0000
_UNWRITTEN: Final = 0x8000
_SHORT_LINK: Final = 60
_PREFIXES: Final = {
    1: "user.",
    2: "system.posix_acl_access",
    3: "system.posix_acl_default",
    4: "trusted.",
    6: "security.",
    7: "system.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    block: int
    blocks: int
    first_block: int
    group_blocks: int
    group_inodes: int
    inode: int
    inodes: int
    descriptor: int
    reserved_descriptors: int
    sparse: bool

    @property
    def groups(self) -> int:
        return -(-(self.blocks - self.first_block) // self.group_blocks)

    def has_superblock(self, group: int) -> bool:
        """Groups 0, 1 and powers of 3, 5 and 7."""
        return not self.sparse or group <= 1 or any(_is_power(group, base) for base in (3, 5, 7))


def _is_power(number: int, base: int) -> bool:
    while number % base == 0:
        number //= base
    return number == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Block numbers of one group's structures."""

    block_bitmap: int
    inode_bitmap: int
    inode_table: int
    flags: int


def read_ext4(window: Window) -> Anatomy:
    """The anatomy of an ext4.

    Raises:
        ArtifactError: it is none, it is damaged, or it has features that this reader does not know.
    """
    shape = _shape(window.read(1024, 1024), window.length)
    reader = _Reader(window, shape)
    files = dict(reader.walk())
    reader.note(_JOURNAL, "journal")
    return Anatomy(
        filesystem="ext4",
        files=files,
        atlas=Atlas(fine=reader.regions, coarse=reader.areas()),
        window=window,
    )


def _shape(block: bytes, size: int) -> _Shape:
    inodes, low = struct.unpack_from("<II", block, 0)
    first_block, scale = struct.unpack_from("<II", block, 0x14)
    (group_blocks,) = struct.unpack_from("<I", block, 0x20)
    (group_inodes,) = struct.unpack_from("<I", block, 0x28)
    (inode,) = struct.unpack_from("<H", block, 0x58)
    incompatible, only_read = struct.unpack_from("<II", block, 0x60)
    (reserved,) = struct.unpack_from("<H", block, 0xCE)
    (descriptor,) = struct.unpack_from("<H", block, 0xFE)
    wide = bool(incompatible & _64BIT)
    (high,) = struct.unpack_from("<I", block, 0x150) if wide else (0,)
    if block[0x38:0x3A] != b"\x53\xef" or scale > 6 or not group_blocks or not group_inodes or inode < 128:
        raise ArtifactError("its superblock is not that of an ext4")
    if incompatible & _META_GROUPS:
        raise ArtifactError("it has the feature meta_bg, which is not understood here")
    shape = _Shape(
        block=1024 << scale,
        blocks=high << 32 | low,
        first_block=first_block,
        group_blocks=group_blocks,
        group_inodes=group_inodes,
        inode=inode,
        inodes=inodes,
        descriptor=descriptor if wide else 32,
        reserved_descriptors=reserved,
        sparse=bool(only_read & _SPARSE_SUPERBLOCKS),
    )
    if shape.blocks * shape.block > size or shape.descriptor < 32:
        raise ArtifactError("its superblock is not that of an ext4 of this size")
    return shape


class _Reader:
    """Walks the directories and notes what it meets."""

    def __init__(self, window: Window, shape: _Shape) -> None:
        self._window = window
        self._shape = shape
        self._groups = tuple(self._read_groups())
        self._known: dict[int, File] = {}
        self.regions: list[Region] = []

    def _read_groups(self) -> Iterator[_Group]:
        shape = self._shape
        table = self._window.read((shape.first_block + 1) * shape.block, shape.groups * shape.descriptor)
        for number in range(shape.groups):
            at = number * shape.descriptor
            low = struct.unpack_from("<III", table, at)
            high = struct.unpack_from("<III", table, at + 0x20) if shape.descriptor >= 64 else (0, 0, 0)
            (flags,) = struct.unpack_from("<H", table, at + 0x12)
            blocks = [above << 32 | below for below, above in zip(low, high, strict=True)]
            yield _Group(block_bitmap=blocks[0], inode_bitmap=blocks[1], inode_table=blocks[2], flags=flags)

    def areas(self) -> Iterator[Region]:
        """What is there in every group."""
        shape = self._shape
        yield Region(start=0, length=1024, structure="boot block")
        yield Region(start=1024, length=1024, structure="superblock")
        table_blocks = -(-shape.groups * shape.descriptor // shape.block)
        for number, group in enumerate(self._groups):
            first = shape.first_block + number * shape.group_blocks
            if shape.has_superblock(number):
                prefix = f"backup in group {number} of the " if number else ""
                if number:
                    yield self._area(first, 1, f"{prefix}superblock")
                yield self._area(first + 1, table_blocks, f"{prefix}group descriptors")
                reserved = shape.reserved_descriptors
                yield self._area(first + 1 + table_blocks, reserved, f"{prefix}reserved group descriptors")
            yield self._area(group.block_bitmap, 1, f"block bitmap of group {number}")
            yield self._area(group.inode_bitmap, 1, f"inode bitmap of group {number}")
            length = -(-shape.group_inodes * shape.inode // shape.block)
            yield self._area(group.inode_table, length, f"inode table of group {number}")

    def _area(self, block: int, count: int, structure: str, path: str | None = None) -> Region:
        size = self._shape.block
        return Region(start=block * size, length=count * size, structure=structure, path=path)

    def walk(self) -> Iterator[tuple[str, File]]:
        """Every path with its file."""
        # An explicit list: directories can lie deeper than Python may call.
        pending = [(_ROOT, "", frozenset({_ROOT}))]
        while pending:
            number, path, above = pending.pop()
            file = self._file(number, path)
            yield path, file
            if not stat.S_ISDIR(file.mode):
                continue
            for piece in file.pieces:
                for name, inside in _entries(self._window.read(piece.stored, piece.length), self._shape.block):
                    place = f"{path}/{name}" if path else name
                    if inside in above:
                        raise ArtifactError(f"the directory {place} lies inside itself")
                    pending.append((inside, place, above | {inside}))

    def note(self, number: int, structure: str) -> None:
        """Note the blocks of an inode that has no name, if it is in use."""
        raw, _ = self._inode(number)
        if raw[0:2] != b"\0\0":
            for piece in self._pieces(raw, path=None):
                self.regions.append(
                    Region(start=piece.stored, length=piece.stored_length, structure=structure, path=None)
                )

    def _inode(self, number: int) -> tuple[bytes, int]:
        shape = self._shape
        if not 1 <= number <= shape.inodes:
            raise ArtifactError(f"a directory names inode {number}, which does not exist")
        group, index = divmod(number - 1, shape.group_inodes)
        at = self._groups[group].inode_table * shape.block + index * shape.inode
        return self._window.read(at, shape.inode), at

    def _file(self, number: int, path: str) -> File:
        if number in self._known:
            return self._known[number]
        raw, at = self._inode(number)
        self.regions.append(Region(start=at, length=len(raw), structure="inode", path=path))
        (mode,) = struct.unpack_from("<H", raw, 0)
        links = stat.S_ISLNK(mode)
        size = _joined(raw, slice(0x04, 0x08), slice(0x6C, 0x70))
        flags = struct.unpack_from("<I", raw, 0x20)[0]
        pieces: tuple[Piece, ...] = ()
        target = ""
        if links and size < _SHORT_LINK and not flags & _EXTENTS:
            target = name_of(raw[0x28 : 0x28 + size])
        elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            target = raw[0x28:0x30].hex()
        elif stat.S_ISREG(mode) or stat.S_ISDIR(mode) or links:
            pieces = tuple(self._pieces(raw, path=path))
            structure = "directory" if stat.S_ISDIR(mode) else "link" if links else "data"
            self.regions += [
                Region(start=piece.stored, length=piece.stored_length, structure=structure, path=path)
                for piece in pieces
            ]
        if links and pieces:
            target = name_of(self._window.read(pieces[0].stored, size))
        times = _times(raw)
        self._known[number] = File(
            mode=mode,
            owner=_joined(raw, slice(0x02, 0x04), slice(0x78, 0x7A)),
            group=_joined(raw, slice(0x18, 0x1A), slice(0x7A, 0x7C)),
            size=size,
            modified=times[0],
            other_times=times[1:],
            inode=number,
            target=target,
            attributes=dict(self._attributes(raw, path)),
            # Blocks are whole, a file's end is inside the last of them.
            pieces=pieces if stat.S_ISDIR(mode) else _cut(pieces, size),
        )
        return self._known[number]

    def _pieces(self, raw: bytes, *, path: str | None) -> Iterator[Piece]:
        (flags,) = struct.unpack_from("<I", raw, 0x20)
        if flags & _INLINE:
            raise ArtifactError("it has the feature inline_data, which is not understood here")
        if not flags & _EXTENTS:
            if any(raw[0x28:0x64]):
                raise ArtifactError(f"{path or 'a hidden file'} is stored without extents, as ext2 and ext3 do")
            return
        yield from self._extents(raw[0x28:0x64], path, depth=6)

    def _extents(self, node: bytes, path: str | None, depth: int) -> Iterator[Piece]:
        magic, count, _, level = struct.unpack_from("<HHHH", node, 0)
        if magic != _EXTENT_MAGIC or depth == 0 or 12 + count * 12 > len(node):
            raise ArtifactError(f"the list of the blocks of {path or 'a hidden file'} is damaged")
        size = self._shape.block
        for number in range(count):
            at = 12 + number * 12
            if level:
                low, high = struct.unpack_from("<IH", node, at + 4)
                block = high << 32 | low
                self.regions.append(self._area(block, 1, "extent tree", path))
                yield from self._extents(self._window.read(block * size, size), path, depth - 1)
                continue
            first, length, high, low = struct.unpack_from("<IHHI", node, at)
            if length > _UNWRITTEN:
                continue
            stored = (high << 32 | low) * size
            yield Piece(at=first * size, length=length * size, stored=stored, stored_length=length * size)

    def _attributes(self, raw: bytes, path: str) -> Iterator[tuple[str, bytes]]:
        extra = struct.unpack_from("<H", raw, 0x80)[0] if len(raw) > 0x82 else 0
        begin = 128 + extra
        if extra and begin + 4 <= len(raw) and struct.unpack_from("<I", raw, begin)[0] == _ATTRIBUTE_MAGIC:
            yield from _attribute_entries(raw[begin + 4 :], first=0)
        block = _joined(raw, slice(0x68, 0x6C), slice(0x76, 0x78))
        if block:
            self.regions.append(self._area(block, 1, "attributes", path))
            yield from _attribute_entries(self._window.read(block * self._shape.block, self._shape.block), first=32)


def _cut(pieces: tuple[Piece, ...], size: int) -> tuple[Piece, ...]:
    return tuple(
        Piece(at=piece.at, length=length, stored=piece.stored, stored_length=length)
        for piece in pieces
        if (length := min(piece.length, size - piece.at)) > 0
    )


def _attribute_entries(area: bytes, *, first: int) -> Iterator[tuple[str, bytes]]:
    """Extended attributes of an inode or of a block of their own; values lie relative to the area's beginning."""
    at = first
    while at + 16 <= len(area) and area[at : at + 4] != b"\0\0\0\0":
        length, index, offset, inode, size = struct.unpack_from("<BBHII", area, at)
        name = _PREFIXES.get(index, f"{index}.") + name_of(area[at + 16 : at + 16 + length])
        yield name, area[offset : offset + size] if inode == 0 else b"inode %d" % inode
        at += -(-(16 + length) // 4) * 4


def _entries(data: bytes, block: int) -> Iterator[tuple[str, int]]:
    """Names with their inodes. The nodes of a hashed directory look like empty entries, so they need no care."""
    for start in range(0, len(data), block):
        at = start
        while at + 8 <= start + block:
            inode, length, name_length = struct.unpack_from("<IHB", data, at)
            if length < 8:
                raise ArtifactError("a directory is damaged")
            name = data[at + 8 : at + 8 + name_length]
            if inode and name not in (b".", b".."):
                yield name_of(name), inode
            at += length


def _joined(raw: bytes, low: slice, high: slice) -> int:
    """A number whose upper half lies elsewhere."""
    below = raw[low]
    return int.from_bytes(raw[high], "little") << len(below) * 8 | int.from_bytes(below, "little")


def _times(raw: bytes) -> tuple[int, ...]:
    """Modified, accessed, changed, created; two bits of the nanoseconds carry the time beyond 2038."""
    wide = len(raw) >= 0x98
    found = []
    for base, extra in ((0x10, 0x88), (0x08, 0x8C), (0x0C, 0x84), (0x90, 0x94)):
        if base == 0x90 and not wide:
            continue
        (seconds,) = struct.unpack_from("<i", raw, base)
        more = struct.unpack_from("<I", raw, extra)[0] if wide else 0
        found.append((seconds + ((more & 3) << 32)) * 1_000_000_000 + (more >> 2))
    return tuple(found)

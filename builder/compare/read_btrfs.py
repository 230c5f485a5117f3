"""The anatomy of a btrfs on one device. Offsets are from btrfs' on-disk format (btrfs.readthedocs.io)."""

from __future__ import annotations

import stat
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from builder.compare.anatomy import Anatomy, Atlas, File, Piece, Region, Window, name_of
from builder.errors import ArtifactError
from builder.units import GIB, KIB, MIB

_SUPERBLOCK, _SUPERBLOCK_BYTES = 64 * KIB, 4 * KIB
_COPIES: Final = (64 * MIB, 256 * GIB)
_MAGIC: Final = b"_BHRfS_M"
_KEY: Final = struct.Struct("<QBQ")
_ITEM: Final = struct.Struct("<QBQII")
_POINTER: Final = struct.Struct("<QBQQQ")
_HEADER_BYTES: Final = 101
_CHUNK, _STRIPE = struct.Struct("<QQQQIIIHH"), struct.Struct("<QQ16s")
_INODE: Final = struct.Struct("<QQQQQIIIIQQQ32xqIqIqIqI")
_NAME: Final = struct.Struct("<QBQQHHB")
_EXTENT: Final = struct.Struct("<QQBBHB")
_EXTENT_PLACE: Final = struct.Struct("<QQQQ")
_TOP, _FIRST_NUMBER, _LAST_NUMBER = 5, 256, 2**64 - 256
_INODE_ITEM, _ATTRIBUTE_ITEM, _NAME_ITEM, _EXTENT_ITEM, _ROOT_ITEM, _CHUNK_ITEM = 1, 24, 96, 108, 132, 228
_INLINE, _REGULAR = 0, 1
_COMPRESSIONS: Final = {0: "", 1: "zlib", 2: "lzo", 3: "zstd"}
_ONE_DEVICE: Final = 0x1 | 0x2 | 0x4 | 0x20
"""Data, system, metadata and two copies; all others spread over devices."""

_TREES: Final = {
    1: "root tree",
    2: "extent tree",
    3: "chunk tree",
    4: "device tree",
    _TOP: "top level",
    7: "checksum tree",
    9: "UUID tree",
    10: "free space tree",
    11: "block group tree",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """A range of logical addresses and where it lies, once or twice."""

    logical: int
    length: int
    places: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class _Tree:
    """What was found in a subvolume, by inode."""

    inodes: dict[int, bytes] = field(default_factory=dict)
    names: dict[int, list[tuple[str, int, int]]] = field(default_factory=dict)
    """Of each directory: a name, the number it means, and the kind of that number."""
    attributes: dict[int, dict[str, bytes]] = field(default_factory=dict)
    extents: dict[int, list[Piece]] = field(default_factory=dict)


def read_btrfs(window: Window) -> Anatomy:
    """The anatomy of a btrfs; every subvolume is a directory with its name.

    Raises:
        ArtifactError: it is none, it is damaged, or it lies on several devices.
    """
    reader = _Reader(window)
    files = dict(reader.walk())
    return Anatomy(
        filesystem="btrfs",
        files=files,
        atlas=Atlas(fine=reader.regions, coarse=reader.areas()),
        window=window,
    )


class _Reader:
    """Reads all trees, then walks the names, and notes what it meets."""

    def __init__(self, window: Window) -> None:
        self._window = window
        block = window.read(_SUPERBLOCK, _SUPERBLOCK_BYTES)
        if block[0x40:0x48] != _MAGIC:
            raise ArtifactError("its superblock is not that of a btrfs")
        root, chunk_root = struct.unpack_from("<QQ", block, 0x50)
        devices, self._sector, self._node = struct.unpack_from("<QII", block, 0x88)
        if devices != 1 or not 4 * KIB <= self._node <= 64 * KIB:
            raise ArtifactError("it lies on several devices or its superblock is damaged")
        (known,) = struct.unpack_from("<I", block, 0xA0)
        self.regions: list[Region] = []
        self._chunks = list(_first_chunks(block[0x32B : 0x32B + known]))
        self._starts = [chunk.logical for chunk in self._chunks]
        self._learn_chunks(chunk_root)
        self._roots: dict[int, int] = {}
        for number, kind, _, data in self._items(root, "root tree"):
            if kind == _ROOT_ITEM:
                (self._roots[number],) = struct.unpack_from("<Q", data, 176)

    def _learn_chunks(self, chunk_root: int) -> None:
        found = {chunk.logical: chunk for chunk in self._chunks}
        for _, kind, logical, data in self._items(chunk_root, "chunk tree"):
            if kind == _CHUNK_ITEM:
                found[logical] = _chunk(logical, data)
        self._chunks = [found[logical] for logical in sorted(found)]
        self._starts = [chunk.logical for chunk in self._chunks]

    def areas(self) -> Iterator[Region]:
        """What is there besides trees and files."""
        yield Region(start=0, length=_SUPERBLOCK, structure="boot area")
        yield Region(start=_SUPERBLOCK, length=_SUPERBLOCK_BYTES, structure="superblock")
        for place in _COPIES:
            if place + _SUPERBLOCK_BYTES <= self._window.length:
                yield Region(start=place, length=_SUPERBLOCK_BYTES, structure="backup superblock")

    def _places(self, logical: int) -> tuple[int, ...]:
        index = bisect_right(self._starts, logical) - 1
        if index < 0 or logical >= self._chunks[index].logical + self._chunks[index].length:
            raise ArtifactError(f"its trees point to logical address {logical}, which is not mapped")
        chunk = self._chunks[index]
        return tuple(place + logical - chunk.logical for place in chunk.places)

    def _items(self, logical: int, tree: str, depth: int = 8) -> Iterator[tuple[int, int, int, bytes]]:
        """All items of a tree in the order of their keys: object, kind, offset and data."""
        places = self._places(logical)
        node = self._window.read(places[0], self._node)
        title = f"metadata of {tree}" if tree.startswith("subvolume") else f"metadata of the {tree}"
        for copy, place in enumerate(places):
            structure = f"{title} (second copy)" if copy else title
            self.regions.append(Region(start=place, length=self._node, structure=structure))
        (there,) = struct.unpack_from("<Q", node, 48)
        count, level = struct.unpack_from("<IB", node, 96)
        size = _POINTER.size if level else _ITEM.size
        if there != logical or depth == 0 or _HEADER_BYTES + count * size > len(node):
            raise ArtifactError(f"a block of the {tree} is damaged")
        for number in range(count):
            at = _HEADER_BYTES + number * size
            if level:
                yield from self._items(_POINTER.unpack_from(node, at)[3], tree, depth - 1)
                continue
            number_of, kind, offset, begin, length = _ITEM.unpack_from(node, at)
            yield number_of, kind, offset, node[_HEADER_BYTES + begin : _HEADER_BYTES + begin + length]

    def walk(self) -> Iterator[tuple[str, File]]:
        """Every path with its file."""
        for number, name in _TREES.items():
            if number in self._roots and number not in (1, 3, _TOP):
                for _ in self._items(self._roots[number], name):
                    pass
        if _TOP not in self._roots:
            raise ArtifactError("it has no top level")
        yield from self._walk_tree(_TOP, "", frozenset())

    def _walk_tree(self, number: int, path: str, above: frozenset[int]) -> Iterator[tuple[str, File]]:
        if number in above or number not in self._roots:
            raise ArtifactError(f"the subvolume {path} does not exist or lies inside itself")
        tree = self._read_tree(number, f"subvolume {path}" if path else _TREES[_TOP])
        made: dict[int, File] = {}
        # An explicit list: directories can lie deeper than Python may call.
        pending = [(_FIRST_NUMBER, path, frozenset({_FIRST_NUMBER}))]
        while pending:
            inode, place, parents = pending.pop()
            if inode not in made:
                made[inode] = self._file(tree, inode, place)
            yield place, made[inode]
            for name, target, kind in tree.names.get(inode, ()):
                inside = f"{place}/{name}" if place else name
                if kind == _ROOT_ITEM:
                    yield from self._walk_tree(target, inside, above | {number})
                elif target in parents:
                    raise ArtifactError(f"the directory {inside} lies inside itself")
                else:
                    pending.append((target, inside, parents | {target} if target in tree.names else parents))

    def _read_tree(self, number: int, title: str) -> _Tree:
        tree = _Tree()
        for inode, kind, offset, data in self._items(self._roots[number], title):
            if not _FIRST_NUMBER <= inode <= _LAST_NUMBER:
                continue
            if kind == _INODE_ITEM:
                tree.inodes[inode] = data
            elif kind == _ATTRIBUTE_ITEM:
                tree.attributes.setdefault(inode, {}).update((name, value) for name, value, _, _ in _named(data))
            elif kind == _NAME_ITEM:
                tree.names.setdefault(inode, []).extend((name, meant, of) for name, _, meant, of in _named(data))
            elif kind == _EXTENT_ITEM and (piece := self._piece(offset, data)) is not None:
                tree.extents.setdefault(inode, []).append(piece)
        return tree

    def _piece(self, at: int, data: bytes) -> Piece | None:
        _, decoded, compression, _, _, kind = _EXTENT.unpack_from(data)
        name = _COMPRESSIONS.get(compression, str(compression))
        if kind == _INLINE:
            return Piece(at=at, length=decoded, compression=name, inline=data[_EXTENT.size :])
        logical, stored_length, skip, length = _EXTENT_PLACE.unpack_from(data, _EXTENT.size)
        if kind != _REGULAR or logical == 0:
            return None
        stored = self._places(logical)[0]
        return Piece(at=at, length=length, stored=stored, stored_length=stored_length, compression=name, skip=skip)

    def _file(self, tree: _Tree, inode: int, path: str) -> File:
        raw = tree.inodes.get(inode)
        if raw is None:
            raise ArtifactError(f"{path} has no inode")
        fields = _INODE.unpack_from(raw)
        size, owner, group, mode, device = fields[2], fields[6], fields[7], fields[8], fields[9]
        accessed, changed, modified, created = (
            seconds * 1_000_000_000 + nanoseconds
            for seconds, nanoseconds in zip(fields[12::2], fields[13::2], strict=True)
        )
        pieces = tuple(tree.extents.get(inode, ()))
        for piece in pieces:
            if piece.inline is None:
                region = Region(start=piece.stored, length=piece.stored_length, structure="data", path=path)
                self.regions.append(region)
        target = ""
        if stat.S_ISLNK(mode):
            # mkfs.btrfs stores the zero behind a target too.
            target = name_of((pieces[0].inline or b"")[:size]) if pieces else ""
        elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            target = str(device)
        return File(
            mode=mode,
            owner=owner,
            group=group,
            size=0 if stat.S_ISDIR(mode) else size,
            modified=modified,
            other_times=(accessed, changed, created),
            inode=inode,
            target=target,
            attributes=tree.attributes.get(inode, {}),
            pieces=pieces if stat.S_ISREG(mode) else (),
        )


def _first_chunks(array: bytes) -> Iterator[_Chunk]:
    """The chunks that the superblock itself knows, which hold the tree of all the others."""
    at = 0
    while at + _KEY.size + _CHUNK.size <= len(array):
        _, kind, logical = _KEY.unpack_from(array, at)
        if kind != _CHUNK_ITEM:
            raise ArtifactError("its superblock is damaged")
        stripes = _CHUNK.unpack_from(array, at + _KEY.size)[7]
        length = _KEY.size + _CHUNK.size + stripes * _STRIPE.size
        yield _chunk(logical, array[at + _KEY.size : at + length])
        at += length


def _chunk(logical: int, data: bytes) -> _Chunk:
    length, _, _, profile, _, _, _, stripes, _ = _CHUNK.unpack_from(data)
    if profile & ~_ONE_DEVICE:
        raise ArtifactError("it spreads its data over devices")
    places = tuple(_STRIPE.unpack_from(data, _CHUNK.size + number * _STRIPE.size)[1] for number in range(stripes))
    return _Chunk(logical=logical, length=length, places=places)


def _named(data: bytes) -> Iterator[tuple[str, bytes, int, int]]:
    """Names and attributes, of which several can share an item: name, value, the number meant and its kind."""
    at = 0
    while at + _NAME.size <= len(data):
        target, kind, _, _, value_length, name_length, _ = _NAME.unpack_from(data, at)
        at += _NAME.size
        yield (
            name_of(data[at : at + name_length]),
            data[at + name_length : at + name_length + value_length],
            target,
            kind,
        )
        at += name_length + value_length

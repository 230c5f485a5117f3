"""The anatomy of a vfat. Offsets are from Microsoft's FAT specification (fatgen103)."""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from builder.compare.anatomy import Anatomy, Atlas, File, Piece, Region, Window
from builder.errors import ArtifactError

_ENTRY: Final = 32
_READ_ONLY, _LABEL, _DIRECTORY, _LONG = 0x01, 0x08, 0x10, 0x0F
_NAME_PARTS: Final = (slice(1, 11), slice(14, 26), slice(28, 32))
"""Where the characters of a long name lie in one of its entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """Sizes in bytes and positions in the partition."""

    sector: int
    cluster: int
    reserved: int
    tables: int
    table: int
    root: int
    root_length: int
    data: int
    clusters: int
    root_cluster: int
    information: int
    backup: int

    @property
    def bits(self) -> int:
        """Of an entry of the table."""
        if self.root_cluster:
            return 32
        return 12 if self.clusters < 4085 else 16

    def of(self, cluster: int) -> int:
        """Where a cluster lies."""
        return self.data + (cluster - 2) * self.cluster


def read_vfat(window: Window) -> Anatomy:
    """The anatomy of a vfat.

    Raises:
        ArtifactError: it is none, or damaged.
    """
    shape = _shape(window.read(0, 512), window.length)
    reader = _Reader(window, shape)
    files = dict(reader.walk())
    return Anatomy(
        filesystem="vfat",
        files=files,
        atlas=Atlas(fine=reader.regions, coarse=_areas(shape)),
        window=window,
    )


def _shape(boot: bytes, size: int) -> _Shape:
    sector, cluster, reserved, tables, root_entries, small_total, _, small_table = struct.unpack_from(
        "<HBHBHHBH", boot, 11
    )
    total, large_table = struct.unpack_from("<II", boot, 32)
    (root_cluster, information, backup) = struct.unpack_from("<IHH", boot, 44)
    table = (small_table or large_table) * sector
    whole = (small_total or total) * sector
    if sector not in (512, 1024, 2048, 4096) or not cluster or not table or not tables or whole > size:
        raise ArtifactError("its boot sector is not that of a vfat")
    root = reserved * sector + tables * table
    root_length = -(-root_entries * _ENTRY // sector) * sector
    data = root + root_length
    large = small_table == 0
    return _Shape(
        sector=sector,
        cluster=cluster * sector,
        reserved=reserved * sector,
        tables=tables,
        table=table,
        root=root,
        root_length=root_length,
        data=data,
        clusters=(whole - data) // (cluster * sector),
        root_cluster=root_cluster if large else 0,
        information=information * sector if large else 0,
        backup=backup * sector if large else 0,
    )


def _areas(shape: _Shape) -> Iterator[Region]:
    yield Region(start=0, length=shape.sector, structure="boot sector")
    if shape.information:
        yield Region(start=shape.information, length=shape.sector, structure="FSInfo sector")
    if shape.backup:
        yield Region(start=shape.backup, length=shape.sector, structure="backup boot sector")
        copy = shape.backup + shape.information
        yield Region(start=copy, length=shape.sector, structure="backup FSInfo sector")
    for number in range(shape.tables):
        yield Region(start=shape.reserved + number * shape.table, length=shape.table, structure=f"FAT {number + 1}")
    if shape.root_length:
        yield Region(start=shape.root, length=shape.root_length, structure="root directory")
    yield Region(start=shape.data, length=shape.clusters * shape.cluster, structure="unused clusters")


class _Reader:
    """Walks the directories and notes whose clusters it meets."""

    def __init__(self, window: Window, shape: _Shape) -> None:
        self._window = window
        self._shape = shape
        self._table = window.read(shape.reserved, shape.table)
        self.regions: list[Region] = []

    def walk(self) -> Iterator[tuple[str, File]]:
        """Every file and directory by path."""
        shape = self._shape
        yield "", _file(b"\0" * 11 + bytes([_DIRECTORY]) + b"\0" * 20, pieces=())
        if shape.root_cluster:
            top = self._read(self._claim(shape.root_cluster, "directory", ""))
        else:
            top = self._window.read(shape.root, shape.root_length)
        yield from self._directory(top, "", seen=frozenset())

    def _directory(self, data: bytes, above: str, seen: frozenset[int]) -> Iterator[tuple[str, File]]:
        for name, entry in _entries(data):
            path = f"{above}/{name}" if above else name
            cluster = struct.unpack_from("<H", entry, 20)[0] << 16 | struct.unpack_from("<H", entry, 26)[0]
            if not entry[11] & _DIRECTORY:
                (size,) = struct.unpack_from("<I", entry, 28)
                yield path, _file(entry, pieces=self._content(cluster, path, size) if size else ())
                continue
            if cluster in seen:
                raise ArtifactError(f"the directory {path} lies inside itself")
            yield path, _file(entry, pieces=())
            inside = self._read(self._claim(cluster, "directory", path))
            yield from self._directory(inside, path, seen | {cluster})

    def _content(self, cluster: int, path: str, size: int) -> tuple[Piece, ...]:
        pieces: list[Piece] = []
        at = 0
        for region in self._claim(cluster, "data", path):
            length = min(region.length, size - at)
            if length > 0:
                pieces.append(Piece(at=at, length=length, stored=region.start, stored_length=length))
            at += region.length
        return tuple(pieces)

    def _read(self, regions: list[Region]) -> bytes:
        return b"".join(self._window.read(region.start, region.length) for region in regions)

    def _claim(self, cluster: int, structure: str, path: str) -> list[Region]:
        """The clusters of a file in order, those that lie side by side as one."""
        claimed: list[Region] = []
        for number in self._chain(cluster, path):
            start = self._shape.of(number)
            if claimed and claimed[-1].end == start:
                start = claimed.pop().start
            length = self._shape.of(number) + self._shape.cluster - start
            claimed.append(Region(start=start, length=length, structure=structure, path=path))
        self.regions += claimed
        return claimed

    def _chain(self, cluster: int, path: str) -> Iterator[int]:
        last = 0x0FFF_FFF8 if self._shape.bits == 32 else (1 << self._shape.bits) - 8
        for _ in range(self._shape.clusters):
            if not 2 <= cluster < self._shape.clusters + 2:
                raise ArtifactError(f"the clusters of {path or 'the root directory'} lead to cluster {cluster}")
            yield cluster
            cluster = self._next(cluster)
            if cluster >= last:
                return
        raise ArtifactError(f"the clusters of {path or 'the root directory'} lead in a circle")

    def _next(self, cluster: int) -> int:
        match self._shape.bits:
            case 32:
                number: int = struct.unpack_from("<I", self._table, cluster * 4)[0]
                return number & 0x0FFF_FFFF
            case 16:
                return int(struct.unpack_from("<H", self._table, cluster * 2)[0])
            case _:
                pair: int = struct.unpack_from("<H", self._table, cluster * 3 // 2)[0]
                return pair >> 4 if cluster & 1 else pair & 0xFFF


def _entries(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Names with their directory entries; without deleted ones, the label and the links to itself and its parent."""
    long: dict[int, bytes] = {}
    for at in range(0, len(data), _ENTRY):
        entry = data[at : at + _ENTRY]
        if entry[0] == 0:
            return
        if entry[0] == 0xE5:
            long = {}
        elif entry[11] & 0x3F == _LONG:
            long[entry[0] & 0x3F] = b"".join(entry[part] for part in _NAME_PARTS)
        else:
            joined = b"".join(part for _, part in sorted(long.items()))
            long = {}
            if entry[11] & _LABEL or entry[:2] in (b". ", b".."):
                continue
            yield joined.decode("utf-16-le", "replace").split("\0")[0] or _short_name(entry), entry


def _short_name(entry: bytes) -> str:
    stem, ending = entry[:8].rstrip().decode("cp437"), entry[8:11].rstrip().decode("cp437")
    stem = stem.lower() if entry[12] & 0x08 else stem
    ending = ending.lower() if entry[12] & 0x10 else ending
    return f"{stem}.{ending}" if ending else stem


def _file(entry: bytes, *, pieces: tuple[Piece, ...]) -> File:
    bits = entry[11]
    born_tenths, born_time, born_date, read_date = struct.unpack_from("<BHHH", entry, 13)
    time, date = struct.unpack_from("<HH", entry, 22)
    (size,) = struct.unpack_from("<I", entry, 28)
    permissions = 0o555 if bits & _READ_ONLY else 0o755
    return File(
        mode=(stat.S_IFDIR if bits & _DIRECTORY else stat.S_IFREG) | permissions,
        owner=0,
        group=0,
        size=size,
        modified=_time(date, time),
        other_times=(_time(born_date, born_time) + born_tenths * 10_000_000, _time(read_date, 0)),
        inode=0,
        attributes={"DOS attributes": bytes([bits & ~(_DIRECTORY | _READ_ONLY)])},
        pieces=pieces,
    )


def _time(date: int, time: int) -> int:
    """Nanoseconds since 1970; 0 for what is no date."""
    try:
        moment = datetime(
            1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2, tzinfo=UTC
        )
    except ValueError:
        return 0
    return int(moment.timestamp()) * 1_000_000_000

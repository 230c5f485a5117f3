"""Where the partitions of an image are mounted, by the image's own /etc/fstab, or by custom. Pure but for looking.

Everything here works on file systems that were read into directories already. The image may be anybody's, so nothing
has to be as expected: what cannot be placed stays beside the device's tree, and is audited all the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from builder.audit.finding import NotLooked
from builder.recipe.disk import FileSystem

_OS_RELEASE: Final = ("etc/os-release", "usr/lib/os-release")
_VIRTUAL: Final = frozenset(
    {
        "tmpfs",
        "proc",
        "sysfs",
        "devpts",
        "devtmpfs",
        "overlay",
        "swap",
        "none",
        "ramfs",
        "cgroup2",
        "debugfs",
        "configfs",
    }
)
_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "sshfs", "fuse.sshfs", "9p", "davfs"})
_DEVICE: Final = re.compile(r"/dev/(?:mmcblk\d+p|nvme\d+n\d+p|[svh]da|xvda)(\d+)")
"""A partition of the disk itself: the second disk of a kind, such as /dev/sdb, is not in the image."""

_ON_FAT: Final = ("/boot/firmware", "/boot/efi", "/efi", "/boot")
"""Where a FAT partition belongs when no mount table says it; the first that exists."""

_DEEPEST: Final = 3
"""How far below the top of a btrfs a subvolume with a system is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """By what a mount table may call a partition."""

    name: str
    """Our own name for it."""
    number: int | None
    filesystem: FileSystem
    uuid: str
    label: str
    partuuid: str
    partlabel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A directory of a partition's file system ("" is all of it), and where the device shows it."""

    mount: str
    partition: str
    inner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What matters of a line of a mount table."""

    device: str
    mount: str
    subvolume: str | None


def find_places(
    identities: Sequence[Identity], directories: Mapping[str, Path]
) -> tuple[tuple[Place, ...], tuple[NotLooked, ...]]:
    """Where everything is mounted, and what is mounted there that the image does not hold.

    Args:
        identities: The partitions.
        directories: The file system of each, by name.
    """
    root = _root(identities, directories)
    if root is None:
        return (), ()
    top = directories[root.partition] / root.inner
    found, absent = {"/": root}, []
    for line in parse_fstab(_fstab(top)):
        partition = resolve(line.device, identities)
        if line.mount == "/" or _behind_link(top, line.mount):
            continue
        if partition is None:
            absent.append(NotLooked(place=line.mount, why=f"{line.device} is mounted there, which is not in the image"))
        elif (directories[partition.name] / (line.subvolume or "")).is_dir():
            place = Place(mount=line.mount, partition=partition.name, inner=line.subvolume or "")
            found.setdefault(line.mount, place)
    for identity in identities:
        if identity.filesystem is FileSystem.VFAT and all(place.partition != identity.name for place in found.values()):
            free = (mount for mount in _ON_FAT if mount not in found and _is_directory(top, mount))
            mount = next(free, None)
            if mount is not None:
                found[mount] = Place(mount=mount, partition=identity.name, inner="")
    return tuple(_without_overlap(tuple(found.values()))), tuple(absent)


def parse_fstab(text: str) -> Iterator[Line]:
    """The lines of a mount table that mount a file system of a disk."""
    for raw in text.splitlines():
        fields = raw.split()
        if len(fields) < 3 or raw.lstrip().startswith("#"):
            continue
        device, mount, kind = map(_unescaped, fields[:3])
        options = fields[3].split(",") if len(fields) > 3 else []
        if kind in _VIRTUAL | _NETWORK or not mount.startswith("/") or {"bind", "rbind"} & set(options):
            continue
        named = next((option.partition("=")[2] for option in options if option.startswith("subvol=")), None)
        yield Line(
            device=device.replace('"', ""),
            mount=os.path.normpath(mount),
            subvolume=None if named is None else named.strip("/"),
        )


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), field)


def resolve(device: str, identities: Sequence[Identity]) -> Identity | None:
    """The partition that a mount table calls so."""
    by_link = re.fullmatch(r"/dev/disk/by-(uuid|label|partuuid|partlabel)/(.+)", device)
    kind, _, value = f"{by_link[1].upper()}={by_link[2]}".partition("=") if by_link else device.partition("=")
    numbered = _DEVICE.fullmatch(device)
    for identity in identities:
        called = {
            "UUID": identity.uuid,
            "LABEL": identity.label,
            "PARTUUID": identity.partuuid,
            "PARTLABEL": identity.partlabel,
        }.get(kind)
        if called and value and called.lower() == value.lower():
            return identity
        if numbered and identity.number == int(numbered[1]):
            return identity
    return None


def _root(identities: Sequence[Identity], directories: Mapping[str, Path]) -> Place | None:
    """The root of the system: the one whose own mount table says so, else the first."""
    candidates = [
        (identity, Place(mount="/", partition=identity.name, inner=inner))
        for identity in identities
        for inner in _systems(directories[identity.name], deep=identity.filesystem is FileSystem.BTRFS)
    ]
    for identity, place in candidates:
        for line in parse_fstab(_fstab(directories[place.partition] / place.inner)):
            named = place.inner if line.subvolume is None else line.subvolume
            if line.mount == "/" and resolve(line.device, identities) == identity and named == place.inner:
                return place
    return candidates[0][1] if candidates else None


def _systems(top: Path, *, deep: bool) -> Iterator[str]:
    """Directories that look like a root, the shallowest first; "" is the top itself."""
    level = [""]
    for _ in range(_DEEPEST + 1 if deep else 1):
        yield from (inner for inner in level if any(os.path.lexists(top / inner / name) for name in _OS_RELEASE))
        level = [
            str(PurePosixPath(inner, name))
            for inner in level
            for name in sorted(path.name for path in (top / inner).iterdir())
            if _is_directory(top / inner, name)
        ]


def _without_overlap(places: Sequence[Place]) -> Iterator[Place]:
    """The places but those that would show again what another one shows a part of."""
    seen: set[tuple[str, str]] = set()
    for place in places:
        others = {other.inner for other in places if other.partition == place.partition} - {place.inner}
        holds_another = any(PurePosixPath(other).is_relative_to(place.inner or ".") for other in others)
        twice = (place.partition, place.inner) in seen
        seen.add((place.partition, place.inner))
        if not twice and (place.mount == "/" or not holds_another):
            yield place


def _fstab(top: Path) -> str:
    path = top / "etc/fstab"
    return "" if _behind_link(top, "etc/fstab") or not path.is_file() else path.read_text(errors="replace")


def _is_directory(top: Path, path: str) -> bool:
    return not _behind_link(top, path) and (top / path.lstrip("/")).is_dir()


def _behind_link(top: Path, path: str) -> bool:
    """Whether a link stands on the way, so that the path could lead anywhere."""
    here = top
    for part in PurePosixPath(path.lstrip("/")).parts:
        here /= part
        if here.is_symlink():
            return True
    return False

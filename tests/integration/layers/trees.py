"""Everything about a tree that an image made from it could show, so that two trees can be compared."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

SHOWN = ("/etc/shadow", "/var/lib/apt/extended_states", "/etc/apt/sources.list")
"""Small files whose text is a fact too."""

Facts = dict[str, str]
"""What is known of one file, by kind of fact."""


def facts_of(tree: Path, *, epoch: int) -> dict[str, Facts]:
    """The facts of every file by its path; a time after `epoch` counts as `epoch`, as it does in file systems."""
    links: dict[tuple[int, int], str] = {}
    return {path: _facts(os.fspath(tree) + path, path, links, epoch) for path in sorted(_walk(tree, ""))}


def differences(one: Mapping[str, Facts], other: Mapping[str, Facts]) -> list[str]:
    """A line for each path that differs, saying in what."""
    lines = [f"{path}: only in the first" for path in one.keys() - other.keys()]
    lines += [f"{path}: only in the second" for path in other.keys() - one.keys()]
    for path in one.keys() & other.keys():
        kinds = one[path].keys() | other[path].keys()
        changed = sorted(kind for kind in kinds if one[path].get(kind) != other[path].get(kind))
        if changed:
            shown = ", ".join(f"{kind} {one[path].get(kind)} / {other[path].get(kind)}" for kind in changed)
            lines.append(f"{path}: {shown}")
    return sorted(lines)


def _walk(tree: Path, below: str) -> Iterator[str]:
    yield below or "/"
    with os.scandir(os.fspath(tree) + below) as entries:
        for entry in entries:
            path = f"{below}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(tree, path)
            else:
                yield path


def _facts(place: str, path: str, links: dict[tuple[int, int], str], epoch: int) -> Facts:
    found = os.lstat(place)
    facts = {
        "mode": oct(found.st_mode),
        "owner": f"{found.st_uid}:{found.st_gid}",
        "time": str(min(found.st_mtime_ns, epoch * 1_000_000_000)),
        "attributes": " ".join(
            f"{name}={os.getxattr(place, name, follow_symlinks=False).hex()}"
            for name in sorted(os.listxattr(place, follow_symlinks=False))
        ),
    }
    if stat.S_ISREG(found.st_mode):
        facts["size"] = str(found.st_size)
        data = Path(place).read_bytes()
        facts["content"] = hashlib.sha256(data).hexdigest()
        if path in SHOWN:
            facts["text"] = data.decode()
        if found.st_nlink > 1:
            facts["same file as"] = links.setdefault((found.st_dev, found.st_ino), path)
    elif stat.S_ISLNK(found.st_mode):
        facts["target"] = os.fspath(Path(place).readlink())
    return facts

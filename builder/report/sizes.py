"""What fills a tree: every file of the stacked layers, counted for the package, content or overlay that it belongs to.

dpkg's lists and the RECORDs of wheels say whose a file is. Layers are read from the top, because a file that lies in
several of them is seen in the highest one only.
"""

from __future__ import annotations

import csv
import os
import re
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from builder.manifest import Manifest
from builder.recipe.disk import DataClass
from builder.report.facts import Share

_OPAQUE: Final = ("user.overlay.opaque", "trusted.overlay.opaque")
"""A directory with one of them hides what lies below it (Documentation/filesystems/overlayfs.rst of the kernel)."""

_MERGED: Final = re.compile(r"/(?:s?bin|lib(?:32|64)?)/")
"""Directories that are links into /usr; dpkg's lists may still name files below them."""

_CACHED: Final = re.compile(r"__pycache__/([^/]+)\.cpython-[^/]+\.pyc$")
"""A compiled module, which belongs to whom its source belongs to."""

Kind = Literal["deb", "wheel", "content", "overlay", "other"]


def shares_of(layers: Sequence[tuple[str, Path]], manifest: Manifest) -> tuple[Share, ...]:
    """The sizes of everything, the largest first; a file with several names counts once.

    Args:
        layers: Name and directory of each layer, the lowest first, as overlay mounts take them.
        manifest: It says where content and virtual environments are.
    """
    partitions = manifest.disk.partitions
    content = [partition.mount for partition in partitions if partition.mount and partition.data is DataClass.CONTENT]
    environments = sorted({package.where for package in manifest.packages if package.kind == "wheel"})
    debs, wheels = _debs(root for _, root in layers), _wheels([root for _, root in layers], environments)
    sizes: Counter[tuple[str, Kind, str]] = Counter()
    for layer, path, size in _visible(layers):
        kind, name = _owner(layer, path, debs=debs, wheels=wheels, content=content)
        sizes[layer, kind, name] += size
    return tuple(
        Share(layer=layer, kind=kind, name=name, size_bytes=size) for (layer, kind, name), size in sizes.most_common()
    )


def _owner(
    layer: str, path: str, *, debs: dict[str, str], wheels: dict[str, str], content: Collection[str]
) -> tuple[Kind, str]:
    source = _CACHED.sub(r"\1.py", path)
    if any(path.startswith(f"{mount}/") for mount in content):
        return "content", _directory(path, depth=3)
    if layer.startswith("overlay "):
        return "overlay", _directory(path, depth=2)
    if source in debs:
        return "deb", debs[source]
    if source in wheels:
        return "wheel", wheels[source]
    return "other", _directory(path, depth=3)


def _directory(path: str, *, depth: int) -> str:
    """The directory of a file, at most so deep."""
    return "/".join(path.split("/")[:-1][: depth + 1]) or "/"


def _visible(layers: Sequence[tuple[str, Path]]) -> Iterator[tuple[str, str, int]]:
    """Layer, path and size of every file that the stack of layers shows."""
    hidden: set[str] = set()
    for layer, root in reversed(layers):
        seen: set[str] = set()
        yield from ((layer, path, size) for path, size in _files(root, hidden, seen))
        hidden |= seen


def _files(root: Path, hidden: Collection[str], seen: set[str]) -> Iterator[tuple[str, int]]:
    """The files of one layer; what it shows and what it hides below itself is added to `seen`."""
    counted: set[int] = set()
    pending = [""]
    while pending:
        above = pending.pop()
        with os.scandir(f"{root}{above}") as entries:
            for entry in entries:
                path = f"{above}/{entry.name}"
                if path in hidden:
                    continue
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(facts.st_mode):
                    pending.append(path)
                    if _is_opaque(entry.path):
                        seen.add(path)
                    continue
                seen.add(path)
                if stat.S_ISREG(facts.st_mode) and facts.st_ino not in counted:
                    if facts.st_nlink > 1:
                        counted.add(facts.st_ino)
                    yield path, facts.st_size


def _is_opaque(directory: str) -> bool:
    return not {*os.listxattr(directory, follow_symlinks=False)}.isdisjoint(_OPAQUE)


def _debs(roots: Iterable[Path]) -> dict[str, str]:
    """Whose each path is, by dpkg's lists."""
    owners = {}
    for root in roots:
        for listed in (root / "var/lib/dpkg/info").glob("*.list"):
            package = listed.stem.partition(":")[0]
            for line in listed.read_text().splitlines():
                owners[f"/usr{line}" if _MERGED.match(line) else line] = package
    return owners


def _wheels(roots: Sequence[Path], environments: Iterable[str]) -> dict[str, str]:
    """Whose each path is, by the RECORDs of wheels."""
    owners = {}
    for environment in environments:
        for root in roots:
            for record in root.joinpath(environment.lstrip("/")).glob("lib/python3*/site-packages/*.dist-info/RECORD"):
                package = record.parent.name.partition("-")[0]
                site = f"/{record.parent.parent.relative_to(root)}"
                with record.open(newline="") as file:
                    for line in csv.reader(file):
                        owners[os.path.normpath(f"{site}/{line[0]}")] = package
    return owners

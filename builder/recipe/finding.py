"""What rules between keys say, and the questions that several of them ask. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from builder.recipe.disk import DataClass
from builder.recipe.model import Recipe
from builder.recipe.tree import Keys


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a key."""

    keys: Keys
    message: str
    hint: str = ""


Rule: TypeAlias = Callable[[Recipe], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Mounted:
    """A mount point, the key that asks for it and what its data is."""

    path: str
    keys: Keys
    data: DataClass

    def holds(self, path: str) -> bool:
        """Whether a path lies on this file system, unless another one is mounted between."""
        return path == self.path or path.startswith(self.path.rstrip("/") + "/")


def mounted(recipe: Recipe) -> Iterator[Mounted]:
    """Every mount point of partitions and subvolumes."""
    for i, partition in enumerate(recipe.disk.partitions):
        keys: Keys = ("disk", "partitions", i)
        if partition.mount:
            yield Mounted(partition.mount, (*keys, "mount"), partition.data)
        for j, subvolume in enumerate(partition.subvolumes):
            yield Mounted(subvolume.mount, (*keys, "subvolumes", j, "mount"), subvolume.data)


def repeated(values: Iterable[tuple[Keys, str]], what: str) -> Iterator[Finding]:
    """A finding for each value that was there before."""
    seen: set[str] = set()
    for keys, value in values:
        if value in seen:
            yield Finding(keys, f"the {what} {value} is there twice")
        seen.add(value)


def misplaced(recipe: Recipe, keys: Keys, path: str, wanted: DataClass) -> Iterator[Finding]:
    """A finding, if a path does not lie on a file system with data of the class that is wanted."""
    owner = max((m for m in mounted(recipe) if m.holds(path)), key=lambda m: len(m.path), default=None)
    found = f"on {owner.path}, which holds {owner.data} data" if owner else "on no partition"
    if owner is None or owner.data != wanted:
        hint = f"choose a place below a mount point with `data: {wanted}`"
        yield Finding(keys, f"{path} lies {found}", hint)

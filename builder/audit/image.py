"""Audit what stands on its own: an image of ours, an image of anybody, a directory."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from builder.audit import kolibri_content
from builder.audit.device_tree import DeviceTree, put_together, read_device_tree, read_partitions
from builder.audit.discover import Discovered
from builder.audit.engine import Seen, audit_tree
from builder.audit.facts import Facts
from builder.audit.finding import NotLooked
from builder.audit.listing import directories
from builder.audit.mounts import Place, find_places
from builder.audit.partition import ImagePartition
from builder.audit.verdict import Looked
from builder.host.store import Store
from builder.host.tools import Tools
from builder.progress import Reporter

_PLAIN_FILES: Final = "plain files: the build looked into the small ones"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """How to audit an image. Must be used inside the namespace.

    Needs room in the cache for what the image holds, besides Kolibri's content; all of it is free again afterwards.
    """

    tools: Tools
    facts: Facts
    reporter: Reporter
    only: Collection[str] = ()
    """Names of the rules to apply; all when empty."""

    def described(self, image: Path, partitions: Sequence[ImagePartition]) -> Seen:
        """Everything in an image whose partitions are known.

        Raises:
            ArtifactError: the image cannot be read.
            CommandFailed: there is no file system where a partition should have one.
        """
        with Store("audit").scratch("audit") as out:
            leave_out = (*self.facts.bulk, *self.facts.files)
            device = read_device_tree(
                self.tools, image, partitions, out=out, reporter=self.reporter, leave_out=leave_out
            )
            left = (
                *(NotLooked(place=path, why=kolibri_content.WHY) for path in self.facts.bulk),
                *(NotLooked(place=path, why=_PLAIN_FILES) for path in self.facts.files),
            )
            return self._look(device) + Seen(not_looked=left)

    def anybodys(self, image: Path, found: Discovered) -> tuple[Seen, tuple[Looked, ...]]:
        """Everything in an image of anybody, and where it is mounted.

        Raises:
            ArtifactError: the image cannot be read.
        """
        with Store("audit").scratch("audit") as out:
            bulk = {each.name: self._bulk(image, each) for each in found.partitions}
            read = read_partitions(self.tools, image, found.partitions, out=out, reporter=self.reporter, leave_out=bulk)
            places, absent = find_places(found.identities, read)
            seen = self._look(put_together(places, read, out=out))
        left = (
            NotLooked(place=_shown(path, name, places), why=kolibri_content.WHY)
            for name, paths in bulk.items()
            for path in paths
        )
        looked = tuple(
            Looked(place=each.name, filesystem=found.types[each.name], mounts=_mounts_of(each.name, places))
            for each in found.partitions
        )
        return seen + Seen(not_looked=(*found.not_looked, *absent, *left)), looked

    def _bulk(self, image: Path, partition: ImagePartition) -> tuple[str, ...]:
        with self.reporter.step(f"list partition {partition.name}"):
            return kolibri_content.storages(directories(self.tools, image, partition))

    def _look(self, device: DeviceTree) -> Seen:
        with self.reporter.step("audit"):
            seen = audit_tree(device.shown, self.facts, only=self.only)
            for label, tree in device.unseen:
                seen += audit_tree(tree, self.facts, within=label, only=self.only)
            return seen


def with_the_rest(
    described: Sequence[ImagePartition], found: Discovered
) -> tuple[tuple[ImagePartition, ...], tuple[Looked, ...]]:
    """The partitions that a description names, and whatever else was found on the disk."""
    known = {each.start_bytes for each in described}
    further = tuple(each for each in found.partitions if each.start_bytes not in known)
    partitions = (*described, *further)
    looked = tuple(
        Looked(place=each.name, filesystem=each.filesystem, mounts=tuple(mount for _, mount in each.places()))
        for each in partitions
    )
    return partitions, looked


def audit_directory(directory: Path, facts: Facts, *, only: Collection[str] = ()) -> tuple[Seen, tuple[Looked, ...]]:
    """Everything in a mounted tree or an unpacked root file system. Needs no tools and no namespace."""
    return audit_tree(directory, facts, only=only), (
        Looked(place=os.fspath(directory), filesystem="directory", mounts=("/",)),
    )


def _mounts_of(name: str, places: Sequence[Place]) -> tuple[str, ...]:
    return tuple(sorted(place.mount for place in places if place.partition == name))


def _shown(path: str, partition: str, places: Sequence[Place]) -> str:
    """A path in a file system as findings would name it."""
    for place in sorted(places, key=lambda each: -len(each.inner)):
        if place.partition == partition and PurePosixPath(path).is_relative_to(place.inner or "."):
            return str(PurePosixPath(place.mount, PurePosixPath(path).relative_to(place.inner or ".")))
    return f"[{partition}]/{path}"

"""What the report page tells: frozen values, and the warnings that follow from them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from builder.lock.model import Lock
from builder.manifest import Manifest, PartitionRecord

REPORT: Final = "report.html"
"""The page's file name. It tells of one build on one machine, so SHA256SUMS does not name it."""

NEARLY_FULL: Final = 0.9
"""A writable file system that is filled more than this has no room for updates and logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A layer, or another step of the build."""

    name: str
    start_s: float
    """Since the build began."""
    end_s: float
    verdict: Literal["made", "reused"]
    reason: str
    """Why it was made or reused; empty for a step that every build takes."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one thing takes in the image, before the file system compresses it."""

    layer: str
    kind: Literal["deb", "wheel", "content", "overlay", "other"]
    name: str
    """A package, a directory of content, an overlay; else the directory that holds the files."""
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How full the file system of a partition is."""

    partition: str
    used_bytes: int
    free_bytes: int

    @property
    def fraction(self) -> float:
        """The part that is used, 0 to 1."""
        return self.used_bytes / max(1, self.used_bytes + self.free_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """Everything on the page."""

    manifest: Manifest
    lock: Lock
    timings: tuple[Timing, ...]
    shares: tuple[Share, ...]
    usage: tuple[Usage, ...]

    def usage_of(self, partition: PartitionRecord) -> Usage | None:
        """How full a partition is; none for one without a file system."""
        return next((usage for usage in self.usage if usage.partition == partition.name), None)

    def warnings(self) -> Iterator[str]:
        """What somebody should look at before the image goes to 5,000 cards."""
        for partition in self.manifest.disk.partitions:
            usage = self.usage_of(partition)
            # A read-only file system is made exactly as large as its content, and one that grows fills the card.
            if usage is None or "ro" in partition.options or partition.grow:
                continue
            if usage.fraction > NEARLY_FULL:
                yield f"Partition {partition.name} is {usage.fraction:.0%} full: little room for updates and logs."
        if not self.manifest.checks:
            yield "The recipe claims nothing, so a boot test of this image proves only that it boots."

"""The report page: all facts in one HTML file that needs nothing else, on a screen of any size and on paper.

Drawings are plain SVG, once for wide screens and once for narrow ones, because a drawing that is merely scaled down has
letters that nobody can read. The template and its style lie beside this file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from builder.manifest import Manifest
from builder.recipe.model import Check
from builder.report.diskmap import Segment, disk_map
from builder.report.facts import ReportFacts, Share, Timing
from builder.report.treemap import Group, treemap
from builder.templates import page_environment
from builder.units import format_duration, format_size

_BESIDE: Final = Path(__file__).parent

_COLOURS: Final = 8
"""Hues in the style sheet."""

_KINDS: Final = {
    "deb": "Debian package",
    "wheel": "Python package",
    "content": "content",
    "overlay": "overlay",
    "other": "other files",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The pictures for one width of screen, in units of their view box."""

    screen: str
    width: int
    height: int
    groups: tuple[Group, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRow:
    """A package with what it takes in the tree, if that is known."""

    name: str
    version: str
    kind: str
    where: str
    size_bytes: int


def render(facts: ReportFacts) -> str:
    """The text of report.html."""
    manifest = facts.manifest
    template = page_environment().from_string((_BESIDE / "page.html.j2").read_text())
    total = sum(share.size_bytes for share in facts.shares)
    return template.render(
        facts=facts,
        manifest=manifest,
        recipe=manifest.recipe,
        highlights=tuple(_highlights(facts)),
        warnings=tuple(facts.warnings()),
        drawings=(_drawing(facts, "wide", 1080, 560), _drawing(facts, "narrow", 360, 640)),
        hues={layer: min(rank, _COLOURS - 1) for rank, layer in enumerate(_layers(facts.shares))},
        total=total,
        kinds=_KINDS,
        duration_s=max((timing.end_s for timing in facts.timings), default=0.0),
        verdicts=Counter(timing.verdict for timing in facts.timings),
        slowest=max(facts.timings, key=_seconds, default=None),
        claims=[(check.name, in_words(check)) for check in manifest.checks],
        packages=_packages(facts),
        date=datetime.fromtimestamp(facts.lock.date, UTC),
        style=(_BESIDE / "page.css").read_text(),
        script=(_BESIDE / "page.js").read_text(),
        size=format_size,
        duration=format_duration,
    )


def _seconds(timing: Timing) -> float:
    return timing.seconds


def _drawing(facts: ReportFacts, screen: str, width: int, height: int) -> Drawing:
    return Drawing(
        screen=screen,
        width=width,
        height=height,
        groups=treemap(facts.shares, width=width, height=height),
        segments=disk_map(facts, width=width, badge=26),
    )


def _layers(shares: Sequence[Share]) -> list[str]:
    """The names of layers, the one that brings most first."""
    sizes: Counter[str] = Counter()
    for share in shares:
        sizes[share.layer] += share.size_bytes
    return [layer for layer, _ in sizes.most_common()]


def _highlights(facts: ReportFacts) -> list[tuple[str, str]]:
    """The figures at the top: a number and what it counts."""
    manifest = facts.manifest
    kinds = Counter(package.kind for package in manifest.packages)
    found = [(format_size(manifest.disk.size_bytes), "on the card")]
    if packed := manifest.digests.get(f"{manifest.image}.zst"):
        found.append((format_size(packed.size_bytes), "to download"))
    found.append((f"{kinds.total()}", f"packages, {kinds['wheel']} of them for Python"))
    if manifest.content:
        resources = sum(channel.resources for channel in manifest.content)
        found.append((f"{resources:,}", f"resources in {_count(len(manifest.content), 'channel')}"))
    if facts.timings:
        found.append((format_duration(max(timing.end_s for timing in facts.timings)), "to build"))
    return found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def in_words(check: Check) -> str:
    """What a check asks of the running device."""
    if check.http is not None:
        return f"{check.http.url} answers {check.http.status}"
    if check.unit is not None:
        return f"{check.unit} is active"
    if check.mount is not None:
        options = f" with {', '.join(check.mount.options)}" if check.mount.options else ""
        return f"{check.mount.path} is mounted as {check.mount.type}{options}"
    if check.listen is not None:
        return f"{check.listen.protocol.upper()} port {check.listen.port} is open"
    if check.command is not None:
        output = f" and says “{check.command.stdout}”" if check.command.stdout else ""
        return f"{' '.join(check.command.run)} exits with {check.command.status}{output}"
    return ""


def _packages(facts: ReportFacts) -> list[PackageRow]:
    manifest: Manifest = facts.manifest
    sizes: Counter[tuple[str, str]] = Counter()
    for share in facts.shares:
        sizes[share.kind, _plain(share.name)] += share.size_bytes
    return [
        PackageRow(
            name=package.name,
            version=package.version,
            kind=_KINDS[package.kind],
            where="" if package.where == "/" else package.where,
            size_bytes=sizes[package.kind, _plain(package.name)],
        )
        for package in manifest.packages
    ]


def _plain(name: str) -> str:
    return name.replace("_", "-").replace(".", "-").lower()

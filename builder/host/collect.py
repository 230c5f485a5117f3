"""Make the cache smaller, without taking anything away from a running build."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.host.holding import alone, release
from builder.host.places import RECIPES, cache_directory, remove_tree
from builder.host.scratch import set_aside, sweep
from builder.host.survey import POOL, UNFINISHED, cap_bytes, place_of, survey
from builder.plan.eviction import Piece, choose_evicted
from builder.progress import Reporter
from builder.units import format_size

_SHA256: Final = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection removed, and what it left."""

    removed: tuple[Piece, ...]
    kept: tuple[Piece, ...]
    cap_bytes: int

    @property
    def freed_bytes(self) -> int:
        """What the removed pieces took on the disk."""
        return sum(piece.size_bytes for piece in self.removed)

    @property
    def kept_bytes(self) -> int:
        """What the others take."""
        return sum(piece.size_bytes for piece in self.kept)

    @property
    def held_bytes(self) -> int:
        """What cannot be removed now, because somebody uses it."""
        return sum(piece.size_bytes for piece in self.kept if piece.held)


def collect(*, to_bytes: int | None = None, dry_run: bool = False) -> Collected:
    """Remove what was not used for the longest time until the cache fits. Must run inside the namespace.

    Args:
        to_bytes: How large the cache may be; its cap if left out.
        dry_run: Only find out what would be removed.

    Raises:
        HostError: the cap that the user chose is not a size.
    """
    cap = cap_bytes() if to_bytes is None else to_bytes
    cache = cache_directory()
    # What this run itself used is known by the time of its use.
    release(cache / POOL)
    pieces = survey(locked=named_by_locks((RECIPES, Path("recipes"))))
    chosen = choose_evicted(pieces, cap_bytes=cap)
    if not dry_run:
        sweep(cache / UNFINISHED)
        chosen = _remove(chosen)
    gone = {(piece.kind, piece.key) for piece in chosen}
    return Collected(
        removed=chosen,
        kept=tuple(piece for piece in pieces if (piece.kind, piece.key) not in gone),
        cap_bytes=cap,
    )


def collect_after_build(reporter: Reporter) -> None:
    """Bring the cache below its cap, and say so if that takes anything away or cannot be done."""
    collected = collect()
    if collected.removed:
        reporter.note(
            f"cache: {format_size(collected.freed_bytes)} not used for the longest time removed; "
            f"{format_size(collected.kept_bytes)} kept"
        )
    if collected.held_bytes > collected.cap_bytes:
        reporter.note(
            f"cache: what is in use takes {format_size(collected.held_bytes)}, more than the cap of "
            f"{format_size(collected.cap_bytes)}; SATCHEL_CACHE_SIZE sets another"
        )


def named_by_locks(directories: Iterable[Path]) -> frozenset[str]:
    """The SHA-256 of everything that the locks in these directories name."""
    locks = [path for directory in directories for path in sorted(directory.glob("*.lock"))]
    return frozenset(digest for path in locks for digest in _SHA256.findall(path.read_text(errors="replace")))


def _remove(chosen: Iterable[Piece]) -> tuple[Piece, ...]:
    """Remove each that nobody began to use since it was chosen."""
    unfinished = cache_directory() / UNFINISHED
    removed: list[Piece] = []
    for piece in chosen:
        place = place_of(piece)
        # A build holds the pool as a whole.
        with alone(place.parents[1] if piece.kind == POOL else place) as free:
            if free:
                # First out of sight, then removed: a kill in between leaves no half piece under a key.
                remove_tree(set_aside(place, unfinished))
                removed.append(piece)
    return tuple(removed)

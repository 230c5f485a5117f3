"""Bring the files of channels into the pool, from whichever source has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from builder.content.pool.pool import ContentPool
from builder.content.pool.room import PoolFull
from builder.content.source.source import Bringer
from builder.errors import HostError, PlanError, SatchelError
from builder.kolibri.channels import ContentFile
from builder.progress import Reporter
from builder.units import format_size

_MANY: Final = 10
"""Reasons; longer lists are cut: nobody reads them."""

_SPARE: Final = 64 << 20
"""Bytes that the pool's file system keeps for what it needs itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Files of a channel or of a tree, and what opens their sources, in the order in which they are asked."""

    name: str
    files: tuple[ContentFile, ...]
    sources: Sequence[Callable[[], Bringer]]


class NotFetched(PlanError):
    """Files that no source could give; everything else arrived and stays."""

    def __init__(self, failures: Sequence[_Failure]) -> None:
        total = sum(len(failure.files) for failure in failures)
        size = format_size(sum(file.size for failure in failures for file in failure.files))
        lines = [str(failure) for failure in failures[:_MANY]]
        super().__init__(
            f"{_counted(total)} of content ({size}) could not be had from any source",
            details="\n".join([*lines, f"and {len(failures) - _MANY} more"] if len(failures) > _MANY else lines),
            hint="what arrived is kept, and the next run asks only for the rest; give a further source, or mend one",
        )


@dataclass(frozen=True, slots=True)
class _Failure:
    """Files that did not arrive for the same reasons."""

    name: str
    files: tuple[ContentFile, ...]
    reasons: tuple[str, ...]
    """One for each source."""

    def __str__(self) -> str:
        more = f" and {_counted(len(self.files) - 1, 'more file')}" if len(self.files) > 1 else ""
        return f"{self.name}, {self.files[0].name}{more}: {'; '.join(self.reasons) or 'there is no source for it'}"


def fetch_files(wanted: Sequence[Wanted], pool: ContentPool, *, offline: bool, reporter: Reporter) -> None:
    """Bring what the pool lacks. Whatever arrived stays, however this ends, and another run goes on from there.

    Raises:
        PlanError: `offline`, and something is missing.
        NotFetched: no source could give some files; those of all channels are named.
        HostError: the pool's disk has no room, or broke.
    """
    missing = [pool.missing(each.files) for each in wanted]
    left = _Left({file for files in missing for file in files})
    if not left.files:
        return
    if offline:
        raise PlanError(
            f"the pool lacks {format_size(left.bytes)} of content, and the network may not be used",
            details="\n".join(
                f"{each.name}: {_counted(len(files))}" for each, files in zip(wanted, missing, strict=True) if files
            ),
            hint="`satchel content fetch` brings it where the sources can be reached",
        )
    _require_room(left.bytes, pool)
    detail = f"{_counted(len(left.files))}, {format_size(left.bytes)}"
    failures: list[_Failure] = []
    with reporter.step("content", detail=detail), reporter.amount("content", left.bytes) as advance:
        left.advance = advance
        try:
            for each, files in zip(wanted, missing, strict=True):
                # Two channels may share a file, which the first brought already.
                failures += _fetch(each, [file for file in files if file in left.files], pool, left)
        finally:
            # However it ends: what is not written down is read again. On a full disk, nothing can be.
            with suppress(HostError):
                pool.settle()
    if failures:
        raise NotFetched(failures)


@dataclass(slots=True)
class _Left:
    """What is still to come, in step with the bar that people see."""

    files: set[ContentFile]
    advance: Callable[[int], None] = lambda _: None
    bytes: int = 0
    _told: int = field(default=0, init=False)
    _total: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.bytes = self._total = sum(file.size for file in self.files)

    def tell(self, amount: int) -> None:
        """Bytes that came, for whatever they are worth."""
        self._told += amount
        self.advance(amount)

    def arrived(self, files: Iterable[ContentFile]) -> None:
        """These are in the pool; whatever else came was for nothing, so that the bar goes back to the truth."""
        for file in files:
            if file in self.files:
                self.files.remove(file)
                self.bytes -= file.size
        self.tell(self._total - self.bytes - self._told)


def _fetch(wanted: Wanted, files: list[ContentFile], pool: ContentPool, left: _Left) -> list[_Failure]:
    """Ask one source after the other; returns what none of them could give."""
    reasons: dict[ContentFile, tuple[str, ...]] = dict.fromkeys(files, ())
    for opened in wanted.sources:
        if not reasons:
            break
        try:
            failed = _brought(opened, tuple(reasons), pool, left)
        except PoolFull as full:
            left.arrived(file for file in reasons if pool.path(file).exists())
            raise PoolFull(f"{full.message}; {format_size(left.bytes)} are still to come", hint=full.hint) from full
        left.arrived(set(reasons) - set(failed))
        reasons = {file: (*reasons[file], reason) for file, reason in failed.items()}
    grouped: dict[tuple[str, ...], list[ContentFile]] = {}
    for file, why in sorted(reasons.items()):
        grouped.setdefault(why, []).append(file)
    return [_Failure(wanted.name, tuple(alike), why) for why, alike in grouped.items()]


def _brought(
    opened: Callable[[], Bringer], files: tuple[ContentFile, ...], pool: ContentPool, left: _Left
) -> dict[ContentFile, str]:
    """What one source could not give, with the reasons."""
    try:
        source = opened()
    except SatchelError as error:
        # It is not there; the others may be.
        return dict.fromkeys(files, error.message)
    try:
        failed = source.bring(files, pool, advance=left.tell)
    except PlanError as error:
        return dict.fromkeys(pool.missing(files), error.message)
    return {file: f"{source.name}: {reason}" for file, reason in failed.items()}


def _require_room(needed: int, pool: ContentPool) -> None:
    free = pool.free_bytes
    if needed + _SPARE > free:
        raise PoolFull(
            f"{format_size(needed)} of content are missing, but the pool's disk has only {format_size(free)} free",
            details=f"the pool is {pool.root}",
            hint=f"make room for {format_size(needed + _SPARE - free)} more, or let SATCHEL_CACHE name a directory on "
            "a larger disk",
        )


def _counted(number: int, what: str = "file") -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"

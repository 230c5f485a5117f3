"""Whether a machine is the one that a device knows. Pure; docs/clones.md tells why each rule is as it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from clones.fingerprint import PARTS, Fingerprint, Part


class Verdict(StrEnum):
    """What a comparison of two machines says."""

    SAME = "same"
    UNKNOWN = "unknown"
    """Nothing can be compared: these machines tell nothing of themselves."""
    REPAIRED = "repaired"
    """The same machine with another part."""
    MOVED = "moved"
    """Another machine around the very disk on which this device was born: not a copy."""
    ANOTHER = "another"
    """Another machine and another disk: moved or copied, which only a person knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A verdict and what it rests on, as names of parts."""

    verdict: Verdict
    same: tuple[str, ...]
    changed: tuple[str, ...]


def compare(then: Fingerprint, now: Fingerprint, *, born_on: Part) -> Comparison:
    """Compare the machine that a device knows with the one in which it finds itself.

    Args:
        then: the machine that it knows.
        now: the machine around it.
        born_on: the disk of its first boot, or of the last time that a person or a fork said who it is. Only this
            disk proves that it is no copy: a card that replaced it in the same machine may be one of several.
    """
    found = {name: _is_same(then.part(name), now.part(name)) for name in PARTS}
    same = tuple(name for name in PARTS if found[name] is True)
    changed = tuple(name for name in PARTS if found[name] is False)
    return Comparison(
        verdict=_verdict(same, changed, born_here=bool(_is_same(born_on, now.disk))), same=same, changed=changed
    )


def _verdict(same: tuple[str, ...], changed: tuple[str, ...], *, born_here: bool) -> Verdict:
    if not changed:
        return Verdict.SAME if same else Verdict.UNKNOWN
    if not same:
        return Verdict.ANOTHER
    if len(changed) == 1 or "board" in same:
        return Verdict.REPAIRED
    return Verdict.MOVED if "disk" in same and born_here else Verdict.ANOTHER


def _is_same(then: Part, now: Part) -> bool | None:
    """Whether what both tell agrees anywhere; none when they have nothing in common to compare.

    One agreement is enough: a new firmware may change one place, and a second network card adds a number to another.
    """
    places = then.keys() & now.keys()
    return any(set(then[place]) & set(now[place]) for place in places) if places else None


def merged(then: Fingerprint, now: Fingerprint) -> Fingerprint:
    """The same machine as it is today, with what it does not tell today because a driver is late."""
    return Fingerprint(
        board=_merged(then.board, now.board),
        disk=_merged(then.disk, now.disk),
        network=_merged(then.network, now.network),
    )


def _merged(then: Part, now: Part) -> Part:
    def both(place: str) -> list[str]:
        old, new = then.get(place, []), now.get(place, [])
        return sorted({*old, *new}) if set(old) & set(new) or not new else new

    return {place: both(place) for place in sorted(then.keys() | now.keys())}

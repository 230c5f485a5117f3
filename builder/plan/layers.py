"""Which layers will be made and which are there already, and why. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from builder.plan.keys import difference, key_of


class Known(Protocol):
    """A layer that was finished at some time."""

    @property
    def key(self) -> str:
        """Its content key."""

    @property
    def name(self) -> str:
        """The name of the layer."""

    @property
    def parts(self) -> Mapping[str, str]:
        """The parts of its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLayer:
    """One layer with its key, and whether it will be made or reused, and why."""

    name: str
    key: str
    parts: Mapping[str, str]
    reused: bool
    reason: str

    def as_dict(self) -> dict[str, object]:
        """For scripts."""
        return {"layer": self.name, "key": self.key, "reused": self.reused, "reason": self.reason}


def plan_layers(
    layers: Iterable[tuple[str, Mapping[str, str]]],
    *,
    foundation: str,
    known: Sequence[Known],
    apart: Collection[str] = (),
) -> tuple[PlannedLayer, ...]:
    """Decide for each layer, from the bottom up.

    Args:
        layers: Names and key parts, the lowest first.
        foundation: What every layer depends on: the identity of the workshop.
        apart: Names of layers that do not depend on what lies below; those above depend on them all the same.
        known: Every finished layer, those first that it is most like: of the same recipe, the newest.
    """
    finished = {entry.key for entry in known}
    planned: list[PlannedLayer] = []
    below = foundation
    for name, parts in layers:
        key = key_of(parts) if name in apart else key_of(parts, below=below)
        reused = key in finished
        reason = "reused" if reused else _why(name, parts, known)
        planned.append(PlannedLayer(name=name, key=key, parts=parts, reused=reused, reason=reason))
        below = key_of({"beside": key}, below=below) if name in apart else key
    return tuple(planned)


def _why(name: str, parts: Mapping[str, str], known: Sequence[Known]) -> str:
    """Compared with the first layer of that name; without one it was never made."""
    earlier = next((entry for entry in known if entry.name == name), None)
    if earlier is None:
        return "never made"
    return difference(earlier.parts, parts) or "a layer below changed"


def render(planned: Sequence[PlannedLayer]) -> str:
    """The plan for people: a line for each layer."""
    width = max((len(layer.name) for layer in planned), default=0)
    lines = []
    for layer in planned:
        verdict = layer.reason if layer.reused else f"make: {layer.reason}"
        lines.append(f"  {layer.name:<{width}}  {layer.key[:12]}  {verdict}")
    return "\n".join(lines)

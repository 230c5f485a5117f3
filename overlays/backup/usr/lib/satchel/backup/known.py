"""What this device remembers about its backups: how the last run went, and which were found damaged."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Literal

from device import files
from device.paths import Paths

_FILE = "/var/lib/satchel/backups.json"

Outcome = Literal["made", "absent", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How the last attempt on a target ended."""

    outcome: Outcome
    when: str
    words: str
    """The name of the backup, or why there is none."""


@dataclass(slots=True, kw_only=True)
class Known:
    """All of it."""

    attempts: dict[str, Attempt] = field(default_factory=dict)
    """By target."""
    damaged: dict[str, list[str]] = field(default_factory=dict)
    """By target, the names of backups of this device."""

    def note_damage(self, target: str, checked: Collection[str], damaged: Collection[str]) -> None:
        """Remember what a look at backups found."""
        before = set(self.damaged.get(target, ()))
        self.damaged[target] = sorted((before - set(checked)) | set(damaged))


def load(paths: Paths) -> Known:
    """What was remembered; nothing, if that cannot be read."""
    try:
        raw = json.loads(files.read(paths.at(_FILE)) or "{}")
        attempts = {name: Attempt(**each) for name, each in raw["attempts"].items()}
        return Known(attempts=attempts, damaged=raw["damaged"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return Known()


def save(paths: Paths, known: Known) -> None:
    """Remember it."""
    files.write(paths.at(_FILE), json.dumps(asdict(known), indent=1, sort_keys=True) + "\n", mode=0o600)

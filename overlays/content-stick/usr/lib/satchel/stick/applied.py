"""What this device has taken from sticks: an older stick must not undo unnoticed what a newer one has brought."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from device import files
from stick.manifest import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A channel as a stick has brought it."""

    serial: int
    """Of the stick."""
    version: int
    database: str
    """SHA-256."""
    nodes: tuple[str, ...]

    @classmethod
    def of(cls, channel: Channel, serial: int) -> Applied:
        """What is remembered once a channel is there."""
        nodes = tuple(sorted(channel.nodes))
        return cls(serial=serial, version=channel.version, database=channel.database.sha256, nodes=nodes)


def load(path: Path) -> dict[str, Applied]:
    """What was taken, by channel id. A file that cannot be understood counts as none: it only saves work and warns."""
    try:
        raw = json.loads(files.read(path) or "{}")
        return {name: Applied(**{**entry, "nodes": tuple(entry["nodes"])}) for name, entry in raw.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def dumped(applied: dict[str, Applied]) -> dict[str, object]:
    """The same as plain values."""
    return {name: asdict(entry) for name, entry in sorted(applied.items())}


def save(path: Path, applied: dict[str, Applied]) -> None:
    """Write it down, whole or not at all."""
    files.write(path, json.dumps(dumped(applied), indent=1) + "\n", mode=0o600)

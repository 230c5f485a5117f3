"""What a device remembers of the machine that it is in: /var/lib/satchel/machine.json, for root only."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass

from clones import fingerprint
from clones.fingerprint import Fingerprint, Part
from device import files
from device.paths import Paths

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine that a device knows."""

    salt: bytes
    known: Fingerprint
    born_on: Part
    """The disk on which it became who it is."""


def here(paths: Paths, salt: bytes | None = None) -> Machine:
    """The machine around this disk, as the one on which this device became who it is."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    known = fingerprint.read(paths, salt)
    return Machine(salt=salt, known=known, born_on=known.disk)


def load(paths: Paths) -> Machine | None:
    """What the device remembers; nothing when it does not, or what it has cannot be read."""
    try:
        raw = json.loads(files.read(paths.machine) or "null")
        return Machine(
            salt=bytes.fromhex(raw["salt"]),
            known=Fingerprint(**{part: _part(raw[part]) for part in fingerprint.PARTS}),
            born_on=_part(raw["born_on"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _part(raw: dict[str, list[str]]) -> Part:
    return {str(place): [str(digest) for digest in digests] for place, digests in raw.items()}


def step(before: Machine, after: Machine) -> str:
    """A name for the way from one machine to another, the same whenever it is gone between the same two."""
    return hashlib.sha256(f"{before.known}{after.known}".encode()).hexdigest()[:16]


def save(paths: Paths, machine: Machine) -> None:
    """Remember a machine."""
    parts = {part: machine.known.part(part) for part in fingerprint.PARTS}
    text = json.dumps({"salt": machine.salt.hex(), **parts, "born_on": machine.born_on}, indent=2, sort_keys=True)
    if files.read(paths.machine) != text:
        files.write(paths.machine, text + "\n", mode=0o600)

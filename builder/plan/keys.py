"""Content keys: one name for everything that can change a result. Pure.

The keys of layers form a Merkle chain: a layer's key covers its own parts and the key of the layer below it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid5


def key_of(parts: Mapping[str, str], *, below: str = "") -> str:
    """The key of a piece made from `parts` on top of the piece `below`: 64 hexadecimal digits."""
    canonical = json.dumps({"below": below, "parts": dict(parts)}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


_LEGIBLE: Final = 40
"""Characters of a value that a person can still read; a digest is longer."""


def difference(old: Mapping[str, str], new: Mapping[str, str], *, limit: int = 3) -> str:
    """What changed between two sets of parts, in words, at most `limit` parts by name."""
    changes = [f"{part} removed" for part in old if part not in new]
    changes += [f"{part} added" for part in new if part not in old]
    changes += [_change(part, old[part], new[part]) for part in new if part in old and old[part] != new[part]]
    shown = ", ".join(sorted(changes)[:limit])
    return shown if len(changes) <= limit else f"{shown} and {len(changes) - limit} more"


def _change(part: str, old: str, new: str) -> str:
    """By their first words, where these differ and can be read: a package's version stands before its hash."""
    before, after = (value.partition(" ")[0] for value in (old, new))
    legible = before != after and all(0 < len(word) <= _LEGIBLE for word in (before, after))
    return f"{part} {before} -> {after}" if legible else f"{part} changed"


_NAMESPACE = UUID("5a7c4e1e-0000-5000-8000-736174636865")


def seed_of(recipe_name: str) -> UUID:
    """What all UUIDs of a recipe's image are made from: the same at every build, so that partitions can be reused."""
    return uuid5(_NAMESPACE, recipe_name)

"""Seeds as people and scripts see them; secrets only when they are asked for."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from seed import document
from seed.document import Seed

from builder.identity.seed_file import rendered


def as_dict(seed: Seed, *, secrets: bool) -> dict[str, Any]:
    """For scripts."""
    return asdict(_shown(seed, secrets=secrets)) | {"has_secrets": document.has_secrets(seed)}


def as_text(seed: Seed, *, secrets: bool) -> str:
    """The text on the card."""
    hidden = document.has_secrets(seed) and not secrets
    text = rendered(_shown(seed, secrets=secrets)).decode().rstrip("\n")
    return text + ("\n# There are secrets, too; --secrets shows them." if hidden else "")


def _shown(seed: Seed, *, secrets: bool) -> Seed:
    return seed if secrets else replace(document.without_secrets(seed), taken=seed.taken)


def name_of(seed: Seed) -> str:
    """What a person calls the device."""
    return seed.code or seed.facility.name or seed.hostname or "one without a name"

"""Seeds as people and scripts see them; secrets only when they are asked for."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from seed import document
from seed.document import Seed

from builder.identity.site_seed import shown_seed


def as_dict(seed: Seed, *, secrets: bool) -> dict[str, Any]:
    """For scripts."""
    shown = seed if secrets else replace(document.without_secrets(seed), taken=seed.taken)
    return asdict(shown) | {"has_secrets": document.has_secrets(seed)}


def as_text(seed: Seed, *, secrets: bool) -> str:
    """The text on the card."""
    hidden = document.has_secrets(seed) and not secrets
    return shown_seed(seed, secrets=secrets) + ("\n# There are secrets, too; --secrets shows them." if hidden else "")


def name_of(seed: Seed) -> str:
    """What a person calls the device."""
    return seed.code or seed.facility.name or seed.hostname or "one without a name"

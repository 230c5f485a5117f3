"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Whether a claim holds, with the evidence in words."""

    ok: bool
    detail: str

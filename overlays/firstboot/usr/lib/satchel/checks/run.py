"""Runs all claims and shows the result to a person or a program."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from checks import command, http, listen, mount
from checks.outcome import Outcome

_KINDS: dict[str, Callable[[Any], Outcome]] = {
    "http": http.check,
    "unit": command.check_unit,
    "mount": mount.check,
    "listen": listen.check,
    "command": command.check,
}

Result = dict[str, str | bool]
"""`{"name", "ok", "detail"}`, as the agent sends it."""


def run(path: Path) -> list[Result]:
    """Prove every claim in a file, in order. A file that cannot be read is a claim that does not hold."""
    try:
        claims = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [{"name": "the checks can be read", "ok": False, "detail": f"{path}: {error}"}]
    return [prove(claim) for claim in claims]


def prove(claim: dict[str, Any]) -> Result:
    """Prove one claim; one of an unknown kind does not hold."""
    kind = next((kind for kind in _KINDS if kind in claim), None)
    if kind is None:
        outcome = Outcome(ok=False, detail=f"unknown kind of check: {', '.join(sorted(claim.keys() - {'name'}))}")
    else:
        outcome = _KINDS[kind](claim[kind])
    return {"name": claim["name"], "ok": outcome.ok, "detail": outcome.detail}


def as_text(results: Sequence[Result]) -> str:
    """One line for each claim, and a sum."""
    lines = [f"{'ok  ' if result['ok'] else 'FAIL'}  {result['name']}: {result['detail']}" for result in results]
    failed = sum(not result["ok"] for result in results)
    return "\n".join([*lines, f"{len(results)} checks, {failed} failed"])

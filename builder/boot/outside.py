"""Ask a device's web addresses from outside, as a tablet would: what answers only on the device itself helps nobody."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from builder.boot.answer import CheckAnswer
from builder.recipe.model import Check, HttpCheck

_ANSWER_S = 30.0
_PAUSE_S = 2.0

ANYTHING: Final = "*"
"""In a recipe: any value but 0, false, null and what is empty; as the checks on the device mean it."""


def at(document: object, path: str) -> object | None:
    """The value at a dotted path such as `0.name`; none if there is none."""
    for part in path.split("."):
        match document:
            case dict() if part in document:
                document = document[part]
            case list() if part.isdigit() and int(part) < len(document):
                document = document[int(part)]
            case _:
                return None
    return document


def contradictions(document: object, wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """How a JSON answer differs from the wanted values; `*` wants anything that is not empty."""
    found = {path: at(document, path) for path in wanted}
    return tuple(
        f"{path} is {json.dumps(found[path])}, but must be {'something' if value == ANYTHING else json.dumps(value)}"
        for path, value in wanted.items()
        if (not found[path] if value == ANYTHING else found[path] != value)
    )


def ask(checks: tuple[Check, ...], forwards: Mapping[int, int], *, within: float) -> tuple[CheckAnswer, ...]:
    """Carry out the HTTP checks whose port is forwarded, each until it holds or some seconds are over."""
    answers: list[CheckAnswer] = []
    for check in checks:
        if check.http is None:
            continue
        port = forwards.get(urlsplit(check.http.url).port or 80)
        if port is not None:
            trouble = _until_it_holds(check.http, port, within)
            answers.append(CheckAnswer(name=f"{check.name} (from outside)", ok=not trouble, detail=trouble))
    return tuple(answers)


def _until_it_holds(check: HttpCheck, port: int, within: float) -> str:
    until = time.monotonic() + within
    while trouble := _trouble(check, port):
        if time.monotonic() >= until:
            return trouble
        time.sleep(_PAUSE_S)
    return ""


def _trouble(check: HttpCheck, port: int) -> str:
    address = urlsplit(check.url)
    target = address.path + (f"?{address.query}" if address.query else "")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    if answer.status != check.status:
        return f"status {answer.status}, not {check.status}"
    if check.json_contains is None:
        return ""
    try:
        return "; ".join(contradictions(json.loads(body), check.json_contains))
    except ValueError:
        return "the answer is not JSON"

"""An address that must answer. Redirects are not followed: the claim is about this address."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from checks.outcome import Outcome

_TIMEOUT_SECONDS = 60.0
_ANYTHING = "*"
_MISSING = object()


def check(claim: dict[str, Any]) -> Outcome:
    """Ask, compare the status, then the values in the JSON answer."""
    url = urlsplit(claim["url"])
    connection = HTTPConnection(url.hostname or "", url.port or 80, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", url.path + (f"?{url.query}" if url.query else ""), headers={"Accept": "*/*"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, HTTPException) as error:
        return Outcome(ok=False, detail=f"no answer: {error!r}")
    finally:
        connection.close()
    if response.status != claim.get("status", 200):
        return Outcome(ok=False, detail=f"answered with status {response.status}")
    wanted = claim.get("json_contains")
    return compare(body, wanted) if wanted else Outcome(ok=True, detail=f"status {response.status}")


def compare(body: bytes, wanted: dict[str, Any]) -> Outcome:
    """Whether a JSON text has the wanted values at their paths; `*` is anything but 0, false, null and empty."""
    try:
        document = json.loads(body)
    except ValueError:
        return Outcome(ok=False, detail=f"the answer is not JSON: {body[:80]!r}")
    for path, value in wanted.items():
        found = at(document, path)
        if found is _MISSING:
            return Outcome(ok=False, detail=f"the answer has no {path}")
        if not (bool(found) if value == _ANYTHING else found == value):
            return Outcome(ok=False, detail=f"{path} is {found!r}, not {value!r}")
    return Outcome(ok=True, detail="; ".join(f"{path} = {at(document, path)!r}" for path in wanted))


def at(document: Any, path: str) -> Any:
    """The value at a dotted path such as `0.name`, where numbers count in lists; a marker object when there is none."""
    for key in path.split("."):
        match document:
            case dict() if key in document:
                document = document[key]
            case list() if key.isdecimal() and int(key) < len(document):
                document = document[int(key)]
            case _:
                return _MISSING
    return document

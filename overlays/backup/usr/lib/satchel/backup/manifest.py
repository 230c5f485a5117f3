"""What a backup holds: its parts with their sums, in a file that says itself when it is damaged. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

FILE = "manifest.json"
"""Its name in a backup. It is written last."""
_VERSION = 1
_FORM = "%Y-%m-%dT%H%M%SZ"
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")

Kind = Literal["directory", "database"]


class ManifestError(Exception):
    """It is not whole, or of a version that this system does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file of a backup."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A directory or a database."""

    kind: Kind
    what: str
    """The path of the directory, or the name of the database."""
    data: Stored
    """The archive or the dump."""
    files: Stored | None
    """Of a directory, the sums of its files, as sha256sum(1) writes them."""
    content_bytes: int
    """The room that it needs when it is put back."""
    owner: str | None
    """Of a database, whose it is."""
    roles: tuple[str, ...]
    """Of a database, all roles of its server: it may speak of any of them."""

    def stored(self) -> tuple[Stored, ...]:
        """Its files."""
        return (self.data, self.files) if self.files else (self.data,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All of a backup."""

    device: str
    """The host name of the device that it is of."""
    postgres: int | None
    """The major version of the server with the databases."""
    parts: tuple[Part, ...]

    @property
    def size_bytes(self) -> int:
        """The room that it takes."""
        return sum(file.size_bytes for part in self.parts for file in part.stored())

    def render(self) -> str:
        """As a text, with a sum over all of it."""
        raw = {"version": _VERSION, **asdict(self)}
        return json.dumps({**raw, "sha256": _sum(raw)}, indent=1, sort_keys=True) + "\n"


def parse(text: bytes) -> Manifest:
    """The manifest in a text.

    Raises:
        ManifestError: it is damaged, or of a later version.
    """
    try:
        raw = json.loads(text)
        said = raw.pop("sha256")
        if said != _sum(raw):
            raise ManifestError(f"{FILE} is damaged")
        if raw.pop("version") != _VERSION:
            raise ManifestError(f"{FILE} is of a later version than this system knows")
        parts = tuple(
            Part(
                **{
                    **each,
                    "data": Stored(**each["data"]),
                    "files": Stored(**each["files"]) if each["files"] else None,
                    "roles": tuple(each["roles"]),
                }
            )
            for each in raw.pop("parts")
        )
        return Manifest(**raw, parts=parts)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ManifestError(f"{FILE} is damaged: {error}") from error


def _sum(raw: object) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def is_name(text: str) -> bool:
    """Whether a text is the name of a backup."""
    return _NAME.fullmatch(text) is not None


def new_name(now: datetime, there: list[str]) -> str:
    """A name that sorts behind those that are there, even when the clock has gone back since."""
    name = now.astimezone(UTC).strftime(_FORM)
    newest = max(there, default="")
    if name > newest:
        return name
    return (datetime.strptime(newest, _FORM).replace(tzinfo=UTC) + timedelta(seconds=1)).strftime(_FORM)


def outdated(good: list[str], everything: list[str], keep: int) -> list[str]:
    """What may be removed so that `keep` good backups stay: all that is older than the oldest of those.

    Damaged ones do not count, and stay as long as they are not older than that.
    """
    newest_first = sorted(good, reverse=True)
    if len(newest_first) < keep:
        return []
    return sorted(name for name in everything if name < newest_first[keep - 1])

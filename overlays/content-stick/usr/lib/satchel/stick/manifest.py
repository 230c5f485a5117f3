"""What a stick says it holds. Pure, and only ever given bytes whose signature was found good.

Every name that becomes a path is looked at all the same: a key may have been stolen, and a mistake signs as well.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from stick.outcome import Refused

DIRECTORY = "satchel-content"
MANIFEST = f"{DIRECTORY}/manifest.json"
SIGNATURE = f"{DIRECTORY}/manifest.json.sig"
FILES = f"{DIRECTORY}/files.txt"
FORMAT = 1
LARGEST = 16 * 1024 * 1024
"""Bytes of a manifest."""
LARGEST_LIST = 512 * 1024 * 1024
"""Bytes of the list of files: some four million of them."""

_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[0-9a-f]{32}\.[0-9a-z]{1,16}")
_AGAIN = "Make the stick again with `satchel content stick`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Bytes on the stick: how many, and what they hash to."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFile(Stored):
    """A file of content; its name begins with the MD5 of its bytes."""

    name: str

    @property
    def path(self) -> PurePosixPath:
        """Its place below a content directory."""
        return PurePosixPath("storage", self.name[0], self.name[1], self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel on the stick."""

    id: str
    name: str
    version: int
    nodes: tuple[str, ...]
    """What is taken of it: topics as a whole, or resources; the root for all of it."""
    resources: int
    """How many resources Kolibri must show below these nodes afterwards."""
    database: Stored

    @property
    def path(self) -> PurePosixPath:
        """The place of its database below a content directory."""
        return PurePosixPath("databases", f"{self.id}.sqlite3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything that the signature vouches for."""

    serial: int
    """Later sticks have greater ones."""
    products: tuple[str, ...]
    """Recipes whose devices may take it; all of them when empty."""
    channels: tuple[Channel, ...]
    files: Stored
    """The list of files."""


def parse(data: bytes) -> Manifest:
    """The manifest in some bytes.

    Raises:
        Refused: it is none that this device understands.
    """
    try:
        raw = json.loads(data)
        if (form := raw.get("satchel_content_stick")) != FORMAT:
            raise Refused(f"the stick is of a form that this device does not know: {form!r}", advice=_AGAIN)
        channels = tuple(_channel(each) for each in _of(raw, "channels", list))
        manifest = Manifest(
            serial=_number(raw, "serial"),
            products=tuple(_text(each) for each in _of(raw, "products", list)),
            channels=channels,
            files=_stored(_of(raw, "files", dict)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"the stick's manifest cannot be understood: {error!r}", advice=_AGAIN) from error
    if not channels or len({channel.id for channel in channels}) < len(channels):
        raise Refused("the stick holds no channel, or one of them twice", advice=_AGAIN)
    if manifest.files.size > LARGEST_LIST:
        raise Refused("the stick holds too many files", advice=_AGAIN)
    return manifest


def files_in(data: bytes, manifest: Manifest) -> tuple[ContentFile, ...]:
    """The list of files: a line for each with SHA-256, size and name.

    Raises:
        Refused: it is not the list that the manifest vouches for.
    """
    if len(data) != manifest.files.size or hashlib.sha256(data).hexdigest() != manifest.files.sha256:
        raise Refused(f"{FILES} on the stick is damaged", advice=_AGAIN)
    try:
        return tuple(_files(data.decode("ascii")))
    except ValueError as error:
        raise Refused(f"{FILES} on the stick cannot be understood: {error}", advice=_AGAIN) from error


def _files(text: str) -> Iterator[ContentFile]:
    for line in text.splitlines():
        sha256, size, name = line.split(" ")
        if not (_SHA256.fullmatch(sha256) and size.isdecimal() and _NAME.fullmatch(name)):
            raise ValueError(f"a line that is none: {line!r}")
        yield ContentFile(sha256=sha256, size=int(size), name=name)


def _channel(raw: Mapping[str, Any]) -> Channel:
    return Channel(
        id=_like(_ID, raw["id"]),
        name=_text(raw["name"]),
        version=_number(raw, "version"),
        nodes=tuple(_like(_ID, node) for node in _of(raw, "nodes", list)),
        resources=_number(raw, "resources"),
        database=_stored(_of(raw, "database", dict)),
    )


def _stored(raw: Mapping[str, Any]) -> Stored:
    return Stored(sha256=_like(_SHA256, raw["sha256"]), size=_number(raw, "size"))


def _of(raw: Mapping[str, Any], key: str, kind: type) -> Any:
    if type(raw[key]) is not kind:
        raise ValueError(f"`{key}` is {raw[key]!r}")
    return raw[key]


def _number(raw: Mapping[str, Any], key: str) -> int:
    value: int = _of(raw, key, int)
    if value < 0:
        raise ValueError(f"`{key}` is {value}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _like(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{value!r} is not what it should be")
    return value

"""What Kolibri 0.19 asks a peer before it imports, and what we answer. Pure.

Only what an importer needs (kolibri/core/public/api.py and the URLs in kolibri/core/content/utils/paths.py): no
facilities, no users, no browsing in channels that were not imported yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from builder.content.peer.shelf import Offer, Shelf

SPEAKS: Final = "0.15.12"
"""The Kolibri that we pass for: the last of those which can be imported from and not be browsed from afar. Learners'
pages offer to browse in devices from 0.16 on, importing asks for no version."""

_SCHEMA: Final = "5"
_INFO: Final = ("application", "kolibri_version", "instance_id", "device_name", "operating_system")
_INFO_KEYS: Final = {"1": _INFO, "2": (*_INFO, "subset_of_users_device")}
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_RANGE: Final = re.compile(r"(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a Kolibri takes us for."""

    instance: str
    """32 hex digits; the same whenever this machine serves at this port, or Kolibri calls it a conflict."""
    name: str


class NotThere(Exception):
    """There is nothing at that path."""


class Unsatisfiable(Exception):
    """A range that the file does not have."""


def answer(path: str, query: Mapping[str, str], shelf: Shelf, identity: Identity) -> object:
    """What is at a path of the API, ready to become JSON.

    Raises:
        NotThere: nothing is.
    """
    match path.strip("/").split("/"):
        case ["api", "public", "info"]:
            return _info(query.get("v", "1"), identity)
        case ["api", "public", "v1", "channels"]:
            return [_public(offer) for offer in _available(shelf)]
        case ["api", "public", "v1", "channels", "lookup", channel]:
            found = [_public(offer) for offer in _available(shelf) if offer.channel.id == channel.replace("-", "")]
            if found:
                return found
        case ["api", "public", "v2", "channel"]:
            return [_metadata(offer) for offer in _available(shelf)]
        case ["api", "public", "v2", "channel", channel]:
            for offer in _available(shelf):
                if offer.channel.id == channel:
                    return _metadata(offer)
        case ["api", "public", "v1", "facility"]:
            return []
        case _:
            pass
    raise NotThere(path)


def available_mask(asked: bytes, shelf: Shelf) -> bytes:
    """A decimal number whose bits say, for a JSON list of MD5s, which of them are here, the first in the lowest bit.

    Raises:
        ValueError: it is no such list.
    """
    checksums = json.loads(asked)
    if not isinstance(checksums, list) or not all(isinstance(each, str) for each in checksums):
        raise ValueError("not a list of checksums")
    asked_for = [each for each in checksums if _MD5.fullmatch(each)]
    bits = bytearray(len(asked_for) // 8 + 1)
    for number, each in enumerate(asked_for):
        bits[number // 8] |= (each in shelf.md5s) << number % 8
    # By way of Decimal, because Python refuses to print integers of more than 4,300 digits.
    return str(Decimal(int.from_bytes(bits, "little"))).encode()


def asked_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Start and length that a Range header asks for; None if all is to be sent: no header, other units, many ranges.

    Raises:
        Unsatisfiable: there is no such range in a file of that size, or it is none (RFC 9110, 14.2).
    """
    unit, _, ranges = (header or "").partition("=")
    if unit.strip().lower() != "bytes" or "," in ranges:
        return None
    found = _RANGE.fullmatch(ranges.strip())
    if found is None or not (found[1] or found[2]):
        raise Unsatisfiable(header)
    if not found[1]:
        length = min(int(found[2]), size)
        start = size - length
    else:
        start = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        length = last - start + 1
    if length <= 0:
        raise Unsatisfiable(header)
    return start, length


def _available(shelf: Shelf) -> tuple[Offer, ...]:
    return tuple(offer for offer in shelf.offers if offer.resources)


def _info(version: str, identity: Identity) -> dict[str, object]:
    known = {
        "application": "kolibri",
        "kolibri_version": SPEAKS,
        "instance_id": identity.instance,
        "device_name": identity.name,
        "operating_system": "Linux",
        "subset_of_users_device": False,
        "min_content_schema_version": _SCHEMA,
    }
    return {key: known[key] for key in _INFO_KEYS.get(version, known)}


def _public(offer: Offer) -> dict[str, object]:
    channel, about = offer.channel, offer.about
    return {
        "id": channel.id,
        "name": channel.name,
        "language": about.language,
        "included_languages": list(channel.languages),
        "description": about.description,
        "tagline": about.tagline,
        "total_resource_count": offer.resources,
        "version": channel.version,
        "published_size": offer.size,
        "last_published": about.last_updated,
        "icon_encoding": about.thumbnail,
        "matching_tokens": [],
        "public": None,
    }


def _metadata(offer: Offer) -> dict[str, object]:
    channel, about = offer.channel, offer.about
    return {
        "author": about.author,
        "description": about.description,
        "tagline": about.tagline,
        "id": channel.id,
        "last_updated": about.last_updated,
        "lang_code": about.language,
        "lang_name": about.language_name,
        "name": channel.name,
        "root": channel.root_id,
        "thumbnail": about.thumbnail,
        "version": channel.version,
        "available": True,
        "num_coach_contents": 0,
        "public": None,
        "total_resource_count": offer.resources,
        "published_size": offer.size,
        "included_categories": [],
        "included_grade_levels": [],
        "included_languages": list(channel.languages),
        "last_published": about.last_updated,
    }

"""What stands on a stick besides content: the manifest, which is signed, and the list of files, which it vouches for.

The manifest is small, so that a device can look at the signature before it looks at anything else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from builder.kolibri.channels import Channel

LABEL: Final = "SATCHELCONT"
"""The label of a stick's file system, by which devices know it; as long as a label of vfat can be."""
DIRECTORY: Final = "satchel-content"
MANIFEST: Final = f"{DIRECTORY}/manifest.json"
SIGNATURE: Final = f"{DIRECTORY}/manifest.json.sig"
FILES: Final = f"{DIRECTORY}/files.txt"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Bytes that were read, and proved to be what they are named after."""

    sha256: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> Stored:
        """Those of some bytes."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), size=len(data))

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"sha256": self.sha256, "size": self.size}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A channel as the stick offers it."""

    channel: Channel
    nodes: tuple[str, ...]
    """What is taken of it: topics as a whole, or resources; the root for all of it."""
    database: Stored


def render_files(files: Sequence[tuple[str, Stored]]) -> bytes:
    """The list: a line for each name with SHA-256, size and name."""
    return "".join(f"{stored.sha256} {stored.size} {name}\n" for name, stored in sorted(files)).encode()


def render_manifest(offers: Sequence[Offer], *, files: bytes, products: Sequence[str], serial: int) -> bytes:
    """The manifest.

    Args:
        offers: The channels.
        files: The list of files.
        products: Names of the recipes whose devices may take it; all of them when empty.
        serial: Later sticks have greater ones.
    """
    facts = {
        "satchel_content_stick": FORMAT,
        "serial": serial,
        "products": sorted(products),
        "channels": [
            {
                "id": offer.channel.id,
                "name": offer.channel.name,
                "version": offer.channel.version,
                "nodes": offer.nodes,
                "resources": offer.channel.resources,
                "languages": offer.channel.languages,
                "bytes": offer.channel.size,
                "database": offer.database.as_dict(),
            }
            for offer in offers
        ],
        "files": Stored.of(files).as_dict(),
    }
    return (json.dumps(facts, ensure_ascii=False, indent=1) + "\n").encode()


def render_offer(offers: Sequence[Offer]) -> bytes:
    """Kolibri's own manifest of a drive, for whoever imports from the stick by hand."""
    channels = [
        {"id": offer.channel.id, "version": offer.channel.version, "include_node_ids": offer.nodes} for offer in offers
    ]
    return (json.dumps({"channels": channels, "channel_list_hash": ""}, indent=1) + "\n").encode()

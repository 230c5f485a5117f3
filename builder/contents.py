"""What is in a finished tree: packages, wheels, channels. For the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from builder.content.laying import MARKER
from builder.manifest import ChannelRecord, Package
from builder.recipe.model import Recipe


def packages_of(tree: Path, recipe: Recipe) -> tuple[Package, ...]:
    """Every Debian package and every wheel, with its version."""
    return (*_debian(tree), *(wheel for app in recipe.packages.pip for wheel in _wheels(tree, app.venv)))


def _debian(tree: Path) -> Iterator[Package]:
    for stanza in (tree / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = HeaderParser().parsestr(stanza)
        if fields.get("Status", "").endswith(" installed"):
            yield Package(name=fields["Package"], version=fields["Version"], kind="deb")


def _wheels(tree: Path, venv: str) -> Iterator[Package]:
    for path in sorted((tree / venv.lstrip("/")).glob("lib/python3*/site-packages/*.dist-info/METADATA")):
        fields = HeaderParser().parsestr(path.read_text())
        yield Package(name=fields["Name"], version=fields["Version"], kind="wheel", where=venv)


def channels_of(tree: Path, recipe: Recipe) -> tuple[ChannelRecord, ...]:
    """Every preloaded channel, as noted when it was imported and verified."""
    markers = [tree / partition.mount.lstrip("/") / MARKER for partition in recipe.disk.partitions if partition.mount]
    notes = [json.loads(marker.read_text())["channels"] for marker in markers if marker.exists()]
    fields = ChannelRecord.model_fields
    return tuple(
        ChannelRecord(**{name: channel[name] for name in fields}) for channels in notes for channel in channels
    )

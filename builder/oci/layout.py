"""An image layout: the form in which tools hand images to one another on a disk (image specification 1.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.oci.model import MANIFESTS

MARK: Final = "oci-layout"
INDEX: Final = "index.json"
NAME: Final = "org.opencontainers.image.ref.name"
"""What an image is called; podman takes a whole name from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDisk:
    """An image whose files are all here."""

    name: str
    digest: str
    """Of its manifest."""
    files: Mapping[str, Path]
    """Manifest, configuration and layers by the hexadecimal digits of their digests."""

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.files[self.digest.removeprefix("sha256:")]


def write_head(directory: Path, images: Iterable[OnDisk]) -> None:
    """Make `directory` a layout of images; their files belong to `blobs/sha256`."""
    manifests = [
        {
            "mediaType": MANIFESTS[0],
            "digest": image.digest,
            "size": image.manifest.stat().st_size,
            "annotations": {NAME: image.name},
        }
        for image in images
    ]
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
    (directory / MARK).write_text('{"imageLayoutVersion":"1.0.0"}')
    (directory / INDEX).write_text(json.dumps(index, indent=1))

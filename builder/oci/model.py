"""The documents of an image: indexes, manifests and configurations, as far as we read them. Pure.

Docker's own formats (distribution manifest v2, schema 2) have the same fields under other media types.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""Registries may use other algorithms; none that is in use does."""

MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
LAYERS: Final = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
"""What layers may be. Those that may not be given away ("foreign", "nondistributable") are none of them."""

_MOST: Final = 4 << 20
"""Bytes of a manifest; registries need not take larger ones (distribution specification, "Pushing Manifests")."""


class WrongImage(Exception):
    """It is no image that we could take. The text is for people."""


class _Document(BaseModel):
    """What we do not know is passed over: everybody may add fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Platform(_Document):
    """What an image runs on."""

    os: str
    architecture: str
    variant: str | None = None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class Descriptor(_Document):
    """A file by its digest."""

    media_type: Annotated[str, Field(alias="mediaType")] = ""
    digest: Digest
    size: Annotated[int, Field(ge=0)]
    platform: Platform | None = None
    annotations: dict[str, str] = {}

    @property
    def sha256(self) -> str:
        """The digest without its algorithm."""
        return self.digest.removeprefix("sha256:")


class Index(_Document):
    """Several images, one for each platform, or all that are in an archive."""

    manifests: tuple[Descriptor, ...]


class Manifest(_Document):
    """One image: its configuration and its layers, the lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


class RootFs(_Document):
    """The layers once more, unpacked."""

    diff_ids: tuple[Digest, ...]


class Runtime(_Document):
    """How a container is run."""

    volumes: Annotated[dict[str, object] | None, Field(alias="Volumes")] = None


class Config(_Document):
    """What an image is for and how it is run."""

    architecture: str
    os: str
    variant: str | None = None
    rootfs: RootFs
    config: Runtime | None = None

    @property
    def platform(self) -> Platform:
        """What it runs on."""
        return Platform(os=self.os, architecture=self.architecture, variant=self.variant)

    @property
    def volumes(self) -> tuple[str, ...]:
        """Where it keeps data, by its own word."""
        return tuple(sorted((self.config and self.config.volumes) or {}))


def digest_of(data: bytes) -> str:
    """The digest of a document, with its algorithm."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def parse_manifest(data: bytes) -> Index | Manifest:
    """The index or the manifest in a document.

    Raises:
        WrongImage: it is neither.
    """
    if len(data) > _MOST:
        raise WrongImage(f"its manifest has {len(data)} bytes, which no registry would take")
    for kind in (Manifest, Index):
        try:
            found: Index | Manifest = kind.model_validate_json(data)
        except ValidationError:
            continue
        _refuse_strange_layers(found)
        return found
    raise WrongImage("it has no manifest that we know; images of Docker before 1.10 must be pushed again")


def _refuse_strange_layers(found: Index | Manifest) -> None:
    for layer in found.layers if isinstance(found, Manifest) else ():
        if layer.media_type not in LAYERS:
            raise WrongImage(f"one of its layers is of the kind {layer.media_type or 'unknown'}, which we do not take")


def parse_config(data: bytes) -> Config:
    """The configuration in a document.

    Raises:
        WrongImage: it is none.
    """
    try:
        return Config.model_validate_json(data)
    except ValidationError as error:
        raise WrongImage("its configuration is not that of an image of a container") from error


def for_platform(index: Index, wanted: Platform) -> Descriptor:
    """The one image of an index that runs on a platform.

    Raises:
        WrongImage: there is none; the text names those that there are.
    """
    for descriptor in index.manifests:
        found = descriptor.platform
        if found and (found.os, found.architecture) == (wanted.os, wanted.architecture):
            return descriptor
    # Attestations are listed as images for an unknown platform.
    there = [str(each.platform) for each in index.manifests if each.platform and each.platform.os != "unknown"]
    raise WrongImage(f"it is there for {', '.join(there) or 'no platform'}, but not for {wanted}")

"""manifest.json: everything that flash, audit and boot test may know about an image.

They read this and the image, and never a recipe. A copy without the digests lies on the image's own EFI system
partition, so that an image that lost its manifest can still say what it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from builder.disk.image import DESCRIPTOR
from builder.errors import ArtifactError
from builder.recipe.content import ChannelSource, ContentSource
from builder.recipe.disk import DataClass, FileSystem, Subvolume
from builder.recipe.model import Check, Recipe

SCHEMA = 1

MANIFEST = "manifest.json"
"""Its name beside an image."""

ON_ESP = "satchel/manifest.json"
"""Where the copy lies on the EFI system partition."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Package(_Record):
    """One piece of installed software."""

    name: str
    version: str
    kind: Literal["deb", "wheel"]
    where: str = "/"
    """The virtual environment of a wheel."""


class PartitionRecord(_Record):
    """One partition, where it lies and what is in it."""

    number: int
    name: str
    type: str
    guid: str
    start_bytes: int
    size_bytes: int
    filesystem: FileSystem | None
    filesystem_uuid: str | None
    label: str | None
    mount: str | None
    options: tuple[str, ...]
    data: DataClass
    grow: bool
    subvolumes: tuple[Subvolume, ...]


class DiskRecord(_Record):
    """The disk."""

    table: str
    guid: str
    size_bytes: int
    partitions: tuple[PartitionRecord, ...]


class SeedPlace(_Record):
    """Where on the disk the seed is written; nothing else lies there."""

    offset_bytes: int
    size_bytes: int


class ChannelRecord(_Record):
    """One preloaded channel."""

    id: str
    name: str
    version: int
    resources: int
    bytes: int


class FileRecord(_Record):
    """One file of dist/."""

    sha256: str
    size_bytes: int


class WaivedRecord(_Record):
    """One finding of the audit that the recipe lets pass."""

    rule: str
    path: str
    what: str
    reason: str


class Manifest(_Record):
    """An image, described."""

    schema_version: Literal[1] = 1
    satchel: str
    """The version of Satchel that made it."""
    key: str = ""
    """The content key of everything that went into it; empty in the copy that lies inside the image, because it also
    covers Satchel's own code, and an edit there that changes no byte must change no image."""
    recipe: Recipe
    """The resolved recipe."""
    params: dict[str, str | int | bool]
    """The values that were chosen."""
    lock: str
    """The checksum of the lock: what the recipe's names meant on the day."""
    date: int
    """The date of the lock, in seconds since 1970; nothing in the image is younger."""
    packages: tuple[Package, ...]
    disk: DiskRecord
    seed: SeedPlace | None = None
    """None for an image without first boot."""
    boot: tuple[str, ...]
    checks: tuple[Check, ...]
    content: tuple[ChannelRecord, ...]
    waived: tuple[WaivedRecord, ...] = ()
    """What the audit found and the recipe lets pass; empty in the copy that lies inside the image, which is made before
    the audit."""
    digests: dict[str, FileRecord] = {}
    """Files beside the manifest; empty in the copy that lies inside the image."""

    @property
    def image(self) -> str:
        """The name of the file beside it that is the disk: the image, or the descriptor of a split one."""
        split = f"{self.recipe.name}{DESCRIPTOR}"
        return split if split in self.digests else f"{self.recipe.name}.img"

    def to_json(self) -> str:
        """The text of manifest.json."""
        return self.model_dump_json(indent=1) + "\n"


def portable(recipe: Recipe) -> Recipe:
    """The recipe without where its files lie on this machine, so that images are the same wherever they are built."""
    pip = tuple(app.model_copy(update={"requirements": Path(app.requirements).name}) for app in recipe.packages.pip)
    content = tuple(map(_portable, recipe.content))
    packages = recipe.packages.model_copy(update={"pip": pip})
    return recipe.model_copy(update={"packages": packages, "content": content})


def _portable(source: ContentSource) -> ContentSource:
    if source.files:
        name = Path(source.files.tree).name or "files"
        return source.model_copy(update={"files": source.files.model_copy(update={"tree": name})})
    if source.channels:
        sources = tuple(map(_told, source.channels.sources))
        return source.model_copy(update={"channels": source.channels.model_copy(update={"sources": sources})})
    return source


def _told(where: ChannelSource) -> ChannelSource:
    """A source without its place on this machine, and without what a person may have put into an address."""
    if where.server:
        address = urlsplit(where.server)
        return ChannelSource(
            server=urlunsplit((address.scheme, address.netloc.rpartition("@")[2], address.path, "", ""))
        )
    ((kind, name),) = where.model_dump(exclude_none=True).items()
    return ChannelSource.model_validate({kind: Path(name).name or kind})


def parse_manifest(text: str | bytes, *, source: str) -> Manifest:
    """A manifest from its text.

    Raises:
        ArtifactError: it is not one of ours, or of a version that this Satchel does not know.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first: Any = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ArtifactError(
            f"{source} is not a manifest of version {SCHEMA}: {place}: {first['msg']}",
            hint="build the image again with this version of Satchel",
        ) from error


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        ArtifactError: there is none, or it cannot be read as one.
    """
    try:
        return parse_manifest(path.read_bytes(), source=str(path))
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error

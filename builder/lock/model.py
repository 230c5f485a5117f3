"""The lock: frozen values that say exactly what goes into an image. Pure.

A recipe names packages; a lock names files. It is made by one step that uses the network, and after it building needs
none. Its text lies beside the recipe, a line for each file, so that version control shows what an upgrade brings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Deb(_Entry):
    """One Debian package."""

    name: str
    version: str
    architecture: str
    size_bytes: Annotated[int, Field(gt=0)]
    sha256: Sha256
    file: str
    """Where a mirror keeps it, relative to the mirror's top directory."""


class Wheel(_Entry):
    """One Python package, built."""

    venv: str
    """The virtual environment it goes into."""
    name: str
    version: str
    size_bytes: Annotated[int, Field(gt=0)]
    sha256: Sha256
    file: str
    """Its file name, which says what it runs on."""

    @property
    def place(self) -> str:
        """Where it goes: what must be of one mind about versions."""
        return self.venv


class ImageDeb(Deb):
    """A Debian package of an image that is built here."""

    image: str
    """The name of the image."""
    minimal: bool
    """Whether it belongs to the minimal Debian at the bottom."""


class ImageWheel(Wheel):
    """A Python package of an image that is built here."""

    image: str
    """The name of the image."""

    @property
    def place(self) -> str:
        """See `Wheel`."""
        return f"{self.image} {self.venv}"


class LockedChannel(_Entry):
    """A channel, or the part of it that the recipe takes: its database and these nodes say which files that is."""

    source: int
    """The place in the recipe's list of the entry that asks for it, from 0."""
    id: str
    name: str
    """On one line."""
    version: int
    nodes: tuple[str, ...]
    """The resources that are taken, with a topic in the place of all that is below it."""
    unrenderable: bool
    all_thumbnails: bool
    resources: int
    files: int
    bytes: int
    """Of its files, without the database."""
    languages: tuple[str, ...]
    licences: tuple[str, ...]
    digest: Sha256
    """Of the names and sizes of its files."""
    size_bytes: Annotated[int, Field(gt=0)]
    """Of the database."""
    sha256: Sha256
    """Of the database."""

    @property
    def file(self) -> str:
        """What its database is called."""
        return f"{self.id}.sqlite3"


class LockedTree(_Entry):
    """A tree of plain files; its listing says every path and the hashes of every file."""

    source: int
    """The place in the recipe's list of the entry that asks for it, from 0."""
    name: str
    """What the directory or archive is called, on one line."""
    files: int
    bytes: int
    """Of its files."""
    size_bytes: Annotated[int, Field(gt=0)]
    """Of the listing."""
    sha256: Sha256
    """Of the listing, and so of all that it says."""

    @property
    def file(self) -> str:
        """What its listing is called."""
        return f"the listing of {self.name}"


class LockedImage(_Entry):
    """An image of a container; its files are among the blobs of the lock."""

    name: str
    """What it is called on the device."""
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    """Of its manifest for the device's platform, which names all its other files."""
    volumes: tuple[str, ...]
    """Where it keeps data, by its own word."""

    @property
    def sha256(self) -> str:
        """The digest without its algorithm."""
        return self.digest.removeprefix("sha256:")


class Blob(_Entry):
    """A file of an image: its manifest, its configuration, or a layer."""

    image: str
    """The name of the image."""
    kind: Literal["manifest", "config", "layer"]
    size_bytes: Annotated[int, Field(ge=0)]
    sha256: Sha256

    @property
    def file(self) -> str:
        """What it is called."""
        return f"a {self.kind} of {self.image}"


class Content(_Entry):
    """A piece of content that is made from what the recipe itself says."""

    source: int
    """Its place in the recipe's list, from 0."""
    digest: Sha256
    """What the layer of the content depends on."""
    description: str
    """For people: where it comes from and how much it is."""


class Lock(_Entry):
    """Everything that a recipe means."""

    version: Literal[1] = 1
    recipe: str
    date: int
    """When it was made or last upgraded as a whole, in seconds since 1970. Everything in the image that has no date of
    its own bears this one."""
    inputs: dict[str, str]
    """What was resolved, by section: names of packages, digests of requirements. A recipe with others has drifted."""
    tools: tuple[Deb, ...]
    """The workshop: the programs that decide the bytes of the image."""
    base: tuple[Deb, ...]
    """The minimal Debian at the bottom."""
    apt: tuple[Deb, ...]
    """What the recipe's packages add to it."""
    wheels: tuple[Wheel, ...]
    tool_wheels: tuple[Wheel, ...] = ()
    """Those of the device's wheels that are compiled, once more for the machine that builds: with them it runs the
    device's Kolibri without emulation. Empty where both have the same processor."""
    content: tuple[Content, ...]
    channels: tuple[LockedChannel, ...] = ()
    trees: tuple[LockedTree, ...] = ()
    images: tuple[LockedImage, ...] = ()
    blobs: tuple[Blob, ...] = ()
    """Of all images, those of each in the order of its manifest."""
    image_debs: tuple[ImageDeb, ...] = ()
    """Of the images that are built here."""
    image_wheels: tuple[ImageWheel, ...] = ()

    def of_image(self, name: str) -> Lock:
        """The part that an image which is built here is made of, as if it were a system of its own."""
        debs = tuple(deb for deb in self.image_debs if deb.image == name)
        return self.model_copy(
            update={
                "base": tuple(deb for deb in debs if deb.minimal),
                "apt": tuple(deb for deb in debs if not deb.minimal),
                "wheels": tuple(wheel for wheel in self.image_wheels if wheel.image == name),
                "tool_wheels": (),
                "content": (),
                "channels": (),
                "trees": (),
                "images": (),
                "blobs": (),
                "image_debs": (),
                "image_wheels": (),
            }
        )

    def debs(self) -> Iterator[Deb]:
        """Every Debian package, those of the tools too; one that is needed twice comes twice."""
        yield from self.tools
        yield from self.base
        yield from self.apt
        yield from self.image_debs

    def files(self) -> Iterator[Locked]:
        """Every file that the lock names by its hash; databases and listings name those of channels and trees."""
        yield from self.debs()
        yield from self.wheels
        yield from self.tool_wheels
        yield from self.image_wheels
        yield from self.channels
        yield from self.trees
        yield from self.blobs


Locked: TypeAlias = Deb | Wheel | LockedChannel | LockedTree | Blob
"""A file that a lock names."""

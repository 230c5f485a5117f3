"""What a recipe says about content. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from builder.recipe.shapes import AbsolutePath, ChannelIdOrToken, Choice, LanguageCode, NodeId, Part, Shape


class DemoChannel(Part):
    """The channel that Satchel makes itself: small, real, the same bytes every time."""

    languages: Annotated[tuple[Literal["en", "fr", "es", "sw"], ...], Field(min_length=1)] = ("en", "fr")
    """Languages to make the resources in."""
    lessons: Annotated[int, Field(ge=1, le=500)] = 12
    """Number of lessons for each language; each is an HTML5 app and a document."""


class ChannelSource(Choice):
    """Somewhere that channels come from; exactly one of its keys is given."""

    drive: str | None = None
    """A drive that Kolibri exported to, its KOLIBRI_DATA folder or a content directory; relative to the file that names
    it."""
    home: str | None = None
    """The home of a Kolibri, running or not: a directory such as `~/.kolibri`, or `ssh://USER@HOST/DIRECTORY`."""
    archive: str | None = None
    """A tar or zip file of any of these directories; relative to the file that names it."""
    server: Annotated[str, Shape(r"https?://[^\s/]+(/\S*)?", "an address such as http://192.168.1.5:8080")] | None = (
        None
    )
    """Kolibri Studio, or any Kolibri in reach."""


class Channels(Part):
    """Channels, or parts of them, from one or more sources."""

    ids: tuple[ChannelIdOrToken, ...] = ()
    """Channel ids, or tokens that the first server understands; left out, all that the first source has."""
    sources: Annotated[tuple[ChannelSource, ...], Field(min_length=1)]
    """Where they come from: the first that has a channel says what it is, and each next one is asked for files that
    those before it lack or spoil."""
    include: tuple[NodeId, ...] = ()
    """Ids of topics or resources to take; everything when left out. Only with a single channel."""
    exclude: tuple[NodeId, ...] = ()
    """Ids of topics or resources to leave out. Only with a single channel."""
    languages: tuple[LanguageCode, ...] = ()
    """Take only resources in these languages, such as `sw` or `pt-BR`, and those that name none."""
    unrenderable: bool = False
    """Take resources, too, that Kolibri has no viewer for."""
    thumbnails: Literal["needed", "all"] = "needed"
    """Pictures of resources that are not taken: `all` brings them, too."""


class Files(Part):
    """A tree of plain files, such as a library of PDF or ZIM files; needs no Kolibri."""

    tree: str
    """A directory, or a tar or zip file of what is in one; relative to the file that names it."""
    to: AbsolutePath
    """Where it lies on the device, on a partition with content."""


class ContentSource(Choice):
    """One piece of content; exactly one of its keys is given."""

    demo: DemoChannel | None = None
    """The channel that Satchel makes itself."""
    channels: Channels | None = None
    """Channels from drives, archives, other Kolibris or the Internet."""
    files: Files | None = None
    """Plain files, for which no Kolibri is needed."""

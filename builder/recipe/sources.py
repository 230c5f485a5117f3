"""Whether the files that a recipe names are there. Reads the file system, so it is apart from the pure rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from builder.errors import Problem
from builder.recipe.containers import BuiltImage
from builder.recipe.content import ChannelSource
from builder.recipe.load import Loaded
from builder.recipe.model import Recipe
from builder.recipe.problems import nearest, reading_order, shown, suggest
from builder.recipe.tree import Keys

_CONTENT_PLACES = (".", "content", "KOLIBRI_DATA/content")
"""Where Kolibri's `databases/` and `storage/` lie: in a content directory, in a KOLIBRI_DATA folder, on a drive."""


def check_sources(loaded: Loaded, overlays_dir: Path) -> tuple[Problem, ...]:
    """Every overlay, requirements file, drive or tree that is not what the recipe says, in reading order."""
    found = (*_overlays(loaded, overlays_dir), *_requirements(loaded), *_content(loaded))
    return reading_order(found, loaded.source)


def content_directory(drive: Path) -> Path | None:
    """The directory with `databases/` and `storage/` on an exported drive, or None."""
    for place in _CONTENT_PLACES:
        directory = drive / place
        if (directory / "databases").is_dir() and (directory / "storage").is_dir():
            return directory
    return None


def _systems(loaded: Loaded) -> Iterator[tuple[Keys, Recipe | BuiltImage]]:
    """What packages and overlays go into: the device, and each image that is built here."""
    yield (), loaded.recipe
    for i, image in enumerate(loaded.recipe.containers.images if loaded.recipe.containers else ()):
        if image.build:
            yield ("containers", "images", i, "build"), image.build


def _overlays(loaded: Loaded, overlays_dir: Path) -> Iterator[Problem]:
    there = sorted(each.name for each in overlays_dir.iterdir() if each.is_dir()) if overlays_dir.is_dir() else []
    for above, system in _systems(loaded):
        for i, overlay in enumerate(system.overlays):
            if overlay.name not in there:
                hint = suggest(overlay.name, there, of="the overlays are")
                message = f"there is no directory {shown(overlays_dir / overlay.name)}"
                yield loaded.problem((*above, "overlays", i, "name"), message, hint=hint)


def _requirements(loaded: Loaded) -> Iterator[Problem]:
    for above, system in _systems(loaded):
        for i, application in enumerate(system.packages.pip):
            file = loaded.path(application.requirements)
            if file.is_file():
                continue
            near = nearest(file.name, [each.name for each in file.parent.glob("*.txt")])
            hint = f'did you mean "{shown(file.with_name(near))}"?' if near else "it lies beside the file that names it"
            keys = (*above, "packages", "pip", i, "requirements")
            yield loaded.problem(keys, f"there is no file {shown(file)}", hint=hint)


def _content(loaded: Loaded) -> Iterator[Problem]:
    if loaded.source.with_suffix(".lock").exists():
        # A lock says what the content is, and other sources or the pool may have it.
        return
    for i, source in enumerate(loaded.recipe.content):
        for j, where in enumerate(source.channels.sources if source.channels else ()):
            yield from _channel_source(loaded, where, ("content", i, "channels", "sources", j))
        if source.files and not (tree := loaded.path(source.files.tree)).exists():
            message = f"there is no directory and no file {shown(tree)}"
            yield loaded.problem(("content", i, "files", "tree"), message)


def _channel_source(loaded: Loaded, where: ChannelSource, keys: Keys) -> Iterator[Problem]:
    if where.archive and not loaded.path(where.archive).is_file():
        yield loaded.problem((*keys, "archive"), f"there is no file {shown(loaded.path(where.archive))}")
    kind, name = ("drive", where.drive) if where.drive else ("home", where.home)
    if not name or "://" in name:
        return
    directory = loaded.path(name)
    if not directory.is_dir():
        hint = "is the drive plugged in?" if where.drive else "where Kolibri's KOLIBRI_HOME is: often ~/.kolibri"
        yield loaded.problem((*keys, kind), f"there is no directory {shown(directory)}", hint=hint)
    elif content_directory(directory) is None:
        hint = "export channels to it from Kolibri, or name the directory that holds these two"
        yield loaded.problem((*keys, kind), f"{shown(directory)} has no `databases` and `storage`", hint=hint)

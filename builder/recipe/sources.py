"""Whether the files that a recipe names are there. Reads the file system, so it is apart from the pure rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from builder.errors import Problem
from builder.recipe.load import Loaded
from builder.recipe.problems import nearest, reading_order, shown, suggest

_CONTENT_PLACES = (".", "content", "KOLIBRI_DATA/content")
"""Where Kolibri's `databases/` and `storage/` lie: in a content directory, in a KOLIBRI_DATA folder, on a drive."""


def check_sources(loaded: Loaded, overlays_dir: Path) -> tuple[Problem, ...]:
    """Every overlay, requirements file or drive that is not what the recipe says, in reading order."""
    found = (*_overlays(loaded, overlays_dir), *_requirements(loaded), *_drives(loaded))
    return reading_order(found, loaded.source)


def content_directory(drive: Path) -> Path | None:
    """The directory with `databases/` and `storage/` on an exported drive, or None."""
    for place in _CONTENT_PLACES:
        directory = drive / place
        if (directory / "databases").is_dir() and (directory / "storage").is_dir():
            return directory
    return None


def _overlays(loaded: Loaded, overlays_dir: Path) -> Iterator[Problem]:
    there = sorted(each.name for each in overlays_dir.iterdir() if each.is_dir()) if overlays_dir.is_dir() else []
    for i, overlay in enumerate(loaded.recipe.overlays):
        if overlay.name not in there:
            hint = suggest(overlay.name, there, of="the overlays are")
            message = f"there is no directory {shown(overlays_dir / overlay.name)}"
            yield loaded.problem(("overlays", i, "name"), message, hint=hint)


def _requirements(loaded: Loaded) -> Iterator[Problem]:
    for i, application in enumerate(loaded.recipe.packages.pip):
        file = loaded.path(application.requirements)
        if not file.is_file():
            near = nearest(file.name, [each.name for each in file.parent.glob("*.txt")])
            hint = f'did you mean "{shown(file.with_name(near))}"?' if near else "it lies beside the file that names it"
            keys = ("packages", "pip", i, "requirements")
            yield loaded.problem(keys, f"there is no file {shown(file)}", hint=hint)


def _drives(loaded: Loaded) -> Iterator[Problem]:
    for i, source in enumerate(loaded.recipe.content):
        if source.drive is None:
            continue
        drive = loaded.path(source.drive.directory)
        keys = ("content", i, "drive", "directory")
        if not drive.is_dir():
            yield loaded.problem(keys, f"there is no directory {shown(drive)}", hint="is the drive plugged in?")
        elif content_directory(drive) is None:
            hint = "export channels to it from Kolibri, or name the directory that holds these two"
            yield loaded.problem(keys, f"{shown(drive)} has no `databases` and `storage`", hint=hint)

"""Content: what each source of a recipe holds, as one digest."""

from __future__ import annotations

import hashlib

from builder.kolibri import channels
from builder.lock.model import Content
from builder.recipe.load import Loaded
from builder.recipe.model import ContentSource
from builder.units import format_size


def contents(loaded: Loaded) -> tuple[Content, ...]:
    """All sources, in the order of the recipe. Databases of channels are read, their files are not.

    Raises:
        PlanError: a drive does not hold what the recipe names.
    """
    return tuple(_content(loaded, number, source) for number, source in enumerate(loaded.recipe.content))


def _content(loaded: Loaded, number: int, source: ContentSource) -> Content:
    if source.demo:
        # Made by Satchel itself, so what is asked for says everything.
        digest = hashlib.sha256(source.demo.model_dump_json().encode()).hexdigest()
        asked = f"{source.demo.lessons} lessons in {', '.join(source.demo.languages)}"
        return Content(source=number, digest=digest, description=f"demonstration channel, {asked}")
    assert source.drive is not None
    directory = loaded.path(source.drive.directory)
    found = channels.find_channels(directory, only=source.drive.channels)
    named = ", ".join(f"{_one_line(channel.name)} (version {channel.version})" for channel in found)
    size = format_size(sum(channel.size for channel in found))
    return Content(source=number, digest=channels.digest(directory, found), description=f"{named}; {size}")


def _one_line(name: str) -> str:
    """A channel's name, which may hold anything, as a line of text holds it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())

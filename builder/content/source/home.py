"""Channels in the home of a Kolibri, which may run meanwhile. Nothing of its learners is ever read.

A used home may have only parts of its channels: its own database says which resources it has.
"""

from __future__ import annotations

import configparser
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.content.source.directory import DirectorySource
from builder.errors import PlanError
from builder.kolibri.channels import content_directory
from builder.kolibri.home import available_nodes

_DATABASE: Final = "db.sqlite3"


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSource(DirectorySource):
    """A KOLIBRI_HOME, with its content where its options say."""

    home: Path

    @property
    def name(self) -> str:
        """See `Source`."""
        return f"Kolibri home {self.home}"

    def database(self, channel: str, target: Path) -> frozenset[str] | None:
        """See `Source`."""
        # Not the base's: a home has no manifest.json, but a database that knows what it has.
        DirectorySource.database(self, channel, target)
        try:
            return available_nodes(self.home, channel)
        except sqlite3.Error as error:
            raise PlanError(f"{self.name}: its {_DATABASE} cannot be read: {error}") from error


def open_home(home: Path) -> HomeSource:
    """The source for a home.

    Raises:
        PlanError: it is none, or has no content.
    """
    if not (home / _DATABASE).is_file():
        raise PlanError(
            f"{home} is not the home of a Kolibri: it has no {_DATABASE}",
            hint="give KOLIBRI_HOME, which often is ~/.kolibri",
        )
    return HomeSource(home=home, directory=content_directory(_content_of(home)))


def _content_of(home: Path) -> Path:
    """Where the home's writable content lies: options.ini may have moved it."""
    try:
        text = (home / "options.ini").read_text(encoding="utf-8")
    except FileNotFoundError:
        return home
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{home / 'options.ini'} cannot be read: {error}") from error
    chosen = chosen_content(text, str(home / "options.ini"))
    return Path(os.path.expandvars(home / Path(chosen).expanduser())) if chosen else home


def chosen_content(options: str, called: str) -> str:
    """What the text of an options.ini says about where content lies; empty if nothing.

    Raises:
        PlanError: it is no such text.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(options)
        return parser.get("Paths", "CONTENT_DIR", fallback="").strip()
    except configparser.Error as error:
        raise PlanError(f"{called} cannot be read: {error}") from error

"""What a builder must be able to do to take part."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from measure import Cost, measure

from builder.errors import BuildFailed
from builder.host.places import remove_tree

ADDED_PACKAGE: Final = "nano"
"""Small, and it needs nothing that is not there already."""


class Case(StrEnum):
    """The work, in the order in which it is done: each case leaves the next one what it needs."""

    COLD = "cold build, downloads cached"
    UNCHANGED = "nothing changed"
    OVERLAY = "one overlay file changed"
    PACKAGE = "one apt package added"


class Contestant(ABC):
    """A builder with a room of its own for everything that it makes."""

    name: str

    def __init__(self, room: Path) -> None:
        self.room = room
        self.log = room / "log"
        self._away = room / "away"
        room.mkdir(parents=True, exist_ok=True)
        self.leave()

    def put_away(self, path: Path) -> None:
        """Take something out of a build's sight; it is removed when all is measured.

        For minutes after many files were removed, an ext4 without a journal is slower to make new ones, because it
        spares what was theirs (fs/ext4/ialloc.c, recently_deleted). Nobody's cold build begins with that.
        """
        self._away.mkdir(exist_ok=True)
        path.rename(Path(mkdtemp(dir=self._away)) / path.name)

    def leave(self) -> None:
        """Remove what was put away."""
        if self._away.exists():
            remove_tree(self._away)

    @abstractmethod
    def version(self) -> str:
        """Name and version."""

    @abstractmethod
    def warm(self) -> None:
        """Download everything that any case needs; not measured."""

    @abstractmethod
    def prepare(self, case: Case) -> None:
        """Arrange the state that the case begins with; not measured."""

    @abstractmethod
    def build(self, case: Case) -> Cost:
        """Do the work."""

    @property
    @abstractmethod
    def image(self) -> Path:
        """The image that it makes."""

    @property
    @abstractmethod
    def edited(self) -> Path:
        """The overlay file that is changed."""

    @abstractmethod
    def packages(self) -> dict[str, str]:
        """Version of each package in the image."""

    def measured(self, case: Case, round_number: int) -> Cost:
        """Prepare, do the work, and make sure that it was done.

        Raises:
            BuildFailed: there is no new image, or what was changed is not in it.
        """
        self.prepare(case)
        text = f"Changed in round {round_number} for {self.name}.\n"
        if case is Case.OVERLAY:
            self.edited.write_text(text)
        before = self._stamp()
        cost = self.build(case)
        if case is not Case.UNCHANGED and self._stamp() in {before, None}:
            raise BuildFailed(f"{self.name} made no new image for: {case}", hint=f"its output is in {self.log}")
        if case is Case.OVERLAY and not _holds(self.image, text.encode()):
            raise BuildFailed(f"{self.name} did not take over the changed file", hint=f"its output is in {self.log}")
        return cost

    def _stamp(self) -> tuple[int, int] | None:
        if not self.image.exists():
            return None
        found = self.image.stat()
        return found.st_ino, found.st_mtime_ns

    def run(self, command: tuple[str, ...], *, why: str, directory: Path, **environment: str) -> Cost:
        """Run a program whose output goes to the log."""
        return measure(command, why=why, log=self.log, directory=directory, environment=environment or None)


def _holds(image: Path, text: bytes) -> bool:
    """Whether an image whose files are not compressed holds a text somewhere."""
    overlap = len(text)
    tail = b""
    with image.open("rb") as file:
        while piece := file.read(1 << 22):
            if text in tail + piece:
                return True
            tail = piece[-overlap:]
    return False


def version_in(text: str) -> str:
    """The first version number of a text."""
    found = re.search(r"\d+(\.\d+)+\S*", text)
    return found.group() if found else "of unknown version"

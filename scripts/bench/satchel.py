"""Satchel, from a copy of this checkout, so that the measurement edits nothing that belongs to anybody."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Final

from contestant import ADDED_PACKAGE, Case, Contestant
from measure import Cost

from builder import __version__
from builder.host.places import REPOSITORY

KEPT: Final = ("pool", "locks", "workshop", "lab", "tools")
"""Of the cache when a build is to be cold: downloads, what they were resolved to, and trees of tools. mkosi has its
packages, their lists and its tree of tools, too."""


class Satchel(Contestant):
    """Builds a recipe of ours; `edited` is the overlay file that one edit is about."""

    name = "Satchel"

    def __init__(
        self, room: Path, *, recipe: str = "debian-minimal", edited: str = "overlays/minimal/etc/motd"
    ) -> None:
        super().__init__(room)
        self._name = recipe
        self._edited = edited
        self._checkout = room / "checkout"
        self._cache = room / "cache"
        self._recipe = self._checkout / "recipes" / f"{recipe}.yml"

    @property
    def image(self) -> Path:
        """The image in dist/."""
        return self.room / "dist" / self._name / f"{self._name}.img"

    @property
    def edited(self) -> Path:
        """In the copy of the checkout."""
        return self._checkout / self._edited

    def version(self) -> str:
        """Name and version."""
        return f"Satchel {__version__}"

    def warm(self) -> None:
        """Build both variants, and throw away all but the downloads."""
        for part in ("builder", "overlays", "recipes"):
            shutil.rmtree(self._checkout / part, ignore_errors=True)
            shutil.copytree(
                REPOSITORY / part, self._checkout / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        for add in (True, False):
            self._ask_for_package(add=add)
            self._build("download and build once")

    def prepare(self, case: Case) -> None:
        """A cold build finds downloads and tools only."""
        if case is Case.COLD:
            for path in [*self._cache.iterdir(), self.room / "dist"]:
                if path.name not in KEPT and path.is_dir():
                    self.put_away(path)
        self._ask_for_package(add=case is Case.PACKAGE)

    def build(self, case: Case) -> Cost:
        """The command that a person types."""
        return self._build(case)

    def packages(self) -> dict[str, str]:
        """By the manifest beside the image."""
        manifest = json.loads(self.image.with_name("manifest.json").read_text())
        return {package["name"]: package["version"] for package in manifest["packages"]}

    def _build(self, why: str) -> Cost:
        command = (sys.executable, "-m", "builder", "build", self._name, "--dist", os.fspath(self.room / "dist"))
        environment = {**os.environ, "SATCHEL_CACHE": os.fspath(self._cache)}
        return self.run((*command, "--progress", "plain"), why=why, directory=self._checkout, **environment)

    def _ask_for_package(self, *, add: bool) -> None:
        text = (REPOSITORY / "recipes" / self._recipe.name).read_text()
        self._recipe.write_text(text.replace("  apt:\n", f"  apt:\n    - {ADDED_PACKAGE}\n") if add else text)

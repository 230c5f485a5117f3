"""What systemd starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from builder.errors import RecipeError
from builder.layers.site import Layer, Site, code_digest
from builder.recipe.load import Loaded

_DIRECTORIES = ("etc/systemd/system", "usr/lib/systemd/system")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsLayer(Layer):
    """The units that a recipe enables and masks."""

    loaded: Loaded
    name: str = "units"

    def parts(self) -> Mapping[str, str]:
        """The names."""
        return {"units": self.loaded.recipe.units.model_dump_json(), "code": code_digest(UnitsLayer)}

    def build(self, site: Site) -> None:
        """Enable and mask, after a look whether there is anything to enable.

        Raises:
            RecipeError: no package and no overlay brings a unit; only a tree with all packages can tell.
        """
        units, known = self.loaded.recipe.units, unit_files(site.tree)
        problems = []
        for number, unit in enumerate(units.enable):
            if file_of(unit) not in known:
                message, hint = nobody_brings(unit, known)
                problems.append(self.loaded.problem(("units", "enable", number), message, hint=hint))
        if problems:
            raise RecipeError(problems)
        for verb, names in (("enable", units.enable), ("mask", units.mask)):
            if names:
                site.inside().run(("systemctl", verb, *names), why=f"{verb} units", env={"SYSTEMD_OFFLINE": "1"})


def unit_files(tree: Path) -> frozenset[str]:
    """The names of all unit files in a tree."""
    return frozenset(path.name for directory in _DIRECTORIES for path in (tree / directory).glob("*.*"))


def file_of(unit: str) -> str:
    """The file that a unit is made from: `getty@.service` for `getty@tty1.service`."""
    name, at, rest = unit.partition("@")
    return f"{name}@.{rest.rpartition('.')[2]}" if at else unit


def nobody_brings(unit: str, known: frozenset[str]) -> tuple[str, str]:
    """What to say, and to advise, of a unit whose file is not among those that are known."""
    near = get_close_matches(unit, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "name the package that brings it in packages.apt"
    return f"no package and no overlay brings {unit}", hint

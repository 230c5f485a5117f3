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
        problems = [
            self.loaded.problem(
                ("units", "enable", number), f"no package and no overlay brings {unit}", hint=_advice(unit, known)
            )
            for number, unit in enumerate(units.enable)
            if _file_of(unit) not in known
        ]
        if problems:
            raise RecipeError(problems)
        for verb, names in (("enable", units.enable), ("mask", units.mask)):
            if names:
                site.inside().run(("systemctl", verb, *names), why=f"{verb} units", env={"SYSTEMD_OFFLINE": "1"})


def unit_files(tree: Path) -> frozenset[str]:
    """The names of all unit files in a tree."""
    return frozenset(path.name for directory in _DIRECTORIES for path in (tree / directory).glob("*.*"))


def _file_of(unit: str) -> str:
    """`getty@tty1.service` is made from `getty@.service`."""
    name, at, rest = unit.partition("@")
    return f"{name}@.{rest.rpartition('.')[2]}" if at else unit


def _advice(unit: str, known: frozenset[str]) -> str:
    near = get_close_matches(unit, known, n=1)
    return f"did you mean {near[0]}?" if near else "name the package that brings it in packages.apt"

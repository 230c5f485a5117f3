"""Python applications, each in a virtual environment of its own, installed from locked wheels without network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from builder.errors import BuildFailed
from builder.host.places import remove_tree
from builder.host.sandbox import Mount
from builder.layers import bytecode
from builder.layers.bytecode import compile_modules
from builder.layers.site import Layer, Site, code_digest
from builder.lock.model import Wheel
from builder.recipe.software import PipApplication

PYTHON: Final = "3.13"
"""The Python of Debian 13."""

_WHEELS: Final = "/run/wheels"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipLayer(Layer):
    """One application by its locked wheels."""

    application: PipApplication
    wheels: tuple[Wheel, ...]

    @property
    def name(self) -> str:
        """Named by where it will lie."""
        return f"pip {self.application.venv}"

    def parts(self) -> Mapping[str, str]:
        """Every wheel by version and hash, where they go and what is left out."""
        return {
            **{f"wheel {wheel.name}": f"{wheel.version} {wheel.sha256[:16]}" for wheel in self.wheels},
            "application": self.application.model_dump_json(exclude={"requirements"}),
            "python": PYTHON,
            "code": code_digest(PipLayer, bytecode),
        }

    def build(self, site: Site) -> None:
        """Install, drop what is not wanted, compile."""
        venv = self.application.venv
        packages = site.tree / venv.lstrip("/") / f"lib/python{PYTHON}/site-packages"
        at = (Mount(target=f"{_WHEELS}/{wheel.file}", source=site.pool.verified(wheel)) for wheel in self.wheels)
        # Neither venv nor pip nor the compiler import what they install.
        inside = site.inside(*at, python=True)
        inside.run(("python3", "-m", "venv", venv), why=f"make the environment {venv}")
        install = (f"{venv}/bin/python", "-m", "pip", "install", "--no-compile", "--no-deps", "--no-index")
        found = ("--find-links", _WHEELS, "--no-cache-dir", "--disable-pip-version-check")
        wanted = (f"{wheel.name}=={wheel.version}" for wheel in self.wheels)
        inside.run((*install, *found, *wanted), why=f"install into {venv}")

        for pattern in self.application.remove:
            unwanted = sorted(packages.glob(pattern))
            if not unwanted:
                raise BuildFailed(f"nothing in {venv} matches {pattern!r}", hint="correct `remove` in the recipe")
            for path in unwanted:
                remove_tree(path)
        sources = [f"/{path.relative_to(site.tree)}" for path in sorted(packages.rglob("*.py"))]
        compile_modules(inside, sources, validity="unchecked-hash", why=f"compile what is in {venv}")

"""Python applications, each in a virtual environment of its own, installed from locked wheels without network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from builder.errors import BuildFailed
from builder.host.places import remove_tree
from builder.host.sandbox import Mount, Sandbox
from builder.layers.site import Layer, Site, code_digest
from builder.lock.model import Wheel
from builder.recipe.software import PipApplication
from builder.together import together

PYTHON: Final = "3.13"
"""The Python of Debian 13."""

_WHEELS: Final = "/run/wheels"
_FILES_AT_ONCE: Final = 1000
"""Source files compiled by one process. What a process wrote earlier shows in the bytes of what it writes later, so the
division must not depend on the number of processors."""


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
            "code": code_digest(PipLayer),
        }

    def build(self, site: Site) -> None:
        """Install, drop what is not wanted, compile."""
        venv = self.application.venv
        packages = site.tree / venv.lstrip("/") / f"lib/python{PYTHON}/site-packages"
        inside = site.inside(*(Mount(target=f"{_WHEELS}/{w.file}", source=site.pool.verified(w)) for w in self.wheels))
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
        _compile(inside, site.tree, packages)


def _compile(inside: Sandbox, tree: Path, packages: Path) -> None:
    """Compile all modules: nobody but root can do it later, so each start of the application would do it anew.

    What is compiled is marked by the hash of its source, because times would differ from build to build.
    """
    sources = [f"/{path.relative_to(tree)}" for path in sorted(packages.rglob("*.py"))]
    command = ("python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-i", "-")

    def compiling(first: int) -> None:
        names = "\n".join(sources[first : first + _FILES_AT_ONCE]).encode()
        # Status 1: some packages carry files that are no Python of this version.
        inside.run(command, why="compile", stdin=names, env={"PYTHONWARNINGS": "ignore"}, accept=(0, 1))

    together({str(first): partial(compiling, first) for first in range(0, len(sources), _FILES_AT_ONCE)})

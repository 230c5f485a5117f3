"""Python applications, each in a virtual environment of its own.

Fetching and installing are apart: the host's pip downloads by hash into the pool, with whatever index, proxy and
certificates the host's own pip settings name; installing then needs no network.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import BuildFailed
from builder.host.command import run
from builder.host.network import proxy_environment
from builder.host.places import remove_tree
from builder.host.sandbox import Mount
from builder.layers.site import Layer, Site, code_digest, digest
from builder.recipe.model import PipApplication

PYTHON: Final = "3.13"
"""The Python of Debian 13."""

_PLATFORMS: Final = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(41, 16, -1)),
    "manylinux2014_x86_64",
)
"""Wheels that run on Debian 13 (glibc 2.41), the newest first; a wheel names just one of them."""

_HOST_SETTINGS: Final = ("PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "XDG_CONFIG_HOME")


@dataclass(frozen=True, slots=True, kw_only=True)
class PipLayer(Layer):
    """One application by its hash-pinned requirements."""

    application: PipApplication
    requirements: Path

    @property
    def name(self) -> str:
        """Named by where it will lie."""
        return f"pip {self.application.venv}"

    def parts(self) -> Mapping[str, str]:
        """The requirements themselves, where they go and what is left out."""
        return {
            self.requirements.name: digest(self.requirements.read_bytes()),
            "application": self.application.model_dump_json(exclude={"requirements"}),
            "python": PYTHON,
            "code": code_digest(PipLayer),
        }

    def build(self, site: Site) -> None:
        """Download, install without network, drop what is not wanted, compile."""
        application = self.application
        pool = site.pool("pip")
        _download(self.requirements, pool, site)

        venv = application.venv
        inside = site.inside(
            Mount(target="/run/wheels", source=pool),
            Mount(target="/run/requirements.txt", source=self.requirements),
        )
        inside.run(("python3", "-m", "venv", venv), why=f"make the environment {venv}")
        install = (f"{venv}/bin/python", "-m", "pip", "install", "--no-compile", "--require-hashes", "--no-deps")
        offline = ("--no-index", "--find-links", "/run/wheels", "--no-cache-dir", "--disable-pip-version-check")
        inside.run((*install, *offline, "-r", "/run/requirements.txt"), why=f"install into {venv}")

        packages = site.tree / venv.lstrip("/") / f"lib/python{PYTHON}/site-packages"
        for pattern in application.remove:
            found = sorted(packages.glob(pattern))
            if not found:
                raise BuildFailed(f"nothing in {venv} matches {pattern!r}", hint="correct `remove` in the recipe")
            for path in found:
                remove_tree(path)
        # Nobody but root can write there later, so what is not compiled now is compiled anew at every start; by hash,
        # because times would differ from build to build.
        compile_all = ("python3", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash")
        inside.run((*compile_all, venv), why=f"compile {venv}", env={"PYTHONWARNINGS": "ignore"}, accept=(0, 1))


def _download(requirements: Path, pool: Path, site: Site) -> None:
    settings = {name: value for name, value in os.environ.items() if name.startswith(_HOST_SETTINGS)}
    settings |= proxy_environment()
    command = (
        *(sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps", "--only-binary=:all:"),
        *("--python-version", PYTHON, "--implementation", "cp"),
        *(option for platform in _PLATFORMS for option in ("--platform", platform)),
        *("--dest", os.fspath(pool), "--requirement", os.fspath(requirements), "--disable-pip-version-check"),
    )
    with site.reporter.amount("download", None, unit=" packages") as advance:

        def downloaded(line: str) -> None:
            advance(line.startswith("Collecting "))

        run(command, why="download Python packages", env=settings, on_line=downloaded)

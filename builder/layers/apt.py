"""Debian packages, installed by the tree's own apt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.host.sandbox import Mount
from builder.layers.site import Layer, Site, code_digest

_NO_SERVICES = "#!/bin/sh\n# Nothing is started while an image is built.\nexit 101\n"

_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AptLayer(Layer):
    """The packages that a recipe names, with what they depend on but not what they only recommend."""

    packages: tuple[str, ...]
    name: str = "apt"

    def parts(self) -> Mapping[str, str]:
        """The packages by name. Their versions are those of the day the layer is made."""
        return {**{f"package {package}": "" for package in self.packages}, "code": code_digest(AptLayer)}

    def build(self, site: Site) -> None:
        """Download to the pool and install."""
        archives = Mount(target="/var/cache/apt/archives", source=site.pool("apt"), writable=True)
        online = site.inside(archives, network=True)
        apt = ("apt-get", "--yes", "--quiet", "--no-install-recommends", "-o", "Dpkg::Options::=--force-unsafe-io")
        online.run((*apt, "update"), why="read the package lists", env=_ENVIRONMENT)
        install = (*apt, "install", *self.packages)
        simulated = online.run((*install, "--simulate"), why="resolve the packages", env=_ENVIRONMENT)
        count = sum(line.startswith("Inst ") for line in simulated.splitlines())
        with site.reporter.amount("download", count, unit=" packages") as advance:

            def downloaded(line: str) -> None:
                advance(line.startswith("Get:"))

            online.run((*install, "--download-only"), why="download packages", env=_ENVIRONMENT, on_line=downloaded)
        with _services_held(site.tree), site.reporter.amount("install", count, unit=" packages") as advance:

            def set_up(line: str) -> None:
                advance(line.startswith("Setting up "))

            offline = site.inside(archives)
            offline.run(install, why="install packages", env=_ENVIRONMENT, on_line=set_up)
        for leftover in (site.tree / "var/lib/apt/lists").rglob("*"):
            if leftover.is_file():
                leftover.unlink()


@contextmanager
def _services_held(tree: Path) -> Iterator[None]:
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text(_NO_SERVICES)
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()

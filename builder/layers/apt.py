"""Debian packages, installed by the tree's own apt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from builder.host import repository
from builder.host.pool import Pool
from builder.host.repository import make_repository, source_line
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import Tools
from builder.layers import modules
from builder.layers.foreign import HALVES, TREE
from builder.layers.modules import index_jobs, place_index
from builder.layers.site import UNASKED, Layer, Site, code_digest, deb_parts
from builder.lock.model import Deb
from builder.progress import Reporter
from builder.recipe.software import Architecture
from builder.together import Job, together

_PLACE: Final = "/run/packages"
"""Where the tree's apt finds the repository, and keeps its lists, caches and logs: nothing of it stays in the tree."""

_NO_SERVICES: Final = "#!/bin/sh\n# Nothing is started while an image is built.\nexit 101\n"

_ENVIRONMENT: Final = {
    "APT_CONFIG": f"{_PLACE}/apt.conf",
    **UNASKED,
    # The kernel's hook of initramfs-tools obeys it; a layer of its own makes the initramfs, once.
    "INITRD": "No",
}

_LATER: Final = f"{_PLACE}/later"
"""Where dpkg finds stand-ins of programs that packages start, some of them several times. They note that they were
asked for; the programs run once at the end, side by side, or not at all."""

_STAND_IN: Final = f'#!/bin/sh\necho "$*" >> {_LATER}/asked-"${{0##*/}}"\n'
_DEPMOD: Final = "depmod"
_CERTIFICATES: Final = "update-ca-certificates"

_ON_DEVICES: Final = ("make-ssl-cert", "pg_createcluster")
"""What makes keys and databases, which all devices of an image would share: asked for by packages, and never run."""

_SETTINGS: Final = f"""\
Dir::Etc::SourceList "{_PLACE}/sources.list";
Dir::Etc::SourceParts "/dev/null";
// The tree's own settings ask every package its questions once more, before each run of dpkg.
Dir::Etc::Parts "/dev/null";
Dir::State::Lists "{_PLACE}/lists";
Dir::Cache "{_PLACE}/cache";
Dir::Log "{_PLACE}/log";
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
Dpkg::Path "{_LATER}:/usr/sbin:/usr/bin:/sbin:/bin";
quiet "1";
"""

_BY_ITSELF: Final = 'Dpkg::Options { "--force-unsafe-io"; };\n'
"""Settings besides, where the tree's own apt runs."""

_FROM_OUTSIDE: Final = f"""\
APT::Architecture "{{architecture}}";
APT::Architectures {{{{ "{{architecture}}"; }}}};
Dir::State "{TREE}/var/lib/apt";
Dir::State::status "{TREE}/var/lib/dpkg/status";
Dir::Bin::dpkg "{HALVES}";
"""
"""Settings besides, where the workshop's apt installs into a tree that it cannot run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AptLayer(Layer):
    """The packages that a recipe names, with what they depend on but not what they only recommend."""

    packages: tuple[str, ...]
    """Those that the recipe names."""
    debs: tuple[Deb, ...]
    """Those that they bring to the layer below."""
    architecture: Architecture
    name: str = "apt"

    def parts(self) -> Mapping[str, str]:
        """Every package by version and hash, and which of them were asked for."""
        asked = {f"packages.apt {package}": "" for package in self.packages}
        return {**asked, **deb_parts(self.debs), "code": code_digest(AptLayer, modules, repository)}

    def beforehand(self, *, tools: Tools, pool: Pool, reporter: Reporter) -> Mapping[str, Job[object]]:
        """The index of the kernel's modules."""
        return index_jobs(self.debs, tools=tools, pool=pool, reporter=reporter)

    def build(self, site: Site) -> None:
        """Install exactly the locked packages, without network."""
        place = site.scratch / "packages"
        for directory in ("lists/partial", "cache/archives/partial", "log", "later"):
            (place / directory).mkdir(parents=True)
        for program in (_DEPMOD, _CERTIFICATES, *_ON_DEVICES):
            stand_in = place / "later" / program
            stand_in.write_text(_STAND_IN)
            stand_in.chmod(0o755)
        make_repository(self.debs, site.pool, place)
        (place / "sources.list").write_text(f"{source_line(_PLACE, method='file')}\n")
        at = Mount(target=_PLACE, source=place, writable=True)
        if site.foreign:
            settings = _SETTINGS + _FROM_OUTSIDE.format(architecture=self.architecture)
            inside = replace(at, target=f"{TREE}{_PLACE}")
            apt = site.foreign.workshop(at, inside, environment=site.environment)
        else:
            settings, apt = _SETTINGS + _BY_ITSELF, site.inside(at)
        (place / "apt.conf").write_text(settings)
        apt.run(("apt-get", "update"), why="read the list of locked packages", env=_ENVIRONMENT)
        install = ("apt-get", "install", *(f"{deb.name}={deb.version}" for deb in self.debs))
        with _services_held(site.tree), site.reporter.amount("install", len(self.debs), unit=" packages") as advance:

            def set_up(line: str) -> None:
                advance(line.startswith("Setting up "))

            apt.run(install, why="install packages", env=_ENVIRONMENT, on_line=set_up)
        together(self._put_off(place / "later", site.inside(), site))
        brought = sorted({deb.name for deb in self.debs} - set(self.packages))
        if brought:
            mark = ("apt-mark", "auto", *brought)
            apt.run(mark, why="tell apt which packages only serve others", env=_ENVIRONMENT)

    def _put_off(self, later: Path, inside: Sandbox, site: Site) -> dict[str, Job[object]]:
        """What was put off, by what it does: the index of each kernel's modules, and the bundle of certificates."""
        asked = {path.name.removeprefix("asked-"): path.read_text() for path in later.glob("asked-*")}
        jobs: dict[str, Job[object]] = {
            f"index modules: {arguments}": partial(self._index, arguments.split(), inside, site)
            for arguments in sorted(set(asked.get(_DEPMOD, "").splitlines()))
        }
        if _CERTIFICATES in asked:
            jobs["certificates"] = partial(inside.run, (_CERTIFICATES,), why="bundle certificates")
        return jobs

    def _index(self, arguments: Sequence[str], inside: Sandbox, site: Site) -> None:
        known = len(arguments) == 1 and place_index(
            site.tree, arguments[0], self.debs, tools=site.tools, pool=site.pool, reporter=site.reporter
        )
        if not known:
            inside.run((_DEPMOD, *arguments), why="index modules")


@contextmanager
def _services_held(tree: Path) -> Iterator[None]:
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text(_NO_SERVICES)
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()

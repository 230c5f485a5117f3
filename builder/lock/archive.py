"""The Debian archive as this host reaches it.

No mirror is named by Satchel. mmdebstrap knows the default sources of every release, and the keys that sign them; it is
asked for the settings of apt that it would use, and apt then works with these, far away from the host's own settings.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from builder.errors import CommandFailed, HostError, MissingTool
from builder.host.command import run
from builder.host.network import proxy_environment
from builder.host.places import cache_directory
from builder.host.scratch import scratch
from builder.host.tools import apt_mirror
from builder.recipe.software import Base

_HELPER: Final = "/usr/lib/apt/apt-helper"

_ONE_LINE: Final = re.compile(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)", re.MULTILINE)
_DEB822: Final = re.compile(r"^URIs:(.*)$", re.MULTILINE)
"""The two forms of sources, see sources.list(5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Which part of which archive."""

    suite: str
    components: tuple[str, ...]
    architecture: str
    mirror: tuple[str, ...]
    """A mirror as mmdebstrap takes it; empty for its defaults."""
    older: str | None = None
    """A further release, for what the suite does not have."""
    backports: tuple[str, ...] = ()
    """Packages that the suite's backports give."""

    def alone(self) -> Origin:
        """The suite without other releases."""
        return replace(self, older=None, backports=())

    def others(self) -> tuple[str, ...]:
        """The other releases."""
        return (*filter(None, (self.older,)), *((backports_of(self.suite),) if self.backports else ()))


def origin_of(base: Base) -> Origin:
    """Where the packages of a recipe come from."""
    mirror = (base.mirror,) if base.mirror else apt_mirror()
    return Origin(
        suite=base.suite,
        components=base.components,
        architecture=base.architecture,
        mirror=mirror,
        older=base.older,
        backports=base.backports,
    )


def backports_of(suite: str) -> str:
    """The name of a suite's backports."""
    return f"{suite}-backports"


def downloadable(address: str) -> str:
    """An address in the one form in which apt copies the file: of what lies on a drive it would only tell the place."""
    return re.sub("^(?:file|copy):/+", "copy:/", address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Settings of apt that lead to an archive, below a directory of their own."""

    root: Path
    origin: Origin

    @property
    def sites(self) -> tuple[str, ...]:
        """The addresses of all mirrors, without the slash at the end."""
        settings = self.root / "etc/apt"
        files = (settings / "sources.list", *sorted((settings / "sources.list.d").iterdir()))
        listed = "\n".join(file.read_text() for file in files if file.exists())
        found = (*_ONE_LINE.findall(listed), *" ".join(_DEB822.findall(listed)).split())
        return tuple(dict.fromkeys(downloadable(address).rstrip("/") for address in found))

    def run(
        self,
        argv: Sequence[str],
        *,
        why: str,
        accept: Sequence[int] = (0,),
        on_line: Callable[[str], None] | None = None,
    ) -> str:
        """Run one of apt's programs; see `command.run`."""
        env = {**proxy_environment(), "APT_CONFIG": str(self.root / "apt.conf")}
        return run(argv, why=why, accept=accept, on_line=on_line, env=env)

    def update(self) -> None:
        """Read the package lists.

        Raises:
            HostError: a mirror cannot be reached, or its signature is not good.
        """
        try:
            self.run(
                ("apt-get", "--quiet", "-o", "APT::Update::Error-Mode=any", "update"), why="read the package lists"
            )
        except CommandFailed as error:
            raise HostError(
                "the package lists cannot be read",
                details=error.tail,
                hint="check the network and its proxy; a build whose lock and files are there needs neither",
            ) from error

    def preferences(self, text: str) -> None:
        """Which versions are preferred from now on, as apt_preferences(5) has it."""
        origin = self.origin
        # Below the 500 of everything else: a version from there is chosen only where there is no other.
        pins = [("*", release, 100) for release in origin.others()]
        pins += [(name, backports_of(origin.suite), 500) for name in origin.backports]
        others = "".join(f"Package: {what}\nPin: release n={of}*\nPin-Priority: {pin}\n\n" for what, of, pin in pins)
        (self.root / "etc/apt/preferences").write_text(others + text)

    def download(self, wanted: Sequence[tuple[str, Path, str]], *, on_line: Callable[[str], None]) -> None:
        """Download files, each an address, a place and a SHA-256; those that cannot be had are not there afterwards."""
        triples = [part for address, place, sha256 in wanted for part in (address, str(place), f"SHA256:{sha256}")]
        self.run((_HELPER, "--quiet", "download-file", *triples), why="download", accept=(0, 100), on_line=on_line)


@contextmanager
def archive(origin: Origin) -> Iterator[Archive]:
    """The archive, until the block ends. Must run inside the namespace.

    Raises:
        MissingTool: the host lacks mmdebstrap.
    """
    if shutil.which("mmdebstrap") is None:
        raise MissingTool("mmdebstrap", why="to find Debian packages", package="mmdebstrap")
    with scratch(cache_directory() / "tmp", "archive-") as root:
        _set_up(root, origin)
        for release in origin.others():
            with scratch(root, "other-") as other:
                _set_up(other, _of_release(origin, release))
                _add_sources(root / "etc/apt", other / "etc/apt", named=release)
        found = Archive(root=root, origin=origin)
        found.preferences("")
        yield found


def _of_release(origin: Origin, release: str) -> Origin:
    # A mirror may be a whole line of sources.list(5), which names the release, too.
    mirror = tuple(each.replace(f" {origin.suite} ", f" {release} ") for each in origin.mirror)
    return replace(origin.alone(), suite=release, mirror=mirror)


def _set_up(root: Path, origin: Origin) -> None:
    """Have mmdebstrap make settings of apt in `root`."""
    run(
        (
            # Nothing is run here that was made for another processor.
            *("mmdebstrap", "--mode=root", "--variant=custom", "--format=null", "--skip=update,check/qemu"),
            f"--components={','.join(origin.components)}",
            f"--architectures={origin.architecture}",
            f'--setup-hook=cp -a "$1/." {shlex.quote(str(root))}',
            *(origin.suite, "/dev/null", *origin.mirror),
        ),
        why="find the archive",
        env=proxy_environment(),
    )
    (settings,) = (root / "tmp").glob("mmdebstrap.apt.conf.*")
    text = settings.read_text()
    (made_for,) = re.findall(r'^Dir "(.*)";$', text, re.MULTILINE)
    # apt's own user cannot reach what lies in a home that is closed to others.
    (root / "apt.conf").write_text(f'{text.replace(made_for, str(root))}\nAPT::Sandbox::User "root";\n')


def _add_sources(settings: Path, others: Path, *, named: str) -> None:
    """Further sources of apt, under names that are free."""
    files = (others / "sources.list", *sorted((others / "sources.list.d").iterdir()))
    for number, file in enumerate(file for file in files if file.exists()):
        ending = file.suffix if file.parent.name == "sources.list.d" else ".list"
        shutil.copyfile(file, settings / f"sources.list.d/{named}-{number}{ending}")

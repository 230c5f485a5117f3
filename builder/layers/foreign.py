"""Trees for another processor, as far as possible without emulating it.

The workshop's own dpkg unpacks packages, and the workshop's apt decides about their order; only the scripts of packages
run in the tree, and the tree's own dpkg that configures them, under emulation, with stand-ins before emulated programs.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import WORK
from builder.layers.stand_ins import PYTHON, StandIns

_LIBRARIES: Final = "/usr/lib/x86_64-linux-gnu"
_LOADER: Final = "/usr/lib64"
_LOADER_NAME: Final = "ld-linux-x86-64.so.2"
"""Where programs of the workshop's processor have their libraries and their loader; trees for others have neither."""

_PYTHON_MODULES: Final = "/usr/lib/python3.13/lib-dynload"
_AS_IF_EMULATED: Final = {
    "_PYTHON_HOST_PLATFORM": "linux-aarch64",
    "_PYTHON_SYSCONFIGDATA_NAME": "_sysconfigdata__linux_aarch64-linux-gnu",
}
"""Tells Python, and so pip, for which processor it works: how CPython itself is cross-compiled (its sysconfig)."""

TREE: Final = f"{WORK}/tree"
"""The tree, as the workshop sees it."""

HALVES: Final = f"{WORK}/halves"
"""A dpkg that unpacks with the workshop's, and does everything else with the tree's. Its first two arguments are those
with which apt names the tree's records, which the tree's dpkg finds itself."""

# Nothing that is unpacked may be in use as a mount point, so stand-ins come when a package is configured; every package
# of a tree is unpacked once. (`-ef` is no word of POSIX, but of dash and bash.)
_HALVES: Final = f"""\
#!/bin/sh
set -eu
shift 2
for place in dev proc; do
    [ -e {TREE}/$place/self ] || [ -e {TREE}/$place/null ] || mount --rbind /$place {TREE}/$place
done
for argument do
    case $argument in
        --unpack | --assert-*)
            exec dpkg --root={TREE} --log=/dev/null --force-architecture --force-depends --force-unsafe-io "$@" ;;
    esac
done
for program in {{stand_ins}}; do
    if [ -f "{TREE}$program" ] && [ ! "{TREE}$program" -ef "$program" ]; then
        mount --bind "$program" "{TREE}$program"
    fi
done
exec chroot {TREE} dpkg --log=/dev/null --force-unsafe-io "$@"
"""

_TREE_ITSELF: Final = "/run/tree"
_OUR_OWN: Final = "/run/native"

_LIBRARIES_ELSEWHERE: Final = f"{_OUR_OWN}/lib"
_FOUND_ELSEWHERE: Final = {
    "LD_LIBRARY_PATH": f"{_LIBRARIES_ELSEWHERE}:{_LIBRARIES_ELSEWHERE}/systemd",
    "PERL5LIB": f"{_LIBRARIES_ELSEWHERE}/perl-base",
}
"""Where nothing that hooks look for is taken for the tree's: they name libraries as /usr/lib/*-linux-gnu/NAME."""

# In the place of cp and ldd. A program that stands in for another must not be copied in its place, nor its libraries.
_ORIGINALS: Final = f"""\
#!/bin/sh
for argument do
    shift
    if [ -f "{_TREE_ITSELF}$argument" ] && [ ! "{_TREE_ITSELF}$argument" -ef "$argument" ]; then
        argument={_TREE_ITSELF}$argument
    fi
    set -- "$@" "$argument"
done
case $0 in
    *cp) exec {_OUR_OWN}/cp "$@" ;;
    *) exec {_TREE_ITSELF}/usr/bin/ldd "$@" ;;
esac
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A tree for another processor, and what it is worked on with."""

    stand_ins: StandIns
    tree: Path
    scratch: Path
    """Room for what is needed only while a layer is made."""

    def mounts(self, *, python: bool, copied: bool) -> tuple[Mount, ...]:
        """What lets stand-ins run in a sandbox whose root is the tree, and puts them there; see `Site.inside`."""
        self._make_places()
        workshop = self._workshop
        programs = [
            Mount(target=path, source=workshop / path.lstrip("/"))
            for path in self.stand_ins.programs
            if (path != PYTHON or python) and (self.tree / path.lstrip("/")).is_file()
        ]
        modules = Mount(target=_PYTHON_MODULES, source=workshop / _PYTHON_MODULES.lstrip("/"))
        means = self._copying() if copied else self._libraries("")
        # Two of the means are put over stand-ins.
        return (*programs, *means, *((modules,) if python and self.stand_ins.python else ()))

    def environment(self, *, copied: bool) -> Mapping[str, str]:
        """What programs in such a sandbox must be told."""
        return {**_AS_IF_EMULATED, **(_FOUND_ELSEWHERE if copied else {})}

    def _copying(self) -> Iterator[Mount]:
        script = self.scratch / "originals"
        script.write_text(_ORIGINALS)
        script.chmod(0o755)
        loader = self.scratch / "loader"
        loader.mkdir(exist_ok=True)
        # In the workshop it is a link to where the libraries are not now.
        shutil.copy(self._workshop / _LOADER.lstrip("/") / _LOADER_NAME, loader)
        yield Mount(target=_LOADER, source=loader)
        yield Mount(target=_LIBRARIES_ELSEWHERE, source=self._workshop / _LIBRARIES.lstrip("/"))
        yield Mount(target=_TREE_ITSELF, source=self.tree)
        yield Mount(target=f"{_OUR_OWN}/cp", source=self._workshop / "usr/bin/cp")
        for name in ("cp", "ldd"):
            yield Mount(target=f"/usr/bin/{name}", source=script)

    def workshop(self, *mounts: Mount, environment: Mapping[str, str]) -> Sandbox:
        """The workshop, with the tree at TREE, in which stand-ins can run, and what dpkg is to be at HALVES."""
        self._make_places()
        halves = self.scratch / "halves"
        halves.write_text(_HALVES.format(stand_ins=" ".join(self.stand_ins.programs)))
        halves.chmod(0o755)
        at = (
            Mount(target=TREE, source=self.tree, writable=True),
            *(Mount(target=f"{TREE}/{name}") for name in ("run", "tmp")),
            *self._libraries(TREE),
            Mount(target=HALVES, source=halves),
        )
        return Sandbox(root=self._workshop, mounts=(Mount(target=WORK), *at, *mounts), environment=environment)

    def _libraries(self, at: str) -> Iterator[Mount]:
        yield Mount(target=f"{at}{_LOADER}", source=self._workshop / _LOADER.lstrip("/"))
        yield Mount(target=f"{at}{_LIBRARIES}", source=self._workshop / _LIBRARIES.lstrip("/"))
        # Perl's optional modules are half there, half in /usr/share of the tree, where they are not.
        yield Mount(target=f"{at}{_LIBRARIES}/perl")

    def clean(self) -> None:
        """Remove what the tree got for the stand-ins alone."""
        (self.tree / "lib64").unlink(missing_ok=True)
        for place in (_LOADER, _LIBRARIES):
            if (self.tree / place.lstrip("/")).is_dir():
                (self.tree / place.lstrip("/")).rmdir()

    @property
    def _workshop(self) -> Path:
        return self.stand_ins.tools.tree

    def _make_places(self) -> None:
        for place in (_LOADER, _LIBRARIES):
            (self.tree / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
        if not (self.tree / "lib64").is_symlink():
            (self.tree / "lib64").symlink_to(_LOADER.lstrip("/"))

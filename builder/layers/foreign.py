"""Trees for another processor, as far as possible without emulating it.

The workshop's own dpkg unpacks packages, and the workshop's apt decides about their order; only the scripts of packages
run in the tree, and the tree's own dpkg that configures them, under emulation. There, whatever the workshop has in the
same version stands in for the emulated program where both do the same for the same input: shells, Perl, coreutils,
compressors, systemd's helpers. What asks for the processor (dpkg, uname) stays emulated.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import WORK, Tools
from builder.lock.model import Deb

if TYPE_CHECKING:
    from builder.layers.site import Site

_STAND_INS: Final = (
    *("bash", "coreutils", "cpio", "dash", "debianutils", "diffutils", "dracut-install", "findutils", "grep", "gzip"),
    *("kmod", "mawk", "perl-base", "python3.13-minimal", "sed", "systemd", "tar", "udev", "xz-utils", "zstd"),
)
"""Packages whose programs stand in for those of the tree."""

_THEMSELVES: Final = frozenset({"arch", "nproc", "uname"})
"""Programs of theirs that tell of the machine."""

_PROGRAMS: Final = re.compile(r"/usr/(?:bin|sbin|lib/systemd|lib/dracut)/[^/]+")

_LIBRARIES: Final = "/usr/lib/x86_64-linux-gnu"
_LOADER: Final = "/usr/lib64"
_LOADER_NAME: Final = "ld-linux-x86-64.so.2"
"""Where programs of the workshop's processor have their libraries and their loader; trees for others have neither."""

_PYTHON: Final = "/usr/bin/python3.13"
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

_OURS: Final = 62
"""x86-64, in the header of ELF files (its psABI)."""

_BINARY_REBUILD: Final = re.compile(r"\+b\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """What trees for another processor are made with."""

    tools: Tools
    stand_ins: tuple[str, ...]
    """Programs of the workshop that stand in, by their paths."""

    @classmethod
    def of(cls, tools: Tools, *, workshop: Iterable[Deb], tree: Iterable[Deb]) -> Foreign:
        """The stand-ins among packages that workshop and tree have in the same version."""
        ours, theirs = _versions(workshop), _versions(tree)
        names = {name for name in _STAND_INS if name in ours and ours[name] == theirs.get(name)}
        if "perl" in theirs:
            # Then more of Perl is compiled for the tree than the workshop has a counterpart of.
            names -= {"perl-base"}
        programs = (path for name in names for path in _programs_of(tools.tree, name))
        return cls(tools=tools, stand_ins=tuple(sorted(programs)))

    @property
    def python(self) -> bool:
        """Whether Python stands in, where it is asked for."""
        return _PYTHON in self.stand_ins

    def mounts(self, site: Site, *, python: bool, copied: bool) -> tuple[Mount, ...]:
        """What lets stand-ins run in a sandbox whose root is the tree, and puts them there; see `Site.inside`."""
        _make_places(site.tree)
        workshop = self.tools.tree
        programs = [
            Mount(target=path, source=workshop / path.lstrip("/"))
            for path in self.stand_ins
            if (path != _PYTHON or python) and (site.tree / path.lstrip("/")).is_file()
        ]
        modules = Mount(target=_PYTHON_MODULES, source=workshop / _PYTHON_MODULES.lstrip("/"))
        means = self._copying(site) if copied else self._libraries("")
        # Two of the means are put over stand-ins.
        return (*programs, *means, *((modules,) if python and self.python else ()))

    def environment(self, *, copied: bool) -> Mapping[str, str]:
        """What programs in such a sandbox must be told."""
        return {**_AS_IF_EMULATED, **(_FOUND_ELSEWHERE if copied else {})}

    def _copying(self, site: Site) -> Iterator[Mount]:
        script = site.scratch / "originals"
        script.write_text(_ORIGINALS)
        script.chmod(0o755)
        loader = site.scratch / "loader"
        loader.mkdir(exist_ok=True)
        # In the workshop it is a link to where the libraries are not now.
        shutil.copy(self.tools.tree / _LOADER.lstrip("/") / _LOADER_NAME, loader)
        yield Mount(target=_LOADER, source=loader)
        yield Mount(target=_LIBRARIES_ELSEWHERE, source=self.tools.tree / _LIBRARIES.lstrip("/"))
        yield Mount(target=_TREE_ITSELF, source=site.tree)
        yield Mount(target=f"{_OUR_OWN}/cp", source=self.tools.tree / "usr/bin/cp")
        for name in ("cp", "ldd"):
            yield Mount(target=f"/usr/bin/{name}", source=script)

    def workshop(self, site: Site, *mounts: Mount) -> Sandbox:
        """The workshop, with the tree at TREE, in which stand-ins can run, and what dpkg is to be at HALVES."""
        _make_places(site.tree)
        halves = site.scratch / "halves"
        halves.write_text(_HALVES.format(stand_ins=" ".join(self.stand_ins)))
        halves.chmod(0o755)
        at = (
            Mount(target=TREE, source=site.tree, writable=True),
            *(Mount(target=f"{TREE}/{name}") for name in ("run", "tmp")),
            *self._libraries(TREE),
            Mount(target=HALVES, source=halves),
        )
        return Sandbox(root=self.tools.tree, mounts=(Mount(target=WORK), *at, *mounts), environment=site.environment)

    def _libraries(self, at: str) -> Iterator[Mount]:
        yield Mount(target=f"{at}{_LOADER}", source=self.tools.tree / _LOADER.lstrip("/"))
        yield Mount(target=f"{at}{_LIBRARIES}", source=self.tools.tree / _LIBRARIES.lstrip("/"))
        # Perl's optional modules are half there, half in /usr/share of the tree, where they are not.
        yield Mount(target=f"{at}{_LIBRARIES}/perl")


def clean(tree: Path) -> None:
    """Remove what the tree got for the stand-ins alone."""
    (tree / "lib64").unlink(missing_ok=True)
    for place in (_LOADER, _LIBRARIES):
        if (tree / place.lstrip("/")).is_dir():
            (tree / place.lstrip("/")).rmdir()


def _make_places(tree: Path) -> None:
    for place in (_LOADER, _LIBRARIES):
        (tree / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
    if not (tree / "lib64").is_symlink():
        (tree / "lib64").symlink_to(_LOADER.lstrip("/"))


def _versions(debs: Iterable[Deb]) -> dict[str, str]:
    """Versions of the sources: each processor counts its own rebuilds."""
    return {deb.name: _BINARY_REBUILD.sub("", deb.version) for deb in debs}


def _programs_of(workshop: Path, package: str) -> Iterator[str]:
    for path in (workshop / f"var/lib/dpkg/info/{package}.list").read_text().splitlines():
        place = workshop / path.lstrip("/")
        if _PROGRAMS.fullmatch(path) and place.name not in _THEMSELVES and _is_binary(place):
            yield path


def _is_binary(path: Path) -> bool:
    return not path.is_symlink() and path.is_file() and _machine_of(path) is not None


def stand_ins_below(directory: Path) -> tuple[str, ...]:
    """Files below a directory that run on the machine that builds, and so on no device for another processor."""
    return tuple(
        str(path.relative_to(directory))
        for path in sorted(directory.rglob("*"))
        if not path.is_symlink() and path.is_file() and _machine_of(path) == _OURS
    )


def _machine_of(path: Path) -> int | None:
    """The processor that an ELF file is for, by its header; none for other files."""
    with path.open("rb") as file:
        header = file.read(20)
    return int.from_bytes(header[18:20], "little") if header.startswith(b"\x7fELF") else None

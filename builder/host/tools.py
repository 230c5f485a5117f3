"""Trees of tools: what decides the bytes of an image, and what looks at finished images.

The **workshop** makes layers and file systems. It is a small Debian 13 installed from exactly the packages that a lock
names, so it is the same on every host and in ten years. The **lab** holds virtual machines and readers; it never
decides a byte, so it is made from what mirrors have today. Both are kept under their keys.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import MissingTool
from builder.host.command import run
from builder.host.namespace import tree_mounted
from builder.host.network import proxy_environment
from builder.host.pool import Pool, Pooled
from builder.host.repository import make_repository, source_line
from builder.host.sandbox import Mount, Sandbox
from builder.host.store import Store
from builder.plan.keys import key_of
from builder.progress import Reporter

SUITE: Final = "trixie"

ARCHITECTURE: Final = "amd64"
"""Of the machines that build, and so of both trees."""

PACKAGES: Final = (
    "btrfs-progs",
    "debian-archive-keyring",
    "dosfstools",
    "e2fsprogs",
    "fdisk",
    "grub-common",
    "grub-pc-bin",
    "kmod",
    "libc6-dev",
    "libext2fs-dev",
    "mmdebstrap",
    "mount",
    "mtools",
    "systemd-boot-efi",
    "tcc",
    "uuid-dev",
)
"""The workshop. A lock says which versions, and what they depend on."""

CONTAINER_PACKAGES: Final = ("skopeo",)
"""What the workshop has besides, where a recipe has containers."""

QCOW2_PACKAGES: Final = ("qemu-utils",)
"""What it has besides, where a recipe asks for a qcow2."""

FOREIGN_PACKAGES: Final = ("cpio", "dracut-install", "python3", "qemu-user", "systemd", "udev", "xz-utils", "zstd")
"""What it has besides, where a recipe is for another processor: the emulator, and what stands in for emulated programs
(`layers.foreign`)."""

LAB_PACKAGES: Final = (
    "bmap-tools",
    "btrfs-progs",
    "dosfstools",
    "e2fsprogs",
    "fdisk",
    "mtools",
    "ovmf",
    "qemu-system-x86",
    "qemu-utils",
    "seabios",
    "squashfs-tools",
    "zstd",
)

LABS: Final = {
    "amd64": LAB_PACKAGES,
    "arm64": (*LAB_PACKAGES, "qemu-efi-aarch64", "qemu-system-arm"),
}
"""What boots images, by the processor that they are for."""

WASTE: Final = ("doc", "info", "locale", "man", "lintian")
"""Below /usr/share; left out of every tree that we make: nobody reads it on a server, and it costs megabytes."""

SLIMMING: Final = (
    f"--setup-hook=printf 'path-exclude=/usr/share/%s/*\\n' {' '.join(WASTE)} > $1/etc/dpkg/dpkg.cfg.d/satchel",
    f"--extract-hook=cd $1/usr/share; for waste in {' '.join(WASTE)}; do rm -rf $waste/*; done",
)
"""Options of mmdebstrap. Its own way to leave files out starts a Python for each package."""

WORK: Final = "/job"
"""An empty directory of the tree, for a sandbox to place its inputs and outputs below."""

_WORKSHOP: Final = ("--mode=unshare", "--variant=custom", "--format=directory", *SLIMMING)
_LAB: Final = ("--mode=unshare", "--variant=apt", "--format=directory", *SLIMMING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """A finished tree of tools; `identity` names everything that went into it."""

    tree: Path
    identity: str

    def sandbox(self, *mounts: Mount, network: bool = False) -> Sandbox:
        """A sandbox in the tools tree; `mounts` should lie below WORK."""
        return Sandbox(root=self.tree, mounts=(Mount(target=WORK), *mounts), network=network)


def apt_mirror() -> tuple[str, ...]:
    """The mirror that the user chose for all of Debian, as mmdebstrap takes it: `$SATCHEL_MIRROR`, else none."""
    chosen = os.environ.get("SATCHEL_MIRROR")
    return (chosen,) if chosen else ()


def workshop_identity(debs: Sequence[Pooled]) -> str:
    """The identity of a workshop made from these packages: equal on all hosts, known before it is made."""
    return key_of(_workshop_parts(debs))


def find_workshop(debs: Sequence[Pooled]) -> Tools | None:
    """The workshop made from these packages, if this machine has it already."""
    return _find(Store("workshop"), workshop_identity(debs))


def ensure_workshop(debs: Sequence[Pooled], pool: Pool, reporter: Reporter) -> Tools:
    """The workshop, made now from the pool if this machine does not have it yet. Must run inside the namespace.

    Raises:
        MissingTool: the host lacks mmdebstrap or bubblewrap.
        ArtifactError: the pool lacks a package.
        CommandFailed: the tree could not be made.
    """

    def build(directory: Path) -> None:
        repository = directory / "repository"
        repository.mkdir()
        make_repository(debs, pool, repository)
        # The sandbox user of the host's apt may not look into the cache of root.
        own = '--aptopt=APT::Sandbox::User "root"'
        options = (*_WORKSHOP, f"--include={_names(debs)}", own)
        _bootstrap(options, (source_line(os.fspath(repository)),), directory, reporter)
        shutil.rmtree(repository)

    return _ensure("workshop", _workshop_parts(debs), build, f"{len(debs)} packages of Debian {SUITE}, once", reporter)


def find_lab() -> Tools | None:
    """The lab, if this machine has it already."""
    return _find(Store("lab"), key_of(_lab_parts(LAB_PACKAGES)))


def ensure_lab(reporter: Reporter, packages: Sequence[str] = LAB_PACKAGES, *, older: str | None = None) -> Tools:
    """The lab, made now from a mirror if this machine does not have it yet. Must run inside the namespace.

    Other packages make another lab, such as that of the servers that tests speak to. `older` is a further release,
    for what this one no longer has.

    Raises:
        MissingTool: the host lacks mmdebstrap or bubblewrap.
        CommandFailed: the tree could not be made, for example because no mirror answers.
    """
    options = (*_LAB, *_with_older(older)) if older else _LAB

    def build(directory: Path) -> None:
        _bootstrap((*options, f"--include={','.join(packages)}"), apt_mirror(), directory, reporter)

    return _ensure(
        "lab", _lab_parts(packages, options), build, f"{len(packages)} packages of Debian {SUITE}, once", reporter
    )


def _workshop_parts(debs: Sequence[Pooled]) -> dict[str, str]:
    files = {f"deb {Path(deb.file).name}": deb.sha256 for deb in debs}
    return {**files, "suite": SUITE, "options": " ".join(_WORKSHOP), "work": WORK}


def _lab_parts(packages: Sequence[str], options: Sequence[str] = _LAB) -> dict[str, str]:
    """Everything that decides what is in a lab, besides the day it was made."""
    return {"suite": SUITE, "packages": " ".join(packages), "options": " ".join(options), "work": WORK}


def _with_older(release: str) -> tuple[str, ...]:
    """The same sources once more for another release, which gives only what is nowhere else."""
    again = f'sed s/{SUITE}/{release}/g "$1/etc/apt/sources.list" > "$1/etc/apt/sources.list.d/{release}.list"'
    pinned = f"'Package: *\\nPin: release n={release}*\\nPin-Priority: 100\\n' > \"$1/etc/apt/preferences.d/{release}\""
    return (f"--setup-hook={again}", f"--setup-hook=printf {pinned}")


def _names(debs: Sequence[Pooled]) -> str:
    return ",".join(sorted(Path(deb.file).name.partition("_")[0] for deb in debs))


def _find(store: Store, key: str) -> Tools | None:
    entry = store.find(key)
    return Tools(tree=entry.path / "tree", identity=key) if entry else None


def _ensure(
    kind: str, parts: Mapping[str, str], build: Callable[[Path], None], detail: str, reporter: Reporter
) -> Tools:
    for program, package in (("bwrap", "bubblewrap"), ("mmdebstrap", "mmdebstrap")):
        if shutil.which(program) is None:
            raise MissingTool(program, why="to make and use trees of tools", package=package)
    key = key_of(parts)
    entry = Store(kind).obtain(key, name=kind, parts=parts, build=build, reporter=reporter, detail=detail)
    return Tools(tree=entry.path / "tree", identity=key)


def _bootstrap(options: Sequence[str], mirror: Sequence[str], directory: Path, reporter: Reporter) -> None:
    """Let the host's mmdebstrap fill `directory/tree`."""
    with tree_mounted((), directory) as tree, reporter.amount("packages", None, unit=" lines") as advance:
        run(
            ("mmdebstrap", *options, SUITE, os.fspath(tree), *mirror),
            why="make a tree of tools",
            env=proxy_environment(),
            on_line=lambda _line: advance(1),
        )
        (tree / WORK.lstrip("/")).mkdir()
        for copied in ("hostname", "resolv.conf"):
            # Copies of the host's, and the workshop's mmdebstrap would copy them on.
            (tree / "etc" / copied).unlink(missing_ok=True)

"""The tools tree: the programs that decide the bytes of an image, the same on every host.

It is a small Debian 13 made once by mmdebstrap and kept under a key; file systems, boot loaders and virtual machines
come from it, so it does not matter what the host has installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import MissingTool
from builder.host.command import run
from builder.host.network import proxy_environment
from builder.host.sandbox import Mount, Sandbox
from builder.host.store import Store
from builder.plan.keys import key_of
from builder.progress import Reporter

SUITE: Final = "trixie"

PACKAGES: Final = (
    "bmap-tools",
    "btrfs-progs",
    "ca-certificates",
    "debian-archive-keyring",
    "dosfstools",
    "e2fsprogs",
    "faketime",
    "fdisk",
    "grub-common",
    "grub-pc-bin",
    "mmdebstrap",
    "mtools",
    "ovmf",
    "qemu-system-x86",
    "qemu-utils",
    "seabios",
    "squashfs-tools",
    "systemd-boot-efi",
    "zstd",
)

SLIMMING: Final = tuple(
    f"--dpkgopt=path-exclude=/usr/share/{waste}/*" for waste in ("doc", "info", "locale", "man", "lintian")
)
"""Left out of every tree that we make: nobody reads it on a server, and it costs megabytes."""

WORK: Final = "/job"
"""An empty directory of the tree, for a sandbox to place its inputs and outputs below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """A finished tools tree; `identity` names the exact versions of everything in it."""

    tree: Path
    identity: str

    def sandbox(self, *mounts: Mount, network: bool = False) -> Sandbox:
        """A sandbox in the tools tree; `mounts` should lie below WORK."""
        return Sandbox(root=self.tree, mounts=(Mount(target=WORK), *mounts), network=network)


def apt_mirror() -> tuple[str, ...]:
    """The mirror that the user chose for all of Debian, as mmdebstrap takes it: `$SATCHEL_MIRROR`, else none."""
    chosen = os.environ.get("SATCHEL_MIRROR")
    return (chosen,) if chosen else ()


def tools_parts() -> dict[str, str]:
    """Everything that decides what is in the tools tree, besides the day it was made."""
    return {"suite": SUITE, "packages": " ".join(PACKAGES), "slimming": " ".join(SLIMMING), "work": WORK}


def find_tools() -> Tools | None:
    """The tools tree, if this machine has it already."""
    entry = Store("tools").find(key_of(tools_parts()))
    if entry is None:
        return None
    status = (entry.path / "tree/var/lib/dpkg/status").read_bytes()
    return Tools(tree=entry.path / "tree", identity=hashlib.sha256(status).hexdigest())


def ensure_tools(reporter: Reporter) -> Tools:
    """The tools tree, made now if this machine does not have it yet. Must run inside the namespace.

    Raises:
        MissingTool: the host lacks mmdebstrap or bubblewrap.
        CommandFailed: the tree could not be made, for example because no mirror answers.
    """
    for program, package in (("bwrap", "bubblewrap"), ("mmdebstrap", "mmdebstrap")):
        if shutil.which(program) is None:
            raise MissingTool(program, why="to make and use the tools tree", package=package)
    tools = find_tools()
    if tools is None:
        _make_tools(reporter)
        tools = find_tools()
    assert tools is not None
    return tools


def _make_tools(reporter: Reporter) -> None:
    parts = tools_parts()
    with (
        reporter.step("tools tree", detail=f"{len(PACKAGES)} packages of Debian {SUITE}, once"),
        Store("tools").make(key_of(parts), name="tools", parts=parts) as directory,
    ):
        tree = directory / "tree"
        argv = ("mmdebstrap", "--mode=unshare", "--variant=apt", "--format=directory", *SLIMMING)
        with reporter.amount("packages", None, unit=" lines") as advance:
            run(
                (*argv, f"--include={','.join(PACKAGES)}", SUITE, os.fspath(tree), *apt_mirror()),
                why="make the tools tree",
                env=proxy_environment(),
                on_line=lambda _line: advance(1),
            )
        (tree / WORK.lstrip("/")).mkdir()

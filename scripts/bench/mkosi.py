"""mkosi of Debian 13, in a tree of its own, as root of the same namespace."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Final

from contestant import ADDED_PACKAGE, Case, Contestant, version_in
from measure import Cost

from builder.host.command import run
from builder.host.network import proxy_environment
from builder.host.places import OVERLAYS, remove_tree
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import SUITE, WORK, apt_mirror

PROJECT: Final = Path(__file__).with_name("mkosi-project")

PACKAGES: Final = (
    *("apt", "btrfs-progs", "bubblewrap", "ca-certificates", "cpio", "debian-archive-keyring", "dosfstools"),
    *("e2fsprogs", "kmod", "mkosi", "mtools", "systemd", "systemd-boot", "systemd-repart", "udev", "uidmap", "zstd"),
)
"""mkosi and what it calls."""

SOURCES: Final = "mkosi.sandbox/etc/apt/sources.list.d/mkosi.sources"
"""Where mkosi looks for package sources before it takes its own, which name sources that many mirrors lack."""


class Mkosi(Contestant):
    """Builds scripts/bench/mkosi-project."""

    name = "mkosi"

    def __init__(self, room: Path) -> None:
        super().__init__(room)
        self._tree = room / "tree"
        self._job = room / "job"
        self._project = self._job / "project"

    @property
    def image(self) -> Path:
        """The image in its output directory."""
        return self._job / "output" / "minimal.raw"

    @property
    def edited(self) -> Path:
        """In the copy of the project."""
        return self._project / "mkosi.extra/etc/motd"

    def version(self) -> str:
        """Name and version."""
        return f"mkosi {version_in(self._sandbox().run(('mkosi', '--version'), why='ask mkosi for its version'))}"

    def warm(self) -> None:
        """Make the tree, then build with network, and with all packages that any case needs."""
        self._make_tree()
        shutil.rmtree(self._project, ignore_errors=True)
        shutil.copytree(PROJECT, self._project)
        # What goes into the initramfs is what the recipe says, so that neither makes a larger one.
        shutil.copytree(OVERLAYS / "local-disks", self._project / "mkosi.skeleton")
        for name in ("cache", "output", "packages", "workspace"):
            (self._job / name).mkdir(exist_ok=True)
        self._write_sources()
        options = ("--incremental=no", "--package", ADDED_PACKAGE)
        self._mkosi(*options, why="download and build once", network=True)

    def prepare(self, case: Case) -> None:
        """A cold build finds packages and their lists only; the others find what `Incremental=` keeps."""
        if case is Case.COLD:
            for path in [*(self._job / "cache").iterdir(), *(self._job / "output").iterdir()]:
                self.put_away(path)
        if case is Case.UNCHANGED:
            self._mkosi(why="fill the incremental cache")

    def build(self, case: Case) -> Cost:
        """Each case in the way that is quickest for mkosi."""
        match case:
            case Case.COLD:
                # Without the cost of keeping the tree for an incremental build.
                return self._mkosi("--incremental=no", why=case)
            case Case.PACKAGE:
                return self._mkosi("--package", ADDED_PACKAGE, why=case)
            case _:
                return self._mkosi(why=case)

    def packages(self) -> dict[str, str]:
        """By its own manifest."""
        manifest = json.loads(self.image.with_suffix(".manifest").read_text())
        return {package["name"]: package["version"] for package in manifest["packages"]}

    def _mkosi(self, *options: str, why: str, network: bool = False) -> Cost:
        lists = "auto" if network else "always"
        command = ("mkosi", "--directory", f"{WORK}/project", "--force", "--cache-only", lists, *options, "build")
        return self.run(self._sandbox(network=network).argv(command), why=why, directory=self.room)

    def _sandbox(self, *, network: bool = False) -> Sandbox:
        mounts = (Mount(target=WORK, source=self._job, writable=True), Mount(target="/var/tmp"), Mount(target="/root"))
        return Sandbox(root=self._tree, mounts=mounts, network=network)

    def _make_tree(self) -> None:
        made = self.room / "tree.packages"
        wanted = " ".join(PACKAGES)
        if made.exists() and made.read_text() == wanted:
            return
        made.unlink(missing_ok=True)
        if self._tree.exists():
            remove_tree(self._tree)
        argv = (
            "mmdebstrap",
            "--mode=unshare",
            "--variant=apt",
            "--format=directory",
            f"--include={','.join(PACKAGES)}",
        )
        run((*argv, SUITE, os.fspath(self._tree), *apt_mirror()), why="make a tree with mkosi", env=proxy_environment())
        (self._tree / WORK.lstrip("/")).mkdir()
        self._job.mkdir(exist_ok=True)
        made.write_text(wanted)

    def _write_sources(self) -> None:
        """The package sources of the tree itself, in the form that has room for the key ring."""
        lines = (self._tree / "etc/apt/sources.list").read_text().splitlines()
        entries = [line.split() for line in lines if line.startswith("deb ")]
        keyring = "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        sources = self._project / SOURCES
        sources.parent.mkdir(parents=True)
        sources.write_text(
            "\n".join(
                f"Types: deb\nURIs: {address}\nSuites: {suite}\nComponents: {' '.join(components)}\n{keyring}"
                for _, address, suite, *components in entries
            )
        )

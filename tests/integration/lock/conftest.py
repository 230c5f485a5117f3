"""A tiny Debian on loopback, with real packages, whose versions the tests decide; and a recipe that takes from it."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

import pytest

from builder.host.tools import PACKAGES

RECIPE = """\
version: 1
name: small
description: A recipe for the tiny Debian
packages:
  apt:
    - greeter
    - lonely
disk:
  boot: [uefi]
  partitions:
    - {name: esp, type: esp, size: 64MiB, filesystem: vfat, label: ESP, mount: /boot/efi}
    - {name: root, size: 256MiB, filesystem: ext4, label: root, mount: /}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    name: str
    version: str = "1"
    depends: str = ""
    source: str = ""
    minimal: bool = False

    @property
    def file(self) -> str:
        source = self.source or self.name
        return f"pool/main/{source[0]}/{source}/{self.name}_{self.version.partition(':')[2] or self.version}_amd64.deb"

    def control(self) -> str:
        lines = [f"Package: {self.name}", f"Version: {self.version}", "Architecture: amd64"]
        lines += ["Maintainer: Tests <tests@example.org>", "Description: for tests"]
        lines += [f"Depends: {self.depends}"] if self.depends else []
        lines += ["Essential: yes", "Priority: required"] if self.minimal else ["Priority: optional"]
        return "".join(f"{line}\n" for line in lines)


SYSTEM = (
    Package(name="floor", minimal=True),
    Package(name="apt", depends="floor"),
    *(Package(name=name) for name in PACKAGES),
)


class Mirror:
    """What it publishes replaces what it had, as on the mirrors of Debian."""

    def __init__(self, directory: Path, made: Path, address: str) -> None:
        self.directory = directory
        self._made_before = made
        self.line = f"deb [trusted=yes] {address} trixie main"

    def publish(self, *packages: Package, older: Sequence[Package] = (), backports: Sequence[Package] = ()) -> None:
        """Replace everything; `older` is what the release before has, `backports` what a later one gives."""
        for old in self.directory.rglob("*.deb"):
            old.unlink()
        self._publish_suite("trixie", "stable", (*SYSTEM, *packages))
        if older:
            self._publish_suite("bookworm", "oldstable", older)
        if backports:
            self._publish_suite("trixie-backports", "stable-backports", backports)

    def _publish_suite(self, name: str, suite: str, packages: Sequence[Package]) -> None:
        listed = "".join(self._publish(package) for package in packages)
        lists = self.directory / f"dists/{name}/main/binary-amd64"
        lists.mkdir(parents=True, exist_ok=True)
        compressed = gzip.compress(listed.encode(), mtime=0)
        (lists / "Packages.gz").write_bytes(compressed)
        sums = f" {hashlib.sha256(listed.encode()).hexdigest()} {len(listed)} main/binary-amd64/Packages\n"
        sums += f" {hashlib.sha256(compressed).hexdigest()} {len(compressed)} main/binary-amd64/Packages.gz\n"
        release = f"Suite: {suite}\nCodename: {name}\nArchitectures: amd64\nComponents: main\n"
        release += "Date: Sat, 01 Nov 2025 00:00:00 UTC\n"
        (self.directory / f"dists/{name}/Release").write_text(f"{release}SHA256:\n{sums}")

    def file(self, package: Package) -> Path:
        return self.directory / package.file

    def _publish(self, package: Package) -> str:
        made = self._made(package)
        target = self.file(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(made)
        digest = hashlib.sha256(made.read_bytes()).hexdigest()
        size = made.stat().st_size
        return f"{package.control()}Filename: {package.file}\nSize: {size}\nSHA256: {digest}\n\n"

    def _made(self, package: Package) -> Path:
        named = hashlib.sha256(package.control().encode()).hexdigest()
        made = self._made_before / f"{named}.deb"
        if not made.exists():
            tree = self._made_before / named
            (tree / "DEBIAN").mkdir(parents=True)
            (tree / "DEBIAN/control").write_text(package.control())
            build = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made]
            subprocess.run(build, check=True, capture_output=True)
        return made


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages that were made already."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def mirror(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """The only mirror that anything under test knows."""
    directory = tmp_path / "mirror/debian"
    directory.mkdir(parents=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=directory)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        there = Mirror(directory, made, f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("SATCHEL_MIRROR", there.line)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield there
        server.shutdown()
        thread.join()


def make_wheel(directory: Path, name: str, tag: str, text: str = "") -> str:
    """A wheel of version 1 that holds one module; returns its SHA-256."""
    facts = f"{name}-1.dist-info"
    files = {
        f"{name}.py": text,
        f"{facts}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{facts}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{facts}/RECORD": "",
    }
    path = directory / f"{name}-1-{tag}.whl"
    with ZipFile(path, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip finds packages."""
    directory = tmp_path / "wheels"
    directory.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", os.fspath(directory))
    return directory


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipe, in a place without other recipes, and an empty cache."""
    monkeypatch.setenv("SATCHEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("builder.lock.resolve.RECIPES", tmp_path / "nowhere")
    path = tmp_path / "small.yml"
    path.write_text(RECIPE)
    return path

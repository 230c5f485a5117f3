"""A real Kolibri on this host, where the host's root is the tree: run its commands, serve it, clone its home."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from builder.content.laying import Piece, lay_content, settle_dates, write_marker
from builder.content.pool.pool import ContentPool
from builder.content.source.directory import DirectorySource
from builder.host.command import run
from builder.kolibri.channels import Channel, content_directory, database_path
from builder.kolibri.home import Preloaded
from builder.recipe.model import Kolibri

HOST = Path("/")

EPOCH = 1_790_000_000
"""The time that test homes bear, later than everything in Kolibri's own databases: 21 September 2026."""


class HostRunner:
    """Runs programs on the host itself, as whoever runs the tests."""

    def run(self, command: Sequence[str], *, why: str, env: Mapping[str, str] | None = None, user: str = "") -> str:
        del user
        return run(command, why=why, env=env)


@dataclass(frozen=True)
class Device:
    """A home with its content, and the Kolibri to run on it."""

    kolibri: Kolibri
    mount: Path
    channel: Channel
    pristine: Path = Path()
    """The copy of its sealed home, where one was kept."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Variables of this device's Kolibri, besides those of all."""

    @property
    def home(self) -> Path:
        return Path(self.kolibri.home)

    def clone(self, target: Path) -> Device:
        """Another device with a copy of the home and the same read-only content."""
        shutil.copytree(self.home, target, symlinks=True)
        return replace(self, kolibri=self.kolibri.model_copy(update={"home": str(target)}))

    def kolibri_command(self, *arguments: str, **variables: str) -> str:
        """Run `kolibri` as the device would."""
        return run((f"{self.kolibri.venv}/bin/kolibri", *arguments), why="test", env=self.environment(**variables))

    def environment(self, **variables: str) -> dict[str, str]:
        return {
            "KOLIBRI_HOME": self.kolibri.home,
            "KOLIBRI_CONTENT_FALLBACK_DIRS": self.kolibri.content,
            "KOLIBRI_DISABLE_PING": "1",
            "KOLIBRI_CHERRYPY_THREAD_POOL": "10",
            "KOLIBRI_LISTEN_ADDRESS": "127.0.0.1",
            "KOLIBRI_ZEROCONF_ENABLED": "0",
            "PYTHONWARNINGS": "ignore",
            **self.own,
            **variables,
        }

    def provision(self, name: str) -> None:
        """Give it a facility and an admin, as first boot does."""
        file = self.home.parent / f"{self.home.name}-provision.json"
        superuser = {"username": "admin", "password": "correct horse battery"}
        facts = {"facility_name": name, "preset": "nonformal", "superuser": superuser}
        file.write_text(json.dumps(facts))
        self.kolibri_command("configure", "setup", KOLIBRI_AUTOMATIC_PROVISION_FILE=str(file))
        assert not file.exists()

    @contextmanager
    def served(self) -> Iterator[tuple[str, str]]:
        """A server on free ports, once it says that it is ready; yields the addresses of its pages and its zip content.

        Before it is ready, SIGTERM can make it hang; therefore nothing else is believed.
        """
        ports = [_free_port(), _free_port()]
        variables = self.environment(KOLIBRI_HTTP_PORT=str(ports[0]), KOLIBRI_ZIP_CONTENT_PORT=str(ports[1]))
        argv = [f"{self.kolibri.venv}/bin/kolibri", "start", "--foreground"]
        with TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind(f"{directory}/notify")
            notices.settimeout(120)
            environment = {**os.environ, **variables, "NOTIFY_SOCKET": f"{directory}/notify"}
            quiet = subprocess.DEVNULL
            with subprocess.Popen(argv, env=environment, stdout=quiet, stderr=quiet) as server:
                try:
                    while b"READY=1" not in notices.recv(4096):
                        pass
                    yield f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
                    server.terminate()
                    server.wait(60)
                finally:
                    server.kill()


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as answer:
        body: bytes = answer.read()
    return body


def fetch_json(address: str) -> Any:
    return json.loads(fetch(address))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def preload(directory: Path, kolibri: Kolibri, *pieces: Piece) -> Preloaded:
    """Lay channels out in the content directory of a device below `directory`, through a pool of its own."""
    pool, content = ContentPool(directory / "pool"), Path(kolibri.content)
    for piece in pieces:
        source = DirectorySource(directory=piece.database.parents[1])
        assert source.bring(pool.missing(piece.channel.files), pool, advance=lambda _size: None) == {}
    content.parent.mkdir(parents=True)
    lay_content(content, pieces, pool)
    write_marker(content.parent, [piece.channel for piece in pieces])
    settle_dates(content.parent)
    (directory / "room").mkdir()
    (directory / "room/storage").symlink_to(content / "storage")
    (directory / "source").mkdir()
    (directory / "source" / "content").symlink_to(content)
    channels = tuple(piece.channel for piece in pieces)
    return Preloaded(source=str(directory / "source"), room=str(directory / "room"), channels=channels)


def piece_of(drive: Path, channel: Channel) -> Piece:
    return Piece(database=database_path(content_directory(drive), channel.id), channel=channel)


def unprepared(directory: Path, venv: Path) -> Kolibri:
    """A device below `directory` that has nothing yet."""
    return Kolibri(
        venv=str(venv),
        user=pwd.getpwuid(os.getuid()).pw_name,
        home=str(directory / "data" / "kolibri"),
        content=str(directory / "content" / "kolibri"),
    )

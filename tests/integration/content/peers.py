"""A real Kolibri with a home of its own: what it is given, it serves."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from builder.host.command import run


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    address: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Peer:
    """A Kolibri; its content lies in `content` below its home."""

    venv: Path
    home: Path

    @property
    def content(self) -> Path:
        return self.home / "content"

    def take_whole(self, drive: Path) -> None:
        """Have everything of a drive."""
        shutil.copytree(drive / "content", self.content)
        self.manage("scanforcontent")

    def take_part(self, drive: Path, channel: str, node: str) -> None:
        """Import what is below one node, from a drive."""
        self.manage("importchannel", "disk", channel, str(drive))
        self.manage("importcontent", "--node_ids", node, "--fail-on-error", "disk", channel, str(drive))

    def manage(self, *arguments: str, **variables: str) -> str:
        environment = {**self._environment(), **variables}
        return run((f"{self.venv}/bin/kolibri", "manage", *arguments), why="test", env=environment)

    def clone(self, home: Path) -> Peer:
        """The same, to be damaged."""
        shutil.copytree(self.home, home)
        return Peer(venv=self.venv, home=home)

    @contextmanager
    def served(self) -> Iterator[Served]:
        """Serve on free ports, once it says that it is ready."""
        ports = [_free_port(), _free_port()]
        variables = {"KOLIBRI_HTTP_PORT": str(ports[0]), "KOLIBRI_ZIP_CONTENT_PORT": str(ports[1])}
        argv = [f"{self.venv}/bin/kolibri", "start", "--foreground"]
        with TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind(f"{directory}/notify")
            notices.settimeout(120)
            environment = {**os.environ, **self._environment(), **variables, "NOTIFY_SOCKET": f"{directory}/notify"}
            quiet = subprocess.DEVNULL
            with subprocess.Popen(argv, env=environment, stdout=quiet, stderr=quiet) as server:
                try:
                    while b"READY=1" not in notices.recv(4096):
                        pass
                    yield Served(address=f"http://127.0.0.1:{ports[0]}", process=server)
                finally:
                    server.kill()

    def _environment(self) -> dict[str, str]:
        return {
            "KOLIBRI_HOME": str(self.home),
            "KOLIBRI_DISABLE_PING": "1",
            "KOLIBRI_CHERRYPY_THREAD_POOL": "20",
            "KOLIBRI_LISTEN_ADDRESS": "127.0.0.1",
            "KOLIBRI_ZEROCONF_ENABLED": "0",
            "PYTHONWARNINGS": "ignore",
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port

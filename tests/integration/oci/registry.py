"""A real registry on loopback: Debian's docker-registry, with images that a test pushes."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools, ensure_lab
from builder.progress import Reporter
from tests.images import Image, digest_of

PACKAGES = ("docker-registry", "skopeo")
PASSWORD = "correct horse"
_HTPASSWD = "ada:$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n"


def servers() -> Tools:
    """The tree with the registry; must run inside the namespace."""
    return ensure_lab(Reporter(), PACKAGES)


@dataclass(slots=True)
class Registry:
    """One that runs; it may be stopped and started, and keeps its address and its images."""

    tools: Tools
    directory: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    login: str = ""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        env = {
            "REGISTRY_HTTP_ADDR": self.host,
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": f"{WORK}/images",
            "REGISTRY_LOG_LEVEL": "error",
            "OTEL_TRACES_EXPORTER": "none",
            **self.settings,
        }
        (self.directory / "config.yml").write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {WORK}/images}}}}\nhttp: {{addr: '{self.host}'}}\n"
        )
        mount = Mount(target=WORK, source=self.directory, writable=True)
        sandbox = self.tools.sandbox(mount, network=True)
        argv = sandbox.argv(("docker-registry", "serve", f"{WORK}/config.yml"), env=env)
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        while True:
            if self._answers():
                return
            assert self.process.poll() is None, (self.directory / "log").read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            # That was the sandbox. What ran in it ends a moment later, and must not be taken for who is started next.
            while self._answers():
                time.sleep(0.02)

    def push(self, image: Image, repository: str, tag: str, *, login: str = "") -> None:
        """As the distribution specification says; `login` is Base64 of name and password."""
        self.login = login
        for data in (image.config, *image.layers):
            where = self._ask("POST", f"/v2/{repository}/blobs/uploads/")["Location"]
            address = urlsplit(where)
            joined = f"{address.path}?{address.query}&digest={digest_of(data)}"
            self._ask("PUT", joined, data, {"Content-Type": "application/octet-stream"})
        self.put(image.manifest, repository, tag)

    def put(self, document: bytes, repository: str, tag: str, kind: str = "manifest") -> None:
        """A manifest or an index."""
        media_type = {"Content-Type": f"application/vnd.oci.image.{kind}.v1+json"}
        self._ask("PUT", f"/v2/{repository}/manifests/{tag}", document, media_type)

    def blob(self, digest: str) -> Path:
        """Where it keeps a file."""
        sha256 = digest.removeprefix("sha256:")
        return self.directory / f"images/docker/registry/v2/blobs/sha256/{sha256[:2]}/{sha256}/data"

    def _ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        connection = HTTPConnection(self.host, timeout=20)
        try:
            authorization = {"Authorization": f"Basic {self.login}"} if self.login else {}
            connection.request(method, path, body=body, headers={**(headers or {}), **authorization})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status in (201, 202), (answer.status, text)
            return dict(answer.getheaders())
        finally:
            connection.close()


@contextmanager
def registry(directory: Path, **settings: str) -> Iterator[Registry]:
    """A registry that runs; must be used inside the namespace."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory.mkdir()
    running = Registry(servers(), directory, port, settings)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def password_file(directory: Path) -> dict[str, str]:
    """Settings of a registry that only `ada` may ask."""
    (directory / "htpasswd").write_text(_HTPASSWD)
    return {"REGISTRY_AUTH": "htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM": "here"}

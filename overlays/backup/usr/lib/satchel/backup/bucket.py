"""Backups in a bucket, by s3cmd. A bucket knows no directories and cannot rename: what has no manifest is no backup."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backup import manifest, pipes
from backup.settings import S3, Credential
from device import files, secret_files
from device.commands import run
from device.errors import DeviceError
from device.paths import Paths

_CHUNK_MIB = 32
"""A stream goes up in pieces, of which there may be 10,000: up to 312 GiB."""
_ADVICE = "See whether the server of the target `s3` can be reached, and whether its keys and bucket are right."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """See `Shelf`: an object for each file, below PREFIX/DEVICE/NAME/."""

    config: Path
    """The settings of s3cmd, for root only: others can see a command line."""
    bucket: str
    prefix: str
    device: str

    def devices(self) -> list[str]:
        """See `Shelf`."""
        places = {Path(key).parts for key in self._objects(f"{self.prefix}/")}
        top = len(Path(self.prefix).parts)
        return sorted({parts[top] for parts in places if len(parts) == top + 3 and parts[-1] == manifest.FILE})

    def names(self) -> list[str]:
        """See `Shelf`."""
        keys = (Path(key) for key in self._objects(self._key("")))
        return sorted(key.parent.name for key in keys if key.name == manifest.FILE)

    def sizes(self, name: str) -> dict[str, int]:
        """See `Shelf`."""
        return {Path(key).name: size for key, size in self._objects(self._key(f"{name}/")).items()}

    def sweep(self) -> None:
        """See `Shelf`."""
        # The list has a line for each file that was only sent in part: when, where, and the number of the attempt.
        for line in self._ask("multipart", f"s3://{self.bucket}").splitlines():
            *_, place, attempt = line.split("\t") if "\t" in line else ("", "")
            if place.startswith(self._url("")):
                self._ask("abortmp", place, attempt)
        finished = self.names()
        for name in {Path(key).parent.name for key in self._objects(self._key(""))} - set(finished):
            self._ask("del", "--recursive", "--force", self._url(f"{name}/"))

    def begin(self, name: str) -> str:
        """See `Shelf`."""
        return name

    @contextmanager
    def writing(self, place: str, file: str) -> Iterator[IO[bytes]]:
        """See `Shelf`."""
        argv = self._argv("put", f"--multipart-chunk-size-mb={_CHUNK_MIB}", "-", self._url(f"{place}/{file}"))
        with pipes.running(argv, why=f"send {file}", advice=_ADVICE, reads=True) as process:
            assert process.stdin
            yield process.stdin

    @contextmanager
    def reading(self, place: str, file: str) -> Iterator[IO[bytes]]:
        """See `Shelf`."""
        argv = self._argv("get", "--quiet", self._url(f"{place}/{file}"), "-")
        with pipes.running(argv, why=f"get {file}", advice=_ADVICE, writes=True) as process:
            assert process.stdout
            yield process.stdout
            while process.stdout.read(pipes.BLOCK):
                pass

    def publish(self, place: str, name: str) -> None:
        """See `Shelf`; it is one since its manifest is there."""

    def remove(self, name: str) -> None:
        """See `Shelf`."""
        self._ask("del", self._url(f"{name}/{manifest.FILE}"))
        self._ask("del", "--recursive", "--force", self._url(f"{name}/"))

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{self.device}/{path}"

    def _url(self, path: str) -> str:
        return f"s3://{self.bucket}/{self._key(path)}"

    def _objects(self, prefix: str) -> dict[str, int]:
        """The sizes of all objects whose keys begin so; a line has date, time, size and address."""
        lines = self._ask("ls", "--recursive", f"s3://{self.bucket}/{prefix}").splitlines()
        fields = (line.split(maxsplit=3) for line in lines if line.strip())
        return {url.removeprefix(f"s3://{self.bucket}/"): int(size) for _, _, size, url in fields}

    def _ask(self, *arguments: str) -> str:
        return run(self._argv(*arguments), why=f"speak to the bucket {self.bucket}", advice=_ADVICE)

    def _argv(self, verb: str, *arguments: str) -> tuple[str, ...]:
        return ("s3cmd", f"--config={self.config}", "--no-progress", verb, *arguments)


@contextmanager
def opened(paths: Paths, target: S3, device: str) -> Iterator[Bucket]:
    """The bucket, with the keys that stand on this device.

    Raises:
        DeviceError: a key is missing, or others can read it.
    """
    scheme, _, host = target.endpoint.partition("://")
    lines = {
        "access_key": _value(paths, target.access_key),
        "secret_key": _value(paths, target.secret_key),
        "host_base": host,
        "host_bucket": host,
        "bucket_location": target.region,
        "use_https": scheme == "https",
        "check_ssl_certificate": True,
        "ca_certs_file": target.authorities or "",
        "socket_timeout": 60,
    }
    run_directory = paths.at("/run/satchel")
    run_directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=run_directory, prefix="s3-") as directory:
        config = Path(directory, "s3cfg")
        text = "".join(f"{name} = {value}\n" for name, value in lines.items())
        files.write(config, f"[default]\n{text}", mode=0o600)
        yield Bucket(config=config, bucket=target.bucket, prefix=target.prefix, device=device)


def _value(paths: Paths, credential: Credential) -> str:
    if credential.secret:
        return secret_files.read(paths, credential.secret)
    path = paths.at(credential.file or "")
    try:
        private = not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except FileNotFoundError:
        private = True
    found = files.read(path) if private else None
    if found is None:
        what = "is missing or empty" if private else "can be read by others than root"
        raise DeviceError(f"{path} {what}", advice=f"Write the key to {path}, one line, then: chmod 600 {path}")
    return found

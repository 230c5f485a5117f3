"""Python packages: from pinned requirements to the one wheel that runs on the device.

The host's pip does the work, with whatever index, proxy and certificates the host's own pip settings name.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from builder.errors import CommandFailed, HostError
from builder.host.command import run
from builder.host.network import proxy_environment
from builder.host.pool import Pool
from builder.lock.model import Wheel
from builder.progress import Reporter

PYTHON: Final = "3.13"
"""The Python of Debian 13."""

_PLATFORMS: Final = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(41, 16, -1)),
    "manylinux2014_x86_64",
)
"""Wheels that run on Debian 13 (glibc 2.41), the newest first; a wheel names just one of them."""

_HOST_SETTINGS: Final = ("PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "XDG_CONFIG_HOME")


def resolve_wheels(venv: str, requirements: Path, *, pool: Pool, reporter: Reporter) -> tuple[Wheel, ...]:
    """The wheels of an application, by name; they are in the pool afterwards.

    Raises:
        HostError: one of them cannot be had.
    """
    with pool.scratch() as directory, reporter.amount("download", None, unit=" packages") as advance:
        _download(requirements, directory, advance)
        wheels = [_described(venv, path) for path in sorted(directory.iterdir())]
        for wheel in wheels:
            pool.take(directory / wheel.file, wheel)
    return tuple(sorted(wheels, key=lambda wheel: wheel.name))


def download_wheels(wheels: Iterable[Wheel], *, pool: Pool, advance: Callable[[int], None]) -> None:
    """Bring wheels that are known already into the pool.

    Raises:
        HostError: one of them cannot be had.
    """
    by_place: dict[str, list[Wheel]] = {}
    for wheel in wheels:
        by_place.setdefault(wheel.place, []).append(wheel)
    for group in by_place.values():
        with pool.scratch() as directory, pool.scratch() as beside:
            requirements = beside / "requirements.txt"
            requirements.write_text(
                "".join(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in group)
            )
            _download(requirements, directory, lambda _done: None)
            for wheel in group:
                pool.take(directory / wheel.file, wheel)
                advance(wheel.size_bytes)


def _download(requirements: Path, directory: Path, advance: Callable[[int], None]) -> None:
    settings = {name: value for name, value in os.environ.items() if name.startswith(_HOST_SETTINGS)}
    settings |= proxy_environment()
    command = (
        *(sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps", "--only-binary=:all:"),
        *("--python-version", PYTHON, "--implementation", "cp"),
        *(option for platform in _PLATFORMS for option in ("--platform", platform)),
        *("--dest", os.fspath(directory), "--requirement", os.fspath(requirements), "--disable-pip-version-check"),
    )

    def downloaded(line: str) -> None:
        advance(line.startswith("Collecting "))

    try:
        run(command, why="download Python packages", env=settings, on_line=downloaded)
    except CommandFailed as error:
        complaints = [line for line in error.tail.splitlines() if line.startswith("ERROR:")]
        raise HostError(
            "Python packages cannot be downloaded",
            details="\n".join(complaints) or error.tail,
            hint="try `pip download` of the package by hand; Satchel uses the same settings",
        ) from error


def _described(venv: str, path: Path) -> Wheel:
    """A wheel by its file name (PyPA, binary distribution format): name, version, tags."""
    name, version = path.name.split("-")[:2]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Wheel(
        venv=venv,
        name=re.sub(r"[-_.]+", "-", name).lower(),
        version=version,
        size_bytes=path.stat().st_size,
        sha256=digest,
        file=path.name,
    )

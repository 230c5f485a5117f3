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

from builder.errors import CommandFailed, HostError, SatchelError
from builder.host.command import run
from builder.host.network import proxy_environment
from builder.host.pool import Pool
from builder.lock.model import Wheel
from builder.progress import Reporter
from builder.recipe.software import Architecture

PYTHON: Final = "3.13"
"""The Python of Debian 13."""

_MACHINES: Final = {Architecture.AMD64: "x86_64", Architecture.ARM64: "aarch64"}
"""Processors, as wheels call them."""

_ABSENT: Final = re.compile(r"^ERROR: No matching distribution found for (?P<requirement>\S+)", re.MULTILINE)

_UNREACHABLE: Final = re.compile(r"^WARNING: Retrying", re.MULTILINE)
"""Without an answer, too, pip ends with having found nothing."""

_HOST_SETTINGS: Final = ("PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "XDG_CONFIG_HOME")


class NoWheel(SatchelError):
    """A package that the index has, but not in any form that runs on the device."""

    def __init__(self, requirement: str, architecture: Architecture) -> None:
        super().__init__(f"{requirement} has no wheel that runs on {architecture} with Python {PYTHON}")


def resolve_wheels(
    venv: str, requirements: Path, architecture: Architecture, *, pool: Pool, reporter: Reporter
) -> tuple[Wheel, ...]:
    """The wheels of an application, by name; they are in the pool afterwards.

    Raises:
        NoWheel: one of them does not exist for the device.
        HostError: one of them cannot be had.
    """
    with pool.scratch() as directory, reporter.amount("download", None, unit=" packages") as advance:
        _download(requirements, directory, architecture, advance)
        wheels = [_described(venv, path) for path in sorted(directory.iterdir())]
        for wheel in wheels:
            pool.take(directory / wheel.file, wheel)
    return tuple(sorted(wheels, key=lambda wheel: wheel.name))


def download_wheels(wheels: Iterable[Wheel], *, pool: Pool, advance: Callable[[int], None]) -> None:
    """Bring wheels that are known already into the pool.

    Raises:
        HostError: one of them cannot be had.
    """
    groups: dict[tuple[str, Architecture], list[Wheel]] = {}
    for wheel in wheels:
        groups.setdefault((wheel.place, _architecture_of(wheel)), []).append(wheel)
    for (_, architecture), group in groups.items():
        with pool.scratch() as directory, pool.scratch() as beside:
            requirements = beside / "requirements.txt"
            requirements.write_text(
                "".join(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in group)
            )
            _download(requirements, directory, architecture, lambda _done: None)
            for wheel in group:
                pool.take(directory / wheel.file, wheel)
                advance(wheel.size_bytes)


def _architecture_of(wheel: Wheel) -> Architecture:
    """What a wheel is for, by its file name; those that run anywhere count to one of them."""
    tags = wheel.file.removesuffix(".whl")
    return next((each for each, name in _MACHINES.items() if tags.endswith(f"_{name}")), Architecture.AMD64)


def _platforms(architecture: Architecture) -> tuple[str, ...]:
    """Wheels that run on Debian 13 (glibc 2.41), the newest first; a wheel names just one of them."""
    machine = _MACHINES[architecture]
    return (*(f"manylinux_2_{minor}_{machine}" for minor in range(41, 16, -1)), f"manylinux2014_{machine}")


def _download(requirements: Path, directory: Path, architecture: Architecture, advance: Callable[[int], None]) -> None:
    settings = {name: value for name, value in os.environ.items() if name.startswith(_HOST_SETTINGS)}
    settings |= proxy_environment()
    command = (
        *(sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps", "--only-binary=:all:"),
        *("--python-version", PYTHON, "--implementation", "cp"),
        *(option for platform in _platforms(architecture) for option in ("--platform", platform)),
        *("--dest", os.fspath(directory), "--requirement", os.fspath(requirements), "--disable-pip-version-check"),
    )

    def downloaded(line: str) -> None:
        advance(line.startswith("Collecting "))

    try:
        run(command, why="download Python packages", env=settings, on_line=downloaded)
    except CommandFailed as error:
        absent = _ABSENT.search(error.tail)
        if absent and not _UNREACHABLE.search(error.tail):
            raise NoWheel(absent["requirement"], architecture) from error
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

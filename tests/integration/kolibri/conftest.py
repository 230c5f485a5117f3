"""A Kolibri home that is filled and sealed once for all tests."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from builder.kolibri.channels import Channel
from builder.kolibri.demo.channel import make_demo_channel
from builder.kolibri.home import Source, prepare_home, write_marker
from builder.kolibri.seal import seal

from .kolibri_device import EPOCH, HOST, Device, HostRunner, unprepared


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Channel]:
    directory = tmp_path_factory.mktemp("drive")
    return directory, make_demo_channel(directory / "content", languages=("en", "sw"), lessons=3)


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory, kolibri_venv: Path, drive: tuple[Path, Channel]) -> Device:
    """A device as it leaves the builder. Nobody runs Kolibri on it: clone it."""
    directory = tmp_path_factory.mktemp("device")
    kolibri = unprepared(directory, kolibri_venv)
    mount = str(directory / "content")
    sources = [Source(inside=str(drive[0]), channels=(drive[1],))]
    channels = prepare_home(HostRunner(), tree=HOST, kolibri=kolibri, sources=sources, epoch=EPOCH)
    write_marker(HOST, mount=mount, channels=channels)
    forbidden = (socket.gethostname(), str(directory))
    seal(HostRunner(), tree=HOST, kolibri=kolibri, mount=mount, epoch=EPOCH, forbidden=forbidden)
    return Device(kolibri=kolibri, mount=Path(mount), channel=channels[0])

"""A Kolibri home that is filled and sealed once for all tests."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from builder.kolibri.channels import Channel
from builder.kolibri.demo.channel import make_demo_channel
from builder.kolibri.home import prepare_home
from builder.kolibri.seal import seal

from .kolibri_device import EPOCH, HOST, Device, HostRunner, piece_of, preload, unprepared


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Channel]:
    directory = tmp_path_factory.mktemp("drive")
    return directory, make_demo_channel(directory / "content", languages=("en", "sw"), lessons=3)


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory, kolibri_venv: Path, drive: tuple[Path, Channel]) -> Device:
    """A device as it leaves the builder. Nobody runs Kolibri on it: clone it."""
    directory = tmp_path_factory.mktemp("device")
    kolibri = unprepared(directory, kolibri_venv)
    preloaded = preload(directory, kolibri, piece_of(*drive))
    prepare_home(HostRunner(), tree=HOST, kolibri=kolibri, preloaded=preloaded, epoch=EPOCH)
    forbidden = (socket.gethostname(), str(directory))
    pristine = directory / "sealed-home"
    seal(HostRunner(), tree=HOST, kolibri=kolibri, epoch=EPOCH, forbidden=forbidden, pristine=str(pristine))
    return Device(kolibri=kolibri, mount=directory / "content", channel=drive[1], pristine=pristine)

"""A drive, a Kolibri that has all of it, a pool; a school of its own for each test, and a home that was in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.content.pool.pool import ContentPool
from builder.kolibri.channels import Channel
from builder.kolibri.demo.channel import make_demo_channel
from tests.integration.kolibri.kolibri_device import Device

from .peers import Peer, Served
from .school import School, make_school
from .used_home import make_used


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Channel]:
    directory = tmp_path_factory.mktemp("drive")
    return directory, make_demo_channel(directory / "content", languages=("en", "sw"), lessons=8)


@pytest.fixture(scope="session")
def whole(kolibri_venv: Path, drive: tuple[Path, Channel], tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """Nobody changes it: clone it."""
    peer = Peer(venv=kolibri_venv, home=tmp_path_factory.mktemp("peer") / "home")
    peer.home.mkdir()
    peer.take_whole(drive[0])
    return peer


@pytest.fixture(scope="package")
def server(whole: Peer) -> Iterator[Served]:
    """It goes on for all tests here that only ask it; others look for programs that outlive a build."""
    with whole.served() as served:
        yield served


@pytest.fixture
def pool(tmp_path: Path) -> ContentPool:
    return ContentPool(tmp_path / "pool")


@pytest.fixture
def school(tmp_path: Path) -> School:
    return make_school(tmp_path)


@pytest.fixture(scope="session")
def used_once(tmp_path_factory: pytest.TempPathFactory, kolibri_venv: Path) -> tuple[Device, Channel]:
    return make_used(tmp_path_factory.mktemp("used"), kolibri_venv)


@pytest.fixture
def used(used_once: tuple[Device, Channel], tmp_path: Path) -> Device:
    """The used home, for this test alone."""
    return used_once[0].clone(tmp_path / "master" / ".kolibri")

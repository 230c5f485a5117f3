"""Two real Kolibris from one copied home find each other in a network; a stranger is left alone."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from firstboot.device import Device

from tests.integration.clones.networks import Room, rooms
from tests.integration.device.conftest import LIBRARY
from tests.integration.device.test_facility import home, variables

PORT = "8080"

WATCH = """
import sys
sys.path.insert(0, sys.argv[1])
from clones import mdns, watch
with mdns.multicast() as network:
    twin = watch.find(network, sys.argv[2], default_port=8080)
    print(twin.address, twin.port, twin.device_name, flush=True)
    watch.GRACE_SECONDS = 15
    watch.let_it_know(network)
    print("closed", flush=True)
"""
LISTEN = """
import sys
sys.path.insert(0, sys.argv[1])
from clones import dns, mdns, watch
with mdns.multicast() as network:
    network.ask(dns.query())
    for packet, address in network.heard(10):
        if not mdns.is_own(address):
            for each in dns.announcements(packet):
                print("heard", each.instance_id, flush=True)
            if watch.suspicious(packet, sys.argv[2], default_port=8080):
                print("suspicious", address, flush=True)
"""


@contextmanager
def kolibri(device: Device, where: Path, room: Room) -> Iterator[subprocess.Popen[bytes]]:
    """A Kolibri on a home, in a room, ready by its own word."""
    environment = {
        **variables(device),
        "HOME": str(where),
        "KOLIBRI_HOME": str(where),
        "KOLIBRI_HTTP_PORT": PORT,
        "KOLIBRI_ZIP_CONTENT_PORT": "8081",
        "KOLIBRI_LISTEN_ADDRESS": "0.0.0.0",
        "KOLIBRI_ZEROCONF_ENABLED": "True",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    notify = where.parent / f"{where.name}.notify"
    argv = room.command(str(device.paths.at("/opt/kolibri/bin/kolibri")), "start", "--foreground")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(notify))
        ready.settimeout(300)
        with subprocess.Popen(
            argv, env={**environment, "NOTIFY_SOCKET": str(notify)}, stdout=subprocess.DEVNULL, stderr=-3
        ) as server:
            try:
                while b"READY=1" not in ready.recv(4096):
                    pass
                yield server
            finally:
                server.kill()


def start(room: Room, program: str, *arguments: str) -> subprocess.Popen[str]:
    argv = room.command(sys.executable, "-c", program, str(LIBRARY), *arguments)
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


@pytest.mark.in_namespace
def test_copies_notice_each_other_and_a_stranger_is_left_alone(school: Device, tmp_path: Path) -> None:
    original, copy, stranger = home(school), tmp_path / "srv/data/copy", tmp_path / "srv/data/stranger"
    shutil.copytree(original, copy)
    shutil.copytree(school.paths.at("/usr/share/satchel/sealed-home"), stranger)
    instance_id = school_id(school)
    with rooms(3) as (here, there, elsewhere), ExitStack() as stack:
        ours = stack.enter_context(kolibri(school, original, here))
        stack.enter_context(kolibri(school, copy, there))
        stack.enter_context(kolibri(school, stranger, elsewhere))
        first = stack.enter_context(start(here, WATCH, instance_id))
        assert first.stdout is not None
        found = first.stdout.readline().split()
        assert found[:2] == [there.address, PORT]
        # The copy begins to look late, and what it hears while the first one is still open must suffice.
        second = stack.enter_context(start(there, WATCH, instance_id))
        assert second.stdout is not None
        assert second.stdout.readline().split()[:2] == [here.address, PORT]
        ours.terminate()
        listener = stack.enter_context(start(elsewhere, LISTEN, "f" * 32))
        said, _ = listener.communicate(timeout=120)
        assert f"heard {instance_id}" in said
        assert "suspicious" not in said
        for watcher in (first, second):
            watcher.wait(120)


def school_id(device: Device) -> str:
    return device.facts["instance_id"]

"""The device's own wireless network, on a cable: a tablet joins, asks for names, and is told that it is online."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest
from access_point import dnsmasq, hostapd, portal
from access_point.network import Network

from builder.host.places import OVERLAYS, RECIPES
from builder.host.sandbox import Mount
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from tests.golden.test_firewall import rules

PROGRAM = Path(__file__).with_name("tablet.py")
HOME = "http://kolibri.lan:8080/"


@pytest.mark.in_namespace
def test_a_tablet_that_joins_finds_the_device_under_every_name(tmp_path: Path) -> None:
    lab = ensure_lab(Reporter(), ("dnsmasq-base", "iproute2", "nftables", "udhcpc"))
    wanted = Network(ssid="School", passphrase=None, country="KE", channel=6, address=IPv4Interface("10.42.0.1/24"))
    (tmp_path / "dnsmasq.conf").write_text(dnsmasq.configuration(wanted))
    (tmp_path / "rules").write_text(rules(_recipe(tmp_path)))
    programs = ":".join(str(OVERLAYS / name / "usr/lib/satchel") for name in ("access-point", "firstboot"))
    out = tmp_path / "found.json"
    places = (lab.tree, programs, tmp_path / "dnsmasq.conf", tmp_path / "rules", str(wanted.address), HOME, out)
    subprocess.run(
        ("unshare", "--net", sys.executable, PROGRAM, *map(str, places)),
        check=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PAGES": json.dumps([*portal.ANSWERS, "/", "/generate_204?a=b"])},
    )
    found = json.loads(out.read_text())
    device = str(wanted.address.ip)
    lease = found["lease"]
    assert IPv4Address(lease["ip"]) in wanted.address.network
    assert lease["ip"] != device
    assert (lease["router"], lease["dns"]) == (device, device)
    assert found["kolibri.lan"] == found["www.example.org"] == [0, device]
    assert found["dns.msftncsi.com"] == [0, "131.107.255.255"]
    assert found["AAAA"] == [0, 0], "no address, and no reason to ask elsewhere"
    for path, text in portal.ANSWERS.items():
        assert found["pages"][path] == [204 if text is None else 200, text or ""]
    assert found["pages"]["/generate_204?a=b"] == [204, ""]
    assert found["pages"]["/"] == [302, HOME]
    assert found["22"] == "closed"


def test_a_device_that_serves_nothing_leads_nowhere() -> None:
    with portal.Server(None, socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asking = http.client.HTTPConnection(*server.server_address, timeout=10)
        asking.request("GET", "/anything")
        answer = asking.getresponse()
        assert (answer.status, answer.read()) == (404, b"Nothing is served here.\n")
        asking.close()
        server.shutdown()


@pytest.mark.in_namespace
@pytest.mark.parametrize("passphrase", [None, "chalk, slate & 'ink' \\ #1"])
def test_hostapd_understands_every_line(tmp_path: Path, passphrase: str | None) -> None:
    """It reads all of it before it looks for the radio, which this machine does not have."""
    lab = ensure_lab(Reporter(), ("hostapd",))
    wanted = Network(
        ssid='École "A" #1', passphrase=passphrase, country="KE", channel=6, address=IPv4Interface("10.42.0.1/24")
    )
    (tmp_path / "hostapd.conf").write_text(hostapd.configuration(wanted))
    sandbox = lab.sandbox(Mount(target="/job/own", source=tmp_path))
    said = sandbox.run(("hostapd", "/job/own/hostapd.conf"), why="read the configuration", accept=(1,))
    assert "wlan0: interface state UNINITIALIZED" in said or "nl80211" in said
    assert "Line " not in said
    assert "errors found" not in said


def _recipe(directory: Path) -> Path:
    parts = [str(RECIPES / f"lib/{name}.yml") for name in ("debian-pc", "firewall", "access-point")]
    recipe = {"version": 1, "name": "school", "description": "Small", "extends": parts}
    (directory / "school.yml").write_text(json.dumps(recipe))
    return directory / "school.yml"

"""The wireless network that a device makes: whose name, passphrase and country it has, and what its programs read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from access_point import command, dnsmasq, hostapd
from access_point.network import Network, network
from device.errors import DeviceError
from device.paths import Paths

RECIPE: dict[str, Any] = {
    "country": "KE",
    "ssid": "School {code}",
    "open": False,
    "channel": 6,
    "address": "10.42.0.1/24",
    "secret": "wifi-passphrase",
    "home": "http://kolibri.lan:8080/",
}
CODE = "7K4M-Q2XD"


def of(*, told: dict[str, str] | None = None, secret: str | None = "lusab-babad-gutih", **recipe: Any) -> Network:
    return network({**RECIPE, **recipe}, told=told or {}, code=CODE, secret=secret)


def test_a_device_that_is_told_nothing_has_a_name_and_a_passphrase_of_its_own() -> None:
    made = of()
    assert (made.ssid, made.passphrase, made.country) == ("School 7K4M-Q2XD", "lusab-babad-gutih", "KE")
    assert made.passphrase not in repr(made)


def test_what_the_seed_says_counts() -> None:
    made = of(told={"ssid": "École", "passphrase": "chalk and slate", "country": "CD"})
    assert (made.ssid, made.passphrase, made.country) == ("École", "chalk and slate", "CD")
    assert of(told={"ssid": "École"}).passphrase == "lusab-babad-gutih", "never open because nobody said anything"


def test_only_the_recipe_opens_it() -> None:
    assert of(open=True).passphrase is None
    assert of(open=True, told={"ssid": "A", "passphrase": "chalk and slate"}).passphrase == "chalk and slate"


def test_without_a_country_no_radio_sends() -> None:
    with pytest.raises(DeviceError, match="country"):
        of(country=None)
    assert of(country=None, told={"ssid": "A", "country": "TZ"}).country == "TZ"


def test_without_a_passphrase_there_is_no_network() -> None:
    with pytest.raises(DeviceError, match="no passphrase"):
        of(secret=None)


def test_hostapd_gets_names_that_need_no_escapes() -> None:
    lines = hostapd.configuration(of(told={"ssid": 'a"b\n#'})).splitlines()
    assert f"ssid2={bytes(chr(97) + chr(34) + 'b' + chr(10) + '#', 'ascii').hex()}" in lines
    assert {"country_code=KE", "channel=6", "wpa=2", "wpa_passphrase=lusab-babad-gutih"} <= set(lines)
    assert not any(line.startswith("wpa") for line in hostapd.configuration(of(open=True)).splitlines())


def test_addresses_are_those_of_the_network() -> None:
    lines = dnsmasq.configuration(of(address="192.168.7.1/26")).splitlines()
    assert "dhcp-range=192.168.7.10,192.168.7.59,255.255.255.192,12h" in lines
    assert "address=/#/192.168.7.1" in lines
    smallest = dnsmasq.configuration(of(address="10.0.0.1/28"))
    assert "dhcp-range=10.0.0.10,10.0.0.11," in smallest


def device(root: Path, *, wifi: dict[str, str | None] | None = None) -> Paths:
    paths = Paths(root=root)
    files = {"usr/lib/satchel/access-point.json": RECIPE, "var/lib/satchel/identity.json": {"code": CODE}}
    if wifi is not None:
        files["var/lib/satchel/wifi.json"] = wifi
    for path, content in files.items():
        paths.at(path).parent.mkdir(parents=True, exist_ok=True)
        paths.at(path).write_text(json.dumps(content))
    for number, kind in enumerate(("bluetooth", "wlan")):
        radio = paths.at(f"/sys/class/rfkill/rfkill{number}")
        radio.mkdir(parents=True)
        (radio / "type").write_text(f"{kind}\n")
        (radio / "soft").write_text("1\n")
    paths.at("/run/satchel-access-point").mkdir(parents=True)
    return paths


def test_the_configuration_is_written_for_root_only_and_the_radio_may_send(tmp_path: Path) -> None:
    paths = device(tmp_path, wifi={"ssid": "School", "passphrase": "chalk and slate", "country": None})
    assert command.main(paths) == 0
    for name in ("hostapd", "dnsmasq"):
        file = paths.at(f"/run/satchel-access-point/{name}.conf")
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text().startswith("interface=wlan0\n")
    soft = [paths.at(f"/sys/class/rfkill/rfkill{number}/soft").read_text() for number in (0, 1)]
    assert soft == ["1\n", "0"], "only radios of this kind"


def test_a_person_is_told_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(device(tmp_path)) == 1
    said = capsys.readouterr().err
    assert "there is no passphrase" in said
    assert "/etc/satchel/secrets/wifi-passphrase" in said
    assert not list(tmp_path.glob("run/satchel-access-point/*"))

"""What hostapd reads, which makes the network. Pure. Source: hostapd.conf as hostapd 2.10 brings it."""

from __future__ import annotations

from access_point.network import INTERFACE, Network


def configuration(network: Network) -> str:
    """The configuration, with the passphrase in it."""
    lines = [
        f"interface={INTERFACE}",
        "driver=nl80211",
        # In hexadecimal, so that no name needs escapes.
        f"ssid2={network.ssid.encode().hex()}",
        "utf8_ssid=1",
        f"country_code={network.country}",
        "ieee80211d=1",
        "hw_mode=g",
        f"channel={network.channel}",
        "ieee80211n=1",
        "wmm_enabled=1",
    ]
    if network.passphrase is not None:
        lines += [
            "wpa=2",
            "wpa_key_mgmt=WPA-PSK",
            "rsn_pairwise=CCMP",
            f"wpa_passphrase={network.passphrase}",
        ]
    return "\n".join(lines) + "\n"

"""The device's own TLS key, with a certificate, for whatever serves by HTTPS here (see `device.tls`)."""

from __future__ import annotations

from device import tls
from device.certificates import fingerprint
from firstboot.device import Device
from firstboot.journal import Facts


def run(device: Device) -> Facts:
    """Make what is not there whole. Nothing to do on a device without openssl."""
    if not device.paths.at("/usr/bin/openssl").exists():
        return {}
    tls.settle(device.paths, device.settings, hostname=device.facts["hostname"])
    return {"tls_fingerprint": fingerprint(device.paths.tls[1])}

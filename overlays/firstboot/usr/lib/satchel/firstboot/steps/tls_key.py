"""The device's own TLS key, with a certificate that it signed itself, for whatever serves by HTTPS here.

The certificate is valid from the date of the image on, because the clock of a device may stand in 1970, and for long,
because nobody visits to renew it.
"""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime
from pathlib import Path

from device import files
from device.commands import run as run_command
from device.errors import DeviceError
from firstboot.device import Device
from firstboot.journal import Facts

_YEARS = 20


def run(device: Device) -> Facts:
    """Make what is not there whole. Nothing to do on a device without openssl."""
    if not device.paths.at("/usr/bin/openssl").exists():
        return {}
    key, certificate = device.paths.tls
    key.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    public = _public_part(key) or _make_key(key)
    if not _belongs(certificate, public):
        _make_certificate(device, key, certificate)
    return {"tls_fingerprint": fingerprint(certificate)}


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, as browsers and openssl show it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none.
    """
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii"))).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _public_part(key: Path) -> str | None:
    """The public key that belongs to a private one; nothing when that is missing or cut off."""
    try:
        return run_command(("openssl", "pkey", "-in", str(key), "-pubout"), why="read the TLS key")
    except DeviceError:
        return None


def _make_key(key: Path) -> str:
    argv = ("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    files.write(key, run_command(argv, why="make the TLS key"), mode=0o600)
    return run_command(("openssl", "pkey", "-in", str(key), "-pubout"), why="read the TLS key")


def _belongs(certificate: Path, public: str) -> bool:
    argv = ("openssl", "x509", "-in", str(certificate), "-noout", "-pubkey")
    try:
        return run_command(argv, why="read the TLS certificate") == public
    except DeviceError:
        return False


def _make_certificate(device: Device, key: Path, certificate: Path) -> None:
    name = device.facts["hostname"]
    # Every file of the image bears its date.
    begin = datetime.fromtimestamp(device.paths.settings.stat().st_mtime, UTC).replace(microsecond=0)
    end = begin.replace(year=begin.year + _YEARS, day=min(begin.day, 28))
    argv = (
        *("openssl", "req", "-x509", "-new", "-key", str(key), "-sha256"),
        *("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:{name}.local"),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"),
        *("-not_before", _asn1(begin), "-not_after", _asn1(end)),
    )
    files.write(certificate, run_command(argv, why="make the TLS certificate"))


def _asn1(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%SZ")

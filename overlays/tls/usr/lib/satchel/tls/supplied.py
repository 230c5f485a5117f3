"""A certificate that an operator brings: looked at before it is taken, because a wrong one closes the device."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from device import certificates, files, tls
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Settings


def install(paths: Paths, settings: Settings, certificate: Path, key: Path, *, now: datetime) -> None:
    """Take a certificate and its key.

    Raises:
        DeviceError: they do not belong together, the certificate has ended, or it is none.
    """
    certificate, key = certificate.absolute(), key.absolute()
    public = certificates.public_part(key)
    if public is None:
        raise DeviceError(f"{key} is no private key that can be read", advice="Bring it in PEM, without a passphrase.")
    found = certificates.read(certificate)
    if found is None:
        raise DeviceError(f"{certificate} is no certificate", advice="Bring it in PEM.")
    if not certificates.belongs(certificate, public):
        raise DeviceError(
            f"{certificate} is for another key than {key}",
            advice="The device's own certificate must be the first in the file, before those of authorities.",
        )
    if found.issuer == found.subject:
        raise DeviceError(
            f"{certificate} is signed by itself", advice="The device makes such ones by itself; bring a signed one."
        )
    if found.end <= now:
        raise DeviceError(f"{certificate} ended on {found.end:%Y-%m-%d}", advice="Bring one that is valid.")
    own_key, own_certificate = paths.tls
    # Cut off in between, key and certificate do not belong together, and the device makes one of its own.
    files.write(paths.tls_supplied, certificates.fingerprint(certificate))
    files.write(own_certificate, certificate.read_text(encoding="ascii"))
    files.write(own_key, key.read_text(encoding="ascii"), mode=0o600)
    tls.give(own_key, settings.tls.group if settings.tls else None)


def remove(paths: Paths) -> None:
    """Let go of it, and of its key.

    Raises:
        DeviceError: the certificate is the device's own.
    """
    if not tls.is_supplied(paths):
        raise DeviceError("the certificate is the device's own", advice="`satchel-tls renew --now` makes it anew.")
    for path in (*paths.tls, paths.tls_supplied):
        path.unlink(missing_ok=True)

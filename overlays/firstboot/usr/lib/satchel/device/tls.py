"""The device's key and certificate for whatever serves by TLS here: made, signed, renewed, or an operator's.

First boot does not ask what time it is. Whoever renews later does, and passes it on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from device import certificates, files, secret_files
from device.certificates import Certificate
from device.paths import Paths
from device.settings import Settings, Tls

_A_DAY = timedelta(days=1)
"""Clocks of clients may be behind."""
_PRIVATE, _FOR_GROUP = 0o600, 0o640


def settle(paths: Paths, settings: Settings, *, hostname: str, now: datetime | None = None) -> bool:
    """Make what is not there or not whole and, if it is known what time it is, what is due.

    Returns whether anything was made.
    """
    key, certificate = paths.tls
    key.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    before = certificate.read_bytes() if certificate.exists() else b""
    public = certificates.public_part(key) or certificates.make_key(key)
    whole = certificates.belongs(certificate, public)
    if settings.tls is None:
        if not whole:
            certificates.sign_itself(key, certificate, names=_own_names(hostname), begin=_date_of(paths))
    else:
        _signed(paths, settings.tls, hostname, whole=whole, now=now)
        give(key, settings.tls.group)
    return certificate.read_bytes() != before


def names_of(tls: Tls, hostname: str) -> tuple[str, ...]:
    """Every name that the certificate is for."""
    return (*_own_names(hostname), *(name.replace("{hostname}", hostname) for name in tls.names))


def is_supplied(paths: Paths) -> bool:
    """Whether the certificate is one that an operator brought."""
    certificate = paths.tls[1]
    whole = certificates.read(certificate) is not None
    return whole and files.read(paths.tls_supplied) == certificates.fingerprint(certificate)


def _signed(paths: Paths, tls: Tls, hostname: str, *, whole: bool, now: datetime | None) -> None:
    key, certificate = paths.tls
    authority_key = certificates.private_key(secret_files.read(paths, tls.authority))
    begin = _date_of(paths)
    if not certificates.belongs(paths.tls_authority, certificates.public_of(authority_key)):
        certificates.make_authority(paths.tls_authority, key=authority_key, begin=begin)
    if whole and is_supplied(paths):
        return
    found = certificates.read(certificate) if whole else None
    names = names_of(tls, hostname)
    if found is None or _outdated(paths, found, names, now):
        certificates.sign(
            key,
            certificate,
            names=names,
            begin=max(begin, now - _A_DAY).replace(microsecond=0) if now else begin,
            authority=paths.tls_authority,
            authority_key=authority_key,
        )


def _outdated(paths: Paths, found: Certificate, names: Sequence[str], now: datetime | None) -> bool:
    ours = certificates.is_of(paths.tls[1], paths.tls_authority)
    # A clock before the image's own date is wrong, and no reason for anything.
    due = now is not None and now >= _date_of(paths) and found.due(now)
    return not ours or found.names != tuple(names) or due


def _own_names(hostname: str) -> tuple[str, ...]:
    return (hostname, f"{hostname}.local")


def _date_of(paths: Paths) -> datetime:
    """Every file of the image bears its date."""
    return datetime.fromtimestamp(paths.settings.stat().st_mtime, UTC).replace(microsecond=0)


def give(key: Path, group: str | None) -> None:
    """Let a group read the key, or root alone."""
    if group is None:
        key.chmod(_PRIVATE)
        return
    if os.geteuid() == 0:
        shutil.chown(key, group=group)
    key.chmod(_FOR_GROUP)

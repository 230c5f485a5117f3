"""Keys and certificates by openssl: signed by themselves, or by an authority whose key is a secret of the device.

Nothing here asks what time it is: the clock of a device may stand in 1970.
"""

from __future__ import annotations

import hashlib
import ssl
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from device import files
from device.commands import run as run_command
from device.errors import DeviceError

AUTHORITY_YEARS = 20
LIFE = timedelta(days=825)
"""The longest that Apple's systems accept from an authority that a person has added (support.apple.com/103769)."""
_DATE = "%Y-%m-%d %H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a certificate says."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begin: datetime
    end: datetime

    def due(self, now: datetime) -> bool:
        """Whether it should be made anew: a third of its life is left, or the clock says that it has not begun."""
        return not self.begin <= now < self.begin + (self.end - self.begin) * 2 / 3


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, as browsers and openssl show it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none.
    """
    text = certificate.read_text(encoding="ascii")
    # Those of the authorities between may follow.
    first = text[: text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)]
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def read(certificate: Path) -> Certificate | None:
    """What a certificate says; nothing when there is none, or not a whole one."""
    argv = ("openssl", "x509", "-in", str(certificate), "-noout", "-subject", "-issuer", "-dates")
    try:
        text = run_command((*argv, "-dateopt", "iso_8601", "-ext", "subjectAltName"), why="read a certificate")
    except DeviceError:
        return None
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith(" "))
    alternatives = [line.strip() for line in text.splitlines() if line.startswith(" ")]
    return Certificate(
        subject=said["subject"],
        issuer=said["issuer"],
        names=tuple(name.removeprefix("DNS:") for line in alternatives for name in line.split(", ")),
        begin=datetime.strptime(said["notBefore"], _DATE).replace(tzinfo=UTC),
        end=datetime.strptime(said["notAfter"], _DATE).replace(tzinfo=UTC),
    )


def public_part(key: Path) -> str | None:
    """The public key that belongs to a private one; nothing when that is missing or cut off."""
    try:
        return run_command(("openssl", "pkey", "-in", str(key), "-pubout"), why="read the TLS key")
    except DeviceError:
        return None


def public_of(key: str) -> str:
    """The public part of a private key in PEM."""
    return run_command(("openssl", "pkey", "-pubout"), why="read the key of the TLS authority", stdin=key)


def make_key(key: Path) -> str:
    """Make a private key (ECDSA P-256) for root only; returns its public part."""
    argv = ("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    files.write(key, run_command(argv, why="make the TLS key"), mode=0o600)
    return run_command(("openssl", "pkey", "-in", str(key), "-pubout"), why="read the TLS key")


def belongs(certificate: Path, public: str) -> bool:
    """Whether a certificate is for the key with this public part."""
    argv = ("openssl", "x509", "-in", str(certificate), "-noout", "-pubkey")
    try:
        return run_command(argv, why="read the TLS certificate") == public
    except DeviceError:
        return False


def sign_itself(key: Path, certificate: Path, *, names: Sequence[str], begin: datetime) -> None:
    """Make a certificate that nobody vouches for, for long: nobody visits to renew it."""
    made = _certificate(key, names=names, begin=begin, end=_years_after(begin, AUTHORITY_YEARS))
    files.write(certificate, made)


def private_key(secret: str) -> str:
    """A key in PEM from a secret as seeds have it: PKCS #8 in Base64, in one line."""
    return "\n".join(("-----BEGIN PRIVATE KEY-----", *textwrap.wrap(secret, 64), "-----END PRIVATE KEY-----", ""))


def make_authority(certificate: Path, *, key: str, begin: datetime) -> None:
    """Make the certificate of an authority; `key` is its key in PEM.

    Its name comes from its key, so that any two with the same key stand for each other: whoever trusts one of them
    accepts what the other signed.
    """
    digest = hashlib.sha256(public_of(key).encode()).hexdigest().upper()
    argv = (
        *("openssl", "req", "-x509", "-new", "-key", "/dev/stdin", "-sha256"),
        *("-subj", f"/CN=Satchel authority {digest[:4]}-{digest[4:8]}-{digest[8:12]}"),
        *("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-not_before", _asn1(begin), "-not_after", _asn1(_years_after(begin, AUTHORITY_YEARS))),
    )
    files.write(certificate, run_command(argv, why="make the TLS authority", stdin=key))


def is_of(certificate: Path, authority: Path) -> bool:
    """Whether an authority signed a certificate."""
    try:
        argv = ("openssl", "verify", "-no_check_time", "-CAfile", str(authority), str(certificate))
        run_command(argv, why="verify the TLS certificate")
    except DeviceError:
        return False
    return True


def sign(
    key: Path, certificate: Path, *, names: Sequence[str], begin: datetime, authority: Path, authority_key: str
) -> None:
    """Make a certificate that an authority vouches for; `authority_key` is its key in PEM."""
    by = ("-CA", str(authority), "-CAkey", "/dev/stdin")
    made = _certificate(key, by, names=names, begin=begin, end=begin + LIFE, stdin=authority_key)
    files.write(certificate, made)


def _certificate(
    key: Path, by: Sequence[str] = (), *, names: Sequence[str], begin: datetime, end: datetime, stdin: str = ""
) -> str:
    argv = (
        *("openssl", "req", "-x509", "-new", "-key", str(key), "-sha256", *by),
        *("-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={','.join(f'DNS:{name}' for name in names)}"),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"),
        *("-not_before", _asn1(begin), "-not_after", _asn1(end)),
    )
    return run_command(argv, why="make the TLS certificate", stdin=stdin)


def _years_after(begin: datetime, years: int) -> datetime:
    return begin.replace(year=begin.year + years, day=min(begin.day, 28))


def _asn1(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%SZ")

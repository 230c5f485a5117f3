"""satchel-tls: show, renew and replace the certificate of whatever serves by TLS here."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from device import certificates, files, settings, tls
from device.commands import BASE_ENVIRONMENT
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Settings
from tls import supplied

_EXAMPLES = """examples:
  satchel-tls                                      what the certificate says, and who signed it
  sudo satchel-tls install full-chain.pem key.pem  take one that you brought; it is never renewed here
  sudo satchel-tls remove                          go back to the device's own
  sudo satchel-tls renew                           make it anew if it is due, as a timer does every day
  sudo satchel-tls renew --now                     make it anew

Computers that shall trust this device need the certificate of its authority:
  /etc/satchel/tls/authority-certificate.pem
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="satchel-tls",
        description="The certificate of whatever serves by TLS on this device.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = made.add_subparsers(dest="verb", metavar="VERB")
    verbs.add_parser("status", help="what the certificate says (the default)")
    renew = verbs.add_parser("renew", help="make it anew, if a third of its time is left")
    renew.add_argument("--now", action="store_true", help="however much is left")
    install = verbs.add_parser("install", help="take a certificate that you brought")
    install.add_argument("certificate", type=Path, help="PEM: the certificate, then those of the authorities between")
    install.add_argument("key", type=Path, help="PEM: its private key, without a passphrase")
    verbs.add_parser("remove", help="go back to the device's own certificate")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    options = parser().parse_args(arguments)
    paths, now = Paths(), datetime.now(UTC)
    if options.verb in {"renew", "install", "remove"} and os.geteuid() != 0:
        print(f"satchel-tls {options.verb} must be run as root: sudo satchel-tls {options.verb}", file=sys.stderr)
        return 1
    try:
        known = settings.load(paths.settings)
        if options.verb == "renew":
            return _renew(paths, known, now, always=options.now)
        if options.verb == "install":
            supplied.install(paths, known, options.certificate, options.key, now=now)
            return _tell(known)
        if options.verb == "remove":
            supplied.remove(paths)
            tls.settle(paths, known, hostname=_hostname(paths), now=now)
            return _tell(known)
        return _status(paths, now)
    except DeviceError as error:
        print(f"satchel-tls: {error.reason}\n{error.advice}", file=sys.stderr)
        return 1


def _renew(paths: Paths, known: Settings, now: datetime, *, always: bool) -> int:
    if tls.is_supplied(paths):
        found = certificates.read(paths.tls[1])
        if found is not None and found.due(now):
            print(f"The certificate that was brought ends on {found.end:%Y-%m-%d}; bring another: satchel-tls install")
        return 0
    if always:
        paths.tls[1].unlink(missing_ok=True)
    if not tls.settle(paths, known, hostname=_hostname(paths), now=now):
        print("The certificate is not due.")
        return 0
    return _tell(known)


def _tell(known: Settings) -> int:
    """Units that run read the new certificate; the others do when they start."""
    units = known.tls.reload if known.tls else ()
    if units:
        argv = ("systemctl", "try-reload-or-restart", *units)
        return subprocess.run(argv, env=BASE_ENVIRONMENT, check=False).returncode
    return 0


def _status(paths: Paths, now: datetime) -> int:
    found = certificates.read(paths.tls[1])
    if found is None:
        print("There is no whole certificate. `sudo satchel-tls renew` makes one.", file=sys.stderr)
        return 1
    by = "itself" if found.issuer == found.subject else found.issuer.removeprefix("CN=")
    left = (found.end - now).days
    print(f"names        {', '.join(found.names)}")
    print(f"signed by    {by}{' (brought by an operator)' if tls.is_supplied(paths) else ''}")
    print(f"valid        {found.begin:%Y-%m-%d} to {found.end:%Y-%m-%d}, {left} days left by this device's clock")
    print(f"fingerprint  {certificates.fingerprint(paths.tls[1])}")
    return 0 if found.begin <= now < found.end else 1


def _hostname(paths: Paths) -> str:
    return files.read(paths.at("/etc/hostname")) or "localhost"

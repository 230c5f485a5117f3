"""Verbs about who made an image."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from builder.artifact import find_image
from builder.checksums import check_sums
from builder.disk.image import disk_image
from builder.options import Verbs
from builder.progress import reporter_for
from builder.signing import check_signature, sign_sums, trusted_keyring
from builder.verbs.common import DIST

_WHAT = "an image file, a directory with SHA256SUMS, or the name of a recipe for its image in dist/"


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "sign",
        sign,
        "sign the checksums of an image with your OpenPGP key",
        "sign kolibri-pc",
        "sign dist/kolibri-pc --key 86C9B94D7988E066A254DB4B26ABEB97BBEBB674",
    )
    verb.add_argument("image", metavar="IMAGE", help=_WHAT)
    verb.add_argument("--key", metavar="KEY", help="fingerprint or name of a key of your gpg (gpg's default key)")
    verb.shows_progress()

    verb = family.add(
        "verify-signature",
        verify_signature,
        "check who made an image, and that it is whole",
        "verify-signature kolibri-pc",
        "verify-signature /media/usb/kolibri-pc.img.zst --keyring ministry.asc",
    )
    verb.add_argument("image", metavar="IMAGE", help=f"{_WHAT}; of an image file, nothing else is read")
    verb.add_argument(
        "--keyring", metavar="FILE", help="the public keys that you trust (~/.config/satchel/trusted.gpg)"
    )
    verb.shows_progress()
    verb.speaks_json()


def sign(arguments: Namespace) -> int:
    """Sign what is whole."""
    directory, _ = _meant(arguments.image)
    check_sums(directory, reporter_for(arguments.progress))
    print(sign_sums(directory, arguments.key))
    return 0


def verify_signature(arguments: Namespace) -> int:
    """Check signature and files."""
    directory, only = _meant(arguments.image)
    signature = check_signature(directory, trusted_keyring(arguments.keyring))
    names = check_sums(directory, reporter_for(arguments.progress), only=only)
    if arguments.json:
        print(json.dumps({**asdict(signature), "files": names}))
        return 0
    print(f"signed by {signature.signer}, {datetime.fromtimestamp(signature.made, UTC):%Y-%m-%d %H:%M} UTC")
    print(f"key       {signature.fingerprint}")
    print(f"whole     {', '.join(names)}")
    return 0


def _meant(name: str) -> tuple[Path, tuple[str, ...]]:
    """The directory that a person means, and the files of it that are meant if they named one: a split image is all of
    its parts.
    """
    path = Path(name)
    if path.is_dir():
        return path, ()
    if path.is_file():
        return path.parent, tuple(file.name for file in disk_image(path).files)
    return find_image(name, dist=DIST).parent, ()

"""The command line: all verbs, in the order of the help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from builder import __version__
from builder.errors import exit_codes
from builder.options import Parser, Verbs

FAMILIES: Final = {
    "recipes": ("new", "check", "plan"),
    "locking": ("lock",),
    "building": ("build", "bundle", "shell"),
    "images": ("boot", "test", "inspect"),
    "auditing": ("audit",),
    "seeding": ("seed",),
    "flashing": ("flash",),
    "media": ("disks", "media-test"),
    "ledgers": ("ledger",),
    "contents": ("content",),
    "containers": ("container",),
    "comparing": ("diff", "why"),
    "verifying": ("verify",),
    "signing": ("sign", "verify-signature"),
    "sites": ("sites",),
    "masters": ("master",),
    "caching": ("cache",),
    "knowing": ("explain", "schema", "doctor", "completion"),
}
"""The modules of `verbs` with what each declares. Only the one that is asked for is loaded: loading all of them takes
longer than a build that has nothing to do."""

_KNOWS_ALL: Final = "completion"
_FIRST_STEPS: Final = "first steps:\n  satchel doctor\n  satchel build kolibri-pc\n  satchel boot kolibri-pc"


def _parser(families: Sequence[str]) -> Parser:
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in exit_codes().items())
    parser = Parser(
        prog="satchel",
        description="Bootable images for servers that live where there is no internet.",
        epilog=f"{_FIRST_STEPS}\n\nexit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"satchel {__version__}")
    parser.add_argument("--verbose", action="store_true", help="show on stderr every program that is started")
    verbs = Verbs(parser)
    for family in families:
        import_module(f"builder.verbs.{family}").declare(verbs)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options, with the function of the verb in `run`; wrong options end the process with exit code 64."""
    verb = next((word for word in argv if not word.startswith("-")), "")
    asked = [family for family, verbs in FAMILIES.items() if verb in verbs and verb != _KNOWS_ALL]
    return _parser(asked or list(FAMILIES)).parse_args(argv)

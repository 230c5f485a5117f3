"""The command line: all verbs, in the order of the help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from builder import __version__
from builder.errors import exit_codes
from builder.options import Parser, Verbs
from builder.verbs import building, caching, comparing, images, knowing, locking, recipes, signing, verifying

_FIRST_STEPS = "first steps:\n  satchel doctor\n  satchel build kolibri-pc\n  satchel boot kolibri-pc"


def _parser() -> Parser:
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in exit_codes().items())
    parser = Parser(
        prog="satchel",
        description="Bootable images for servers that live where there is no internet.",
        epilog=f"{_FIRST_STEPS}\n\nexit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"satchel {__version__}")
    parser.add_argument("--verbose", action="store_true", help="show on stderr every program that is started")
    family = Verbs(parser)
    recipes.declare(family)
    locking.declare(family)
    building.declare(family)
    images.declare(family)
    comparing.declare(family)
    verifying.declare(family)
    signing.declare(family)
    caching.declare(family)
    knowing.declare(family, parser)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options, with the function of the verb in `run`; wrong options end the process with exit code 64."""
    return _parser().parse_args(argv)

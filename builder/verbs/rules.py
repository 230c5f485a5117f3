"""What verbs that destroy have in common: which disks they may touch, and that somebody wants it."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError, Namespace
from typing import Final

from builder.errors import FlashRefused, SatchelError
from builder.flash.choosing import LARGEST, Rules
from builder.options import Parser
from builder.units import format_size, parse_size

_YES: Final = "yes"


def allow(verb: Parser) -> None:
    """Options by which a person allows more than cards."""
    verb.add_argument("--fixed-disks", action="store_true", help="also disks that are built in, and loop devices")
    text = f"refuse larger disks ({format_size(LARGEST)})"
    verb.add_argument("--largest", metavar="SIZE", type=_size, default=LARGEST, help=text)


def rules_of(arguments: Namespace, *, needed_bytes: int = 0) -> Rules:
    """The rules that the options make."""
    return Rules(needed_bytes=needed_bytes, largest_bytes=arguments.largest, fixed=arguments.fixed_disks)


def confirm(what: str, *, yes: bool, word: str = _YES, refusal: type[SatchelError] = FlashRefused) -> None:
    """Ask whether something shall be destroyed, by having a word typed.

    Raises:
        SatchelError: of the class `refusal`; nobody typed it.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise refusal(f"{what} would be lost, and nobody is there to be asked", hint="--yes asks nothing")
    # Standard output belongs to results.
    print(f"This destroys {what}. Type {word}: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != word.lower():
        raise refusal("not confirmed; nothing was written")


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error

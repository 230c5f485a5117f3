"""How options are declared: our parser, and the family of verbs that each module of `verbs` adds its own to."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from builder.errors import EXIT_USAGE

_RECIPE_HELP = "a recipe's name (a file in recipes/) or the path of a recipe file"
_IMAGE_HELP = "an image file, or the name of a recipe for its image in dist/"


class Parser(argparse.ArgumentParser):
    """Ends with our own exit code for wrong options, and with advice instead of the whole usage."""

    mixes = False
    """Whether several names may stand before, between and after options, where argparse alone wants them together."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it, but for a verb that mixes."""
        if not self.mixes:
            return super().parse_known_args(args, namespace)
        # It calls this method again, for the options and then for the names.
        self.mixes = False
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.mixes = True

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is."""
        print(f"satchel: {message}\nhint: {self.prog} --help", file=sys.stderr)
        sys.exit(EXIT_USAGE)

    def takes_recipe(self, *, unless: str = "") -> None:
        """A recipe, and values for its parameters; `unless` is an option that makes it unnecessary."""
        help_text = f"{_RECIPE_HELP}; none with {unless}" if unless else _RECIPE_HELP
        self.add_argument("recipe", metavar="RECIPE", help=help_text, nargs="?" if unless else None)
        self.add_argument(
            "--set", metavar="NAME=VALUE", action="append", default=[], help="choose a parameter of the recipe"
        )

    def goes_by_lock(self) -> None:
        """How strictly the lock is taken."""
        self.add_argument(
            "--locked",
            action="store_true",
            help="refuse to build anything that the lock beside the recipe does not name",
        )
        self.add_argument("--offline", action="store_true", help="never use the network; say what is missing instead")

    def takes_image(self) -> None:
        """An image."""
        self.add_argument("image", metavar="IMAGE", help=_IMAGE_HELP)

    def shows_progress(self) -> None:
        """How progress is shown."""
        self.add_argument(
            "--progress",
            choices=("auto", "plain", "json", "none"),
            default="auto",
            help="how to show progress on stderr: bars on a terminal (auto), a line per step, JSON lines, nothing",
        )

    def speaks_json(self) -> None:
        """Results for scripts."""
        self.add_argument("--json", action="store_true", help="print JSON for scripts")


class Verbs:
    """The family of verbs, each with its own help and examples."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser
        self._family = parser.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=Parser)

    def add(self, name: str, run: Callable[[argparse.Namespace], int], text: str, *examples: str) -> Parser:
        """A verb: its name, its function, one sentence of help, and examples without the word `satchel`."""
        added: Parser = self._family.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog="examples:\n" + "\n".join(f"  satchel {example}" for example in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        return added

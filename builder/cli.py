"""Verbs, options and their help; no logic."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import shtab

from builder import __version__, verbs
from builder.errors import EXIT_USAGE, exit_codes

_RECIPE_HELP = "a recipe's name (a file in recipes/) or the path of a recipe file"
_IMAGE_HELP = "an image file, or the name of a recipe for its image in dist/"
_FIRST_STEPS = "first steps:\n  satchel doctor\n  satchel build kolibri-pc\n  satchel boot kolibri-pc"


class _Parser(argparse.ArgumentParser):
    """Ends with our own exit code for wrong options, and with advice instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        print(f"satchel: {message}\nhint: {self.prog} --help", file=sys.stderr)
        sys.exit(EXIT_USAGE)

    def takes_recipe(self) -> None:
        self.add_argument("recipe", metavar="RECIPE", help=_RECIPE_HELP)
        self.add_argument(
            "--set", metavar="NAME=VALUE", action="append", default=[], help="choose a parameter of the recipe"
        )

    def takes_image(self) -> None:
        self.add_argument("image", metavar="IMAGE", help=_IMAGE_HELP)

    def shows_progress(self) -> None:
        self.add_argument(
            "--progress",
            choices=("auto", "plain", "json", "none"),
            default="auto",
            help="how to show progress on stderr: bars on a terminal (auto), a line per step, JSON lines, nothing",
        )

    def speaks_json(self) -> None:
        self.add_argument("--json", action="store_true", help="print JSON for scripts")


class _Verbs:
    """The family of verbs, each with its own help and examples."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._family = parser.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=_Parser)

    def add(self, name: str, run: Callable[[argparse.Namespace], int], text: str, *examples: str) -> _Parser:
        added: _Parser = self._family.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog="examples:\n" + "\n".join(f"  satchel {example}" for example in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        return added


def _parser() -> _Parser:
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in exit_codes().items())
    parser = _Parser(
        prog="satchel",
        description="Bootable images for servers that live where there is no internet.",
        epilog=f"{_FIRST_STEPS}\n\nexit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"satchel {__version__}")
    parser.add_argument("--verbose", action="store_true", help="show on stderr every program that is started")
    family = _Verbs(parser)
    _about_recipes(family)
    _about_building(family)
    _about_images(family)
    _about_knowing(family, parser)
    return parser


def _about_recipes(family: _Verbs) -> None:
    examples = ("new my-school", "new my-school --output my-school.yml")
    new = family.add("new", verbs.new, "write a starting recipe", *examples)
    new.add_argument("name", help="the name of the recipe: small letters, digits and hyphens")
    new.add_argument("--output", metavar="FILE", help="where to write it (recipes/NAME.yml)")

    examples = ("check kolibri-pc", "check my-school.yml --json")
    check = family.add(
        "check", verbs.check, "find every problem of a recipe", *examples, "check kolibri-pc --set root_size=4GiB"
    )
    check.takes_recipe()
    check.speaks_json()

    examples = ("plan kolibri-pc", "plan kolibri-pc --json")
    plan = family.add("plan", verbs.plan, "show what a build would do, without doing it", *examples)
    plan.takes_recipe()
    plan.speaks_json()


def _about_building(family: _Verbs) -> None:
    build = family.add(
        "build",
        verbs.build,
        "build the disk image of a recipe",
        "build kolibri-pc",
        'build kolibri-pc --set language=fr-fr --set facility_name="École {code}"',
        "build ./my-school.yml --dist /mnt/images --progress json",
    )
    build.takes_recipe()
    build.shows_progress()
    build.speaks_json()
    build.add_argument("--dist", metavar="DIR", default="dist", help="where finished images stand (dist)")
    build.add_argument("--force", action="store_true", help="make the image again even if nothing changed")

    shell = family.add(
        "shell",
        verbs.shell,
        "open a shell in the built tree, to look around; changes are thrown away",
        "shell kolibri-pc",
        "shell kolibri-pc -- dpkg -l",
    )
    shell.takes_recipe()
    shell.add_argument("command", nargs="*", metavar="COMMAND", help="a command to run instead of a shell")


def _about_images(family: _Verbs) -> None:
    boot = family.add(
        "boot",
        verbs.boot,
        "run an image in a virtual machine; nothing is written to it",
        "boot kolibri-pc",
        "boot dist/kolibri-pc/kolibri-pc.img --firmware bios",
    )
    boot.takes_image()
    boot.add_argument("--firmware", choices=("uefi", "bios"), default="uefi", help="the firmware to boot with (uefi)")

    test = family.add(
        "test",
        verbs.test,
        "prove an image in virtual machines: boots, checks, clones, reboot",
        "test kolibri-pc",
        "test dist/kolibri-pc/kolibri-pc.img --report test-report",
    )
    test.takes_image()
    test.shows_progress()
    test.speaks_json()
    test.add_argument(
        "--report", metavar="DIR", help="where serial logs, JUnit XML and the report go (IMAGE's directory/test)"
    )

    audit = family.add(
        "audit",
        verbs.audit,
        "look for what must never be inside an image",
        "audit kolibri-pc",
        "audit dist/kolibri-pc/kolibri-pc.img --json",
    )
    audit.takes_image()
    audit.shows_progress()
    audit.speaks_json()

    text = "tell what is in an image: partitions, file systems, recipe, content"
    inspect = family.add("inspect", verbs.inspect, text, "inspect kolibri-pc", "inspect some.img --json")
    inspect.takes_image()
    inspect.speaks_json()


def _about_knowing(family: _Verbs, parser: _Parser) -> None:
    explain = family.add(
        "explain",
        verbs.explain,
        "explain a key of the recipe language, or where a recipe's values come from",
        "explain",
        "explain disk.partitions.size",
        "explain --recipe kolibri-pc disk",
    )
    explain.add_argument("key", nargs="?", default="", metavar="KEY", help="a key such as disk.partitions.size")
    explain.add_argument("--recipe", metavar="RECIPE", help="show the resolved values of this recipe instead")

    family.add("schema", verbs.schema, "print the JSON Schema of recipes, for editors", "schema > recipe.schema.json")

    doctor = family.add("doctor", verbs.doctor, "check this machine and say what to change", "doctor", "doctor --json")
    doctor.speaks_json()

    completion = family.add(
        "completion",
        lambda arguments: verbs.completion(shtab.complete(parser, shell=arguments.shell)),
        "print a completion script for a shell",
        "completion bash > ~/.local/share/bash-completion/completions/satchel",
    )
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options, with the function of the verb in `run`; wrong options end the process with exit code 64."""
    return _parser().parse_args(argv)

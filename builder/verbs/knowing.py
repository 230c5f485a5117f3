"""Verbs that explain: the recipe language, this machine, Satchel itself."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict

import shtab

from builder.boot.accelerator import choose
from builder.errors import HostError
from builder.host.doctor import INSIDE, OUTSIDE, Finding, Requirement, examine
from builder.host.namespace import enter
from builder.host.store import Store
from builder.host.tools import find_lab
from builder.options import Verbs
from builder.recipe.explain import explain as explain_key
from builder.recipe.explain import show
from builder.recipe.load import load_recipe
from builder.recipe.schema import recipe_schema
from builder.verbs.common import recipe_path


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "explain",
        explain,
        "explain a key of the recipe language, or where a recipe's values come from",
        "explain",
        "explain disk.partitions.size",
        "explain --recipe kolibri-pc disk",
    )
    verb.add_argument("key", nargs="?", default="", metavar="KEY", help="a key such as disk.partitions.size")
    verb.add_argument("--recipe", metavar="RECIPE", help="show the resolved values of this recipe instead")

    family.add("schema", schema, "print the JSON Schema of recipes, for editors", "schema > recipe.schema.json")

    verb = family.add("doctor", doctor, "check this machine and say what to change", "doctor", "doctor --json")
    verb.speaks_json()

    verb = family.add(
        "completion",
        lambda arguments: completion(shtab.complete(family.parser, shell=arguments.shell)),
        "print a completion script for a shell",
        "completion bash > ~/.local/share/bash-completion/completions/satchel",
    )
    verb.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")


def explain(arguments: Namespace) -> int:
    """Explain the recipe language or a recipe's values."""
    if arguments.recipe:
        print(show(load_recipe(recipe_path(arguments.recipe)), arguments.key))
    else:
        print(explain_key(arguments.key))
    return 0


def schema(_arguments: Namespace) -> int:
    """Print the JSON Schema of recipes."""
    print(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))
    return 0


def _accelerator() -> str:
    tools = find_lab()
    if tools is None:
        return "not known before the lab is made; the first boot, test or audit makes it"
    with Store("boot").scratch("doctor") as scratch:
        chosen = choose(tools, scratch)
    return f"{chosen.kind} ({chosen.reason})"


_ACCELERATOR = Requirement(name="accelerator", why="to boot images; tcg works everywhere", probe=_accelerator)


def doctor(arguments: Namespace) -> int:
    """Check this machine."""
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        if not arguments.json:
            print(finding, flush=True)

    for finding in examine(OUTSIDE):
        tell(finding)
    if all(finding.ok for finding in findings):
        enter()
        for finding in examine((*INSIDE, _ACCELERATOR)):
            tell(finding)
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    missing = [finding.name for finding in findings if not finding.ok]
    if missing:
        raise HostError(
            f"this machine cannot build yet: {', '.join(missing)}", hint="scripts/bootstrap helps on Debian"
        )
    return 0


def completion(script: str) -> int:
    """Print a completion script."""
    print(script)
    return 0

"""What each verb does: it wires rooms together and prints results to stdout."""

from __future__ import annotations

import json
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event

from builder.artifact import find_image, ports_of, read_embedded_manifest, subject_of
from builder.audit.described import declared_facts, image_partitions
from builder.audit.engine import check_findings, render_json
from builder.audit.facts import this_host
from builder.audit.image import audit_image
from builder.boot import interactive
from builder.boot import report as boot_report
from builder.boot.accelerator import choose
from builder.boot.diary import Bench, Patience
from builder.boot.prove import prove_image, room_for_two
from builder.boot.subject import Firmware
from builder.build import build_image
from builder.disk.read import read_table
from builder.errors import ArtifactError, BootTestFailed, HostError, RecipeError
from builder.growth import grow, plan_growth
from builder.host.doctor import INSIDE, OUTSIDE, Finding, Requirement, examine
from builder.host.namespace import enter
from builder.host.places import OVERLAYS, RECIPES, cache_directory
from builder.host.sandbox import Sandbox
from builder.host.store import Store
from builder.host.tools import Tools, ensure_tools, find_tools
from builder.inspection import look
from builder.inspection import render as render_inspection
from builder.kolibri.fit import content_problems
from builder.manifest import Manifest
from builder.plan.layers import render as render_layers
from builder.progress import Reporter, reporter_for
from builder.recipe.explain import explain as explain_key
from builder.recipe.explain import show
from builder.recipe.load import Loaded, load_recipe
from builder.recipe.new import starting_recipe
from builder.recipe.problems import UnknownWord, as_dicts
from builder.recipe.schema import recipe_schema
from builder.recipe.sources import check_sources
from builder.units import format_size

_DIST = Path("dist")


def new(arguments: Namespace) -> int:
    """Write a starting recipe."""
    path = Path(arguments.output or RECIPES / f"{arguments.name}.yml")
    text = starting_recipe(arguments.name, recipes=os.path.relpath(RECIPES, path.absolute().parent))
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError as error:
        raise ArtifactError(f"{path} exists already", hint="choose another name or --output FILE") from error
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error
    print(path)
    return 0


def check(arguments: Namespace) -> int:
    """Find every problem of a recipe."""
    try:
        loaded = _checked(arguments)
    except RecipeError as error:
        if not arguments.json:
            raise
        print(json.dumps({"problems": as_dicts(error.problems)}, indent=1))
        return error.exit_code
    if arguments.json:
        print(json.dumps({"problems": []}))
    else:
        recipe = loaded.recipe
        print(f"{recipe.name}: no problem found; {len(recipe.disk.partitions)} partitions, {len(recipe.checks)} checks")
    return 0


def plan(arguments: Namespace) -> int:
    """Show what a build would do."""
    loaded = _checked(arguments)
    tools = find_tools()
    growth = plan_growth(loaded, overlays=OVERLAYS, foundation=tools.identity if tools else "")
    partitions = [
        {
            "name": partition.name,
            "size": partition.size if partition.size == "fit" else format_size(partition.size),
            "filesystem": str(partition.filesystem or partition.type),
            "mount": partition.mount or " ".join(f"{sub.name}={sub.mount}" for sub in partition.subvolumes),
        }
        for partition in loaded.recipe.disk.partitions
    ]
    if arguments.json:
        print(json.dumps({"layers": [layer.as_dict() for layer in growth.planned], "partitions": partitions}, indent=1))
        return 0
    print(f"{loaded.recipe.name}: {loaded.recipe.description}\n")
    print(f"tools tree: {'reused' if tools else 'make: not made yet'}\n\nlayers, the lowest first:")
    print(render_layers(growth.planned))
    print(f"\ndisk ({', '.join(loaded.recipe.disk.boot)}):")
    for row in partitions:
        size = "as needed" if row["size"] == "fit" else row["size"]
        print(f"  {row['name']:<10} {size:>10}  {row['filesystem']:<10} {row['mount']}")
    return 0


def build(arguments: Namespace) -> int:
    """Build an image."""
    loaded = _checked(arguments)
    enter()
    reporter = reporter_for(arguments.progress)
    built = build_image(loaded, dist=Path(arguments.dist), force=arguments.force, reporter=reporter)
    if arguments.json:
        print(json.dumps({"image": str(built.image), "reused": built.reused, "key": built.manifest.key}))
        return 0
    for name, record in built.manifest.digests.items():
        print(f"{built.directory / name}  {format_size(record.size_bytes)}")
    if built.reused:
        print("nothing changed since it was made; --force makes it again")
    return 0


def boot(arguments: Namespace) -> int:
    """Run an image for a person."""
    reporter = reporter_for("plain")
    with _opened(arguments.image, reporter) as (image, manifest, tools), Store("boot").scratch("boot") as scratch:
        return interactive.boot(
            image,
            tools=tools,
            accelerator=choose(tools, scratch),
            firmware=Firmware(arguments.firmware),
            ports=ports_of(manifest),
            scratch=scratch,
            reporter=reporter,
        )


def shell(arguments: Namespace) -> int:
    """Open a shell in the built tree."""
    loaded = _checked(arguments)
    enter()
    reporter = reporter_for("auto")
    tools = ensure_tools(reporter)
    growth = plan_growth(loaded, overlays=OVERLAYS, foundation=tools.identity)
    grow(growth, tools=tools, reporter=reporter)
    with growth.store.scratch("shell") as scratch, growth.tree(scratch) as tree:
        sandbox = Sandbox(root=tree, writable=True, network=True)
        command = arguments.command or ["/bin/bash", "--login"]
        if not arguments.command:
            reporter.note("this is the tree of the image; whatever you change is thrown away when you leave")
        return sandbox.interact(command)


def test(arguments: Namespace) -> int:
    """Prove an image in virtual machines."""
    reporter = reporter_for(arguments.progress)
    with _opened(arguments.image, reporter) as (image, manifest, tools), Store("boot").scratch("test") as scratch:
        logs = Path(arguments.report) if arguments.report else image.parent / "test"
        logs.mkdir(parents=True, exist_ok=True)
        accelerator = choose(tools, scratch)
        bench = Bench(
            tools=tools,
            accelerator=accelerator,
            patience=Patience.with_accelerator(accelerator),
            scratch=scratch,
            logs=logs,
            reporter=reporter,
            cancelled=Event(),
        )
        result = prove_image(subject_of(image, manifest), bench, together=room_for_two())
        boot_report.keep(result, logs)
    if arguments.json:
        print(json.dumps(boot_report.to_dict(result), indent=1))
    else:
        print(boot_report.to_text(result))
    if not result.passed:
        raise BootTestFailed(f"{image} did not prove what its recipe claims", hint=f"all logs are in {logs}")
    return 0


def audit(arguments: Namespace) -> int:
    """Look for what must never be inside an image."""
    reporter = reporter_for(arguments.progress)
    with _opened(arguments.image, reporter) as (image, manifest, tools):
        disk = manifest.recipe.disk
        partitions = image_partitions(disk, manifest.disk.partitions)
        facts = declared_facts(manifest.recipe, this_host(cache_directory()))
        findings = audit_image(tools, image, partitions, facts, reporter)
    if arguments.json:
        print(render_json(findings))
    check_findings(findings)
    if not arguments.json:
        print(f"{image}: nothing found that must not be inside an image")
    return 0


def inspect(arguments: Namespace) -> int:
    """Tell what is in an image."""
    image = find_image(arguments.image, dist=_DIST)
    table = read_table(image)
    enter()
    tools = ensure_tools(reporter_for("auto"))
    try:
        manifest = read_embedded_manifest(tools, image, table)
    except ArtifactError:
        # Anybody's image may be looked at; the rendering says that it is not ours.
        manifest = None
    inspection = look(image, table, manifest)
    print(json.dumps(inspection.as_dict(), indent=1) if arguments.json else render_inspection(inspection))
    return 0


def explain(arguments: Namespace) -> int:
    """Explain the recipe language or a recipe's values."""
    if arguments.recipe:
        print(show(load_recipe(_recipe_path(arguments.recipe)), arguments.key))
    else:
        print(explain_key(arguments.key))
    return 0


def schema(_arguments: Namespace) -> int:
    """Print the JSON Schema of recipes."""
    print(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))
    return 0


def _accelerator() -> str:
    tools = find_tools()
    if tools is None:
        return "not known before the tools tree is made"
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


def _recipe_path(name: str) -> Path:
    """The file that a person means: a path, or the name of a recipe in ./recipes or among those of Satchel."""
    if "/" in name or Path(name).suffix in {".yml", ".yaml"}:
        return Path(name)
    here = Path("recipes", f"{name}.yml")
    shipped = RECIPES / f"{name}.yml"
    if here.exists():
        return here
    if not shipped.exists():
        raise UnknownWord(f"there is no recipe {name}", name, sorted(path.stem for path in RECIPES.glob("*.yml")))
    return shipped


def _checked(arguments: Namespace) -> Loaded:
    """The recipe of the options, without a problem that can be found before building."""
    loaded = load_recipe(_recipe_path(arguments.recipe), settings=_settings(arguments.set))
    problems = check_sources(loaded, OVERLAYS) or content_problems(loaded)
    if problems:
        raise RecipeError(problems)
    return loaded


def _settings(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise UnknownWord(f"--set {wrong[0]} sets nothing; write --set NAME=VALUE", wrong[0], ())
    return {name: value for name, _, value in pairs}


@contextmanager
def _opened(name: str, reporter: Reporter) -> Iterator[tuple[Path, Manifest, Tools]]:
    """An image with the manifest that it carries, and the tools; enters the namespace."""
    image = find_image(name, dist=_DIST).absolute()
    table = read_table(image)
    enter()
    tools = ensure_tools(reporter)
    yield image, read_embedded_manifest(tools, image, table), tools


def verbose() -> None:
    """Show every program that is started."""
    handler = logging.StreamHandler(sys.stderr)
    logger = logging.getLogger("builder")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)

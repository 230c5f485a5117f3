"""Verbs about finished images."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from builder.artifact import find_image, ports_of, read_embedded_manifest, subject_of
from builder.boot import interactive
from builder.boot import report as boot_report
from builder.boot.accelerator import choose
from builder.boot.diary import Bench, Patience
from builder.boot.prove import prove_image, room_for_two
from builder.boot.subject import Firmware
from builder.disk.read import read_table
from builder.errors import ArtifactError, BootTestFailed
from builder.host.namespace import enter
from builder.host.store import Store
from builder.host.tools import LABS, Tools, ensure_lab
from builder.identity.iso import is_iso
from builder.inspection import look
from builder.inspection import render as render_inspection
from builder.manifest import Manifest
from builder.options import Verbs
from builder.progress import Reporter, reporter_for
from builder.verbs import power_cuts
from builder.verbs.clones import many_clones
from builder.verbs.common import DIST


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "boot",
        boot,
        "run an image in a virtual machine; nothing is written to it",
        "boot kolibri-pc",
        "boot dist/kolibri-pc/kolibri-pc.img --firmware bios",
        "boot kolibri-pi --firmware raspberry-pi",
        "boot kolibri-pc --seed school-7.iso",
    )
    verb.takes_image()
    verb.add_argument(
        "--firmware", choices=tuple(Firmware), default=Firmware.UEFI, help="the firmware to boot with (uefi)"
    )
    verb.add_argument("--seed", metavar="FILE.iso", help="a seed disk that tells it who to become (`satchel seed iso`)")

    verb = family.add(
        "test",
        test,
        "prove an image in virtual machines: boots, checks, clones, reboot",
        "test kolibri-pc",
        "test dist/kolibri-pc/kolibri-pc.img --report test-report",
        "test kolibri-pc --clones 40",
        "test kolibri-pc --power-cuts 200",
        "test kolibri-pc --power-cut-point 1204-torn-3",
    )
    verb.takes_image()
    verb.shows_progress()
    verb.speaks_json()
    verb.add_argument(
        "--report",
        metavar="DIR",
        help="where serial logs and the report go (beside IMAGE: `test`; `clones` or `power-cuts` for these)",
    )
    verb.add_argument(
        "--clones",
        metavar="N",
        type=int,
        choices=range(2, 1000),
        help="instead: boot N devices for the first time, and show in a table that they share nothing; a run that was"
        " broken off goes on",
    )
    verb.add_argument(
        "--power-cuts",
        metavar="N",
        type=int,
        help="instead: record a first boot, cut the power at N points of it, and boot what is left each time; a run"
        " that was broken off goes on, and one with more points visits only the new ones",
    )
    verb.add_argument("--seed", metavar="S", type=int, default=1, help="chooses the points of --power-cuts (1)")
    verb.add_argument("--power-cut-point", metavar="ID", help="instead: visit one point of that recording again")

    text = "tell what is in an image: partitions, file systems, recipe, content"
    verb = family.add("inspect", inspect, text, "inspect kolibri-pc", "inspect some.img --json")
    verb.takes_image()
    verb.speaks_json()


@contextmanager
def _opened(name: str, reporter: Reporter) -> Iterator[tuple[Path, Manifest, Tools]]:
    """An image with the manifest that it carries, and the tools; enters the namespace."""
    image = find_image(name, dist=DIST).absolute()
    table = read_table(image)
    enter()
    manifest = read_embedded_manifest(ensure_lab(reporter), image, table)
    yield image, manifest, ensure_lab(reporter, LABS[manifest.recipe.base.architecture])


def boot(arguments: Namespace) -> int:
    """Run an image for a person."""
    reporter = reporter_for("plain")
    seed = Path(arguments.seed) if arguments.seed else None
    if seed is not None and not is_iso(seed):
        raise ArtifactError(
            f"{seed} is no seed disk", hint="make one: satchel seed iso seed.iso --set site.hostname=..."
        )
    firmware = Firmware(arguments.firmware)
    with _opened(arguments.image, reporter) as (image, manifest, tools), Store("boot").scratch("boot") as scratch:
        if firmware not in manifest.boot:
            raise ArtifactError(
                f"{image} does not start by {firmware}", hint=f"it starts by: {', '.join(manifest.boot)}"
            )
        return interactive.boot(
            image,
            tools=tools,
            accelerator=choose(tools, scratch, architecture=manifest.recipe.base.architecture),
            firmware=firmware,
            ports=ports_of(manifest),
            scratch=scratch,
            seed=seed,
            reporter=reporter,
        )


def test(arguments: Namespace) -> int:
    """Prove an image in virtual machines."""
    only = power_cuts.wanted_point(arguments)
    cut_power = only is not None or arguments.power_cuts is not None
    reporter = reporter_for(arguments.progress)
    with _opened(arguments.image, reporter) as (image, manifest, tools), Store("boot").scratch("test") as scratch:
        default = image.parent / ("power-cuts" if cut_power else "clones" if arguments.clones else "test")
        logs = Path(arguments.report) if arguments.report else default
        logs.mkdir(parents=True, exist_ok=True)
        accelerator = choose(tools, scratch, architecture=manifest.recipe.base.architecture)
        bench = Bench(
            tools=tools,
            accelerator=accelerator,
            patience=Patience.with_accelerator(accelerator),
            scratch=scratch,
            logs=logs,
            reporter=reporter,
            cancelled=Event(),
        )
        if cut_power:
            return power_cuts.cut_power(arguments, subject_of(image, manifest), bench, only=only)
        if arguments.clones:
            return many_clones(arguments, subject_of(image, manifest), bench)
        result = prove_image(subject_of(image, manifest), bench, together=room_for_two())
        boot_report.keep(result, logs)
    if arguments.json:
        print(json.dumps(boot_report.to_dict(result), indent=1))
    else:
        print(boot_report.to_text(result))
    if not result.passed:
        raise BootTestFailed(f"{image} did not prove what its recipe claims", hint=f"all logs are in {logs}")
    return 0


def inspect(arguments: Namespace) -> int:
    """Tell what is in an image."""
    image = find_image(arguments.image, dist=DIST)
    table = read_table(image)
    enter()
    tools = ensure_lab(reporter_for("auto"))
    try:
        manifest = read_embedded_manifest(tools, image, table)
    except ArtifactError:
        # Anybody's image may be looked at; the rendering says that it is not ours.
        manifest = None
    inspection = look(image, table, manifest)
    print(json.dumps(inspection.as_dict(), indent=1) if arguments.json else render_inspection(inspection))
    return 0

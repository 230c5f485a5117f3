"""Two devices of one site at one cable: a database and its replica, and who reaches which of the other's ports.

Each is told its name and the site's secrets by its seed, and the second verifies whom it copies. The first makes a
backup onto a stick, loses its data, and puts it back. Takes minutes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from seed import document
from seed.document import Seed

from builder.artifact import read_embedded_manifest
from builder.boot.gift import give
from builder.boot.machine import MACHINE
from builder.boot.process import cable
from builder.boot.subject import Gift
from builder.disk.read import read_table
from builder.host.sandbox import Sandbox
from builder.host.tools import ensure_lab
from builder.identity.shared import makers_of
from builder.progress import Reporter
from builder.units import MIB
from tests.boot import drills
from tests.boot.machines import built, machine
from tests.integration.conftest import _run_inside

pytestmark = [pytest.mark.vm(minutes=12), pytest.mark.drill]

BOOT = Path(__file__).parent
NAMES = ("first", "second")
STICK = (
    *("-drive", f"if=none,id=stick,format=raw,file={MACHINE}/stick.img"),
    *("-device", "qemu-xhci", "-device", "usb-storage,drive=stick,removable=on"),
)


def build(name: str, directory: Path) -> Path:
    """The image of a recipe that does its part of the drill."""
    begins = drills.begins(BOOT / "neighbours-drill.sh", name, (BOOT / "scan.py").read_text())
    extends = [str(BOOT / f"neighbours-{name}.yml")]
    recipe = {"version": 1, "name": "neighbours", "extends": extends, "checks": [begins]}
    path = directory / f"{name}.yml"
    path.write_text(json.dumps(recipe))
    return built(path, directory / f"dist-{name}")


def told(image: Path, name: str, shared: dict[str, str]) -> Callable[[Sandbox, Path], None]:
    """What gives the card with an image its seed."""

    def tell(sandbox: Sandbox, own: Path) -> None:
        manifest = read_embedded_manifest(ensure_lab(Reporter()), image, read_table(image))
        assert manifest.seed
        data = document.render(Seed(image="neighbours", hostname=name, shared=shared))
        if name == "first":
            plug_in_a_stick(sandbox, own)
        give(sandbox, own, Gift(offset_bytes=manifest.seed.offset_bytes, data=data, expected={}, secrets=()))

    return tell


def plug_in_a_stick(sandbox: Sandbox, own: Path) -> None:
    """A stick as shops sell them: one FAT file system."""
    with (own / "stick.img").open("wb") as stick:
        stick.truncate(256 * MIB)
    sandbox.run(("mkfs.vfat", "-n", "BACKUP", f"{MACHINE}/stick.img"), why="make the stick")


def work_together(images: dict[str, Path], directory: Path) -> None:
    first = images["first"]
    recipe = read_embedded_manifest(ensure_lab(Reporter()), first, read_table(first)).recipe
    shared = {name: make() for name, make in makers_of(recipe).items()}
    with ExitStack() as stack:
        ends = [stack.enter_context(end) for end in cable()]
        machines = [
            stack.enter_context(
                machine(
                    name,
                    images[name],
                    directory,
                    prepare=told(images[name], name, shared),
                    cables=(end.fileno(),),
                    extra=STICK if name == "first" else (),
                )
            )
            for name, end in zip(NAMES, ends, strict=True)
        ]
        within = 2 * machines[0].patience.first_boot
        for each in machines:
            each.device.ask("stay", within=within)
        for each in machines:
            each.device.await_text(drills.END, within=within)
        # The replica has something to copy from only since the drill began.
        reports = [each.device.ask("stay", within=within) for each in machines]
    found = {name: {check.name: check.ok for check in it.checks} for name, it in zip(NAMES, reports, strict=True)}
    (directory / "found.json").write_text(json.dumps(found))


def test_a_replica_follows_and_nobody_reaches_more_than_was_opened_for_him(tmp_path: Path) -> None:
    images = {name: build(name, tmp_path) for name in NAMES}
    _run_inside(lambda: work_together(images, tmp_path))
    found = json.loads((tmp_path / "found.json").read_text())
    for report in found.values():
        assert [name for name, ok in report.items() if not ok] == []
    first, second = (drills.told(tmp_path, name) for name in NAMES)
    assert first["kept"].endswith("is made and verified")
    assert first["again"] == "1000"
    assert first["follower"] == "copy|t|TLSv1.3"
    assert second["refused"] == "ERROR: cannot execute DELETE in a read-only transaction"
    # SSH, names of the local network, the database: all listen, and who reaches which follows from where he is.
    assert first["listening"] == "22 5355 5432"
    assert second["neighbour"] == "5432"
    assert second["operator"] == "22"
    assert second["stranger"] == ""

"""A card that was copied after its first boot, in another machine, under each policy. Takes minutes.

The policy is handed to the guest by its host as a credential, so one image serves for all three.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.boot.answer import GuestReport
from builder.boot.machine import CARD
from builder.host.sandbox import Sandbox
from tests.boot.machines import Machine, card_of, console, machine
from tests.integration.conftest import _run_inside

pytestmark = [pytest.mark.vm(minutes=20), pytest.mark.drill]

QUESTION = "Type one of these words"


@pytest.fixture(scope="module")
def card_of_a(default_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the card of machine A after its first boot, switched off, and what it said of itself."""
    directory = tmp_path_factory.mktemp("a")
    _run_inside(lambda: first_boot(default_image, directory))
    return directory


def first_boot(image: Path, directory: Path) -> None:
    with machine("copied-card-A", image, directory) as a:
        report_to(directory)(a)


def in_machine_b(
    policy: str, image: Path, card_of_a: Path, directory: Path, work: Callable[[Machine], None]
) -> tuple[GuestReport, GuestReport, str]:
    """What A said, what its copy says in machine B, and B's console."""
    name = f"copied-card-B-{policy}"
    word = ("-smbios", f"type=11,value=io.systemd.credential:satchel.on_new_machine={policy}")

    def copy_card(_sandbox: Sandbox, own: Path) -> None:
        shutil.copyfile(card_of(card_of_a, "copied-card-A"), own / Path(CARD).name)

    def inside() -> None:
        with machine(name, image, directory, prepare=copy_card, extra=word) as b:
            work(b)

    _run_inside(inside)
    a, b = (
        GuestReport.model_validate(json.loads((place / "report.json").read_text())) for place in (card_of_a, directory)
    )
    return a, b, console(directory, name)


def report_to(directory: Path) -> Callable[[Machine], None]:
    def work(it: Machine) -> None:
        report = it.device.ask("poweroff", within=it.patience.first_boot)
        it.device.await_poweroff(within=it.patience.poweroff)
        (directory / "report.json").write_text(report.model_dump_json())

    return work


def report_after_restart_to(directory: Path) -> Callable[[Machine], None]:
    def work(it: Machine) -> None:
        it.device.ask("reboot", within=it.patience.first_boot)
        it.device.await_restart(within=it.patience.poweroff)
        report_to(directory)(it)

    return work


def assert_forked(a: GuestReport, b: GuestReport, *, restarted: bool) -> None:
    """The ids of a disk change before anything is mounted, so those of file systems wait for the next start."""
    later = {name for name in a.identity.fields() if name.startswith(("partition_guids.", "filesystem_uuids."))}
    kept = {"admin_password"} if restarted else {"admin_password"} | later
    assert later
    same = {name for name, value in a.identity.fields().items() if b.identity.fields()[name] == value}
    assert same == kept
    assert b.machine.events[-1] == "forked"
    assert b.machine.formerly == (a.identity.facility_code,)
    assert b.machine.machines == 2
    assert [check.name for check in b.checks if not check.ok] == []
    assert b.system.state == "running"


def test_by_record_it_carries_on_and_writes_it_down(default_image: Path, card_of_a: Path, tmp_path: Path) -> None:
    a, b, said = in_machine_b("record", default_image, card_of_a, tmp_path, report_to(tmp_path))
    assert b.identity == a.identity
    assert a.machine.verdict == "same"
    assert (b.machine.verdict, b.machine.machines, b.machine.events) == ("another", 2, ("recorded",))
    assert "Another machine (changed: board, disk" in said
    assert b.system.state == "running"


def test_by_ask_it_stays_closed_until_somebody_types_a_word(
    default_image: Path, card_of_a: Path, tmp_path: Path
) -> None:
    def work(b: Machine) -> None:
        device = b.device
        device.await_text(QUESTION, within=b.patience.first_boot)
        waiting = device.ask("stay", within=90)
        assert waiting.system.state == "starting"
        closed = {check.name for check in waiting.checks if not check.ok}
        assert {"SSH is up", "SSH listens", "Kolibri is up", "Kolibri listens"} <= closed
        device.write_console("coppied\n")
        device.await_text("is none of the words", within=60)
        device.write_console("copied\n")
        report_to(tmp_path)(b)

    a, b, said = in_machine_b("ask", default_image, card_of_a, tmp_path, work)
    assert "copied: understood." in said
    assert_forked(a, b, restarted=False)


def test_by_fork_it_becomes_another_at_once(default_image: Path, card_of_a: Path, tmp_path: Path) -> None:
    a, b, said = in_machine_b("fork", default_image, card_of_a, tmp_path, report_after_restart_to(tmp_path))
    assert QUESTION not in said
    assert_forked(a, b, restarted=True)

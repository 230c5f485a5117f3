from __future__ import annotations

from typing import Any

import pytest

from builder.boot.answer import FirstBootAnswer, Identity
from builder.boot.powercut.judgement import Fault, Outcome, differences, judge_answer, worst
from builder.boot.powercut.medium import Kind
from builder.boot.powercut.recording import Band, Recording
from builder.boot.powercut.results import Visit, keep, load, with_forgotten

WHOLE = Identity(machine_id="m", hostname="h", ssh_host_keys={"ed25519": "k"}, facility_code="C", facility_id="f")


def answer(**changes: Any) -> FirstBootAnswer:
    facts = {
        "satchel": 1,
        "nonce": "n",
        "boot_id": "b",
        "state": "active",
        "undone": [],
        "failed": [],
        "identity": WHOLE.model_dump(),
        "kolibri": {"facilities": ["f"], "superusers": ["admin"]},
        "leftovers": [],
        "firmware": "uefi",
    }
    return FirstBootAnswer.model_validate({**facts, **changes})


def test_a_whole_device_has_no_fault() -> None:
    assert judge_answer(answer(), like=WHOLE) == ()
    assert judge_answer(answer(kolibri=None), like=WHOLE) == ()
    assert worst(()) is Outcome.OK


@pytest.mark.parametrize(
    ("changes", "outcome", "word"),
    [
        (
            {"state": "failed", "failed": [{"unit": "satchel-firstboot.service", "journal": "no disk"}]},
            "brick",
            "no disk",
        ),
        ({"state": "activating"}, "brick", "activating"),
        ({"undone": ["report"]}, "brick", "report"),
        ({"kolibri": {"facilities": ["f", "g"], "superusers": ["admin"]}}, "duplicate", "facility: f, g"),
        ({"kolibri": {"facilities": ["f"], "superusers": ["admin", "eve"]}}, "duplicate", "superuser"),
        ({"kolibri": {"facilities": [], "superusers": ["admin"]}}, "missing", "no facility"),
        ({"kolibri": {"facilities": ["f"], "superusers": []}}, "missing", "no superuser"),
        ({"kolibri": {"facilities": ["f"], "superusers": ["a"], "problem": "not provisioned"}}, "missing", "not prov"),
        ({"identity": {**WHOLE.model_dump(), "ssh_host_keys": {}}}, "missing", "ssh_host_keys.ed25519"),
        ({"leftovers": ["/etc/.hostname.new is left"]}, "leftover", "hostname.new"),
        ({"failed": [{"unit": "kolibri.service"}]}, "unhealthy", "kolibri.service"),
    ],
)
def test_each_fault_has_its_outcome(changes: dict[str, Any], outcome: str, word: str) -> None:
    faults = judge_answer(answer(**changes), like=WHOLE)
    assert worst(faults) == outcome
    assert any(word in fault.text for fault in faults)


def test_the_worst_fault_names_the_point() -> None:
    faults = (Fault(outcome=Outcome.LEFTOVER, text="a"), Fault(outcome=Outcome.DUPLICATE, text="b"))
    assert worst(faults) is Outcome.DUPLICATE


def test_what_a_device_did_not_have_yet_may_come() -> None:
    before = Identity(machine_id="m", hostname="old")
    found = differences(before, WHOLE, when="now")
    assert set(found) == {"hostname"}
    assert found["hostname"].outcome is Outcome.CHANGED


def visit(name: str, position: int, flushed: int, kind: Kind, **identity: str) -> Visit:
    own = Identity.model_validate({**WHOLE.model_dump(), **identity})
    return Visit(
        name=name,
        position=position,
        flushed=flushed,
        kind=kind,
        identity=own,
        step="s",
        started="direct",
        seconds=1,
    )


RECORDING = Recording(
    image="i", card_bytes=1, entries=1000, bands=(Band(start=0, label="s"),), done=900, identity=WHOLE
)


def test_what_was_durable_once_must_last() -> None:
    visits = (
        visit("young", 100, 90, Kind.ALL, facility_code="D", machine_id="n"),
        visit("knows its machine id", 210, 200, Kind.NONE, facility_code="D"),
        visit("forgets it", 300, 300, Kind.ALL, facility_code="D", machine_id="n"),
        visit("was lucky", 220, 190, Kind.ALL),
        visit("after the end", 901, 899, Kind.SOME, facility_code="D"),
    )
    outcomes = {found.name: found.outcome for found in with_forgotten(visits, RECORDING)}
    assert outcomes == {
        "young": Outcome.OK,
        "knows its machine id": Outcome.OK,
        "forgets it": Outcome.CHANGED,
        "was lucky": Outcome.OK,
        "after the end": Outcome.CHANGED,
    }


def test_visits_are_kept_line_by_line_and_a_cut_line_counts_nothing(tmp_path: Any) -> None:
    path = tmp_path / "visits.jsonl"
    assert load(path) == ()
    first, second = visit("a", 1, 0, Kind.ALL), visit("b", 2, 0, Kind.TORN)
    for found in (first, second, first.model_copy(update={"seconds": 5.0})):
        keep(path, found)
    with path.open("a") as file:
        file.write('{"name": "c", "posi')
    assert {found.name: found.seconds for found in load(path)} == {"a": 5.0, "b": 1.0}


def test_a_device_that_does_not_obey_its_seed_became_somebody_else() -> None:
    assert judge_answer(answer(), like=WHOLE, told={"hostname": "h", "admin_password": "sha256:1"}) == ()
    (fault,) = judge_answer(answer(), like=WHOLE, told={"hostname": "school-7"})
    assert fault == Fault(outcome=Outcome.CHANGED, text="hostname is h, and its seed says school-7")

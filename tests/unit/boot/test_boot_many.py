"""Many clones side by side: whatever two of them share is found, whatever one of them lacks, too."""

from __future__ import annotations

from pathlib import Path

from builder.boot.answer import Identity
from builder.boot.many import Clone, Clones, load, to_dict, to_text


def clone(number: int, **other: object) -> Clone:
    fields = {"machine_id": f"{number:032x}", "hostname": f"host-{number}", "disk_guid": f"guid-{number}"}
    keys = {"ssh_host_keys": {"ed25519": f"SHA256:{number}key"}}
    return Clone(name=f"clone-{number}", image="1:2", identity=Identity.model_validate({**fields, **keys, **other}))


def result(*clones: Clone) -> Clones:
    return Clones(image="an.img", clones=clones)


def test_devices_that_share_nothing_pass() -> None:
    found = result(*map(clone, range(40)))
    assert found.passed
    assert "40 of 40 first boots of an.img done" in to_text(found)
    assert "no two devices share one of them" in to_text(found)
    assert to_dict(found)["shared"] == {}


def test_a_field_that_two_of_many_share_is_named_with_their_number() -> None:
    found = result(*map(clone, range(38)), clone(38, hostname="host-1"), clone(39, ssh_host_keys={"ed25519": "1key"}))
    assert found.shared == {"hostname": 2}
    assert not found.passed
    assert "hostname is not its own on 2 devices" in to_text(found)


def test_a_field_that_one_device_lacks_is_not_its_own() -> None:
    found = result(clone(1, facility_id="f1"), clone(2, facility_id="f2"), clone(3))
    assert found.shared == {"facility_id": 1}


def test_a_device_that_did_not_come_up_fails_all_and_says_why() -> None:
    found = result(clone(1), Clone(name="clone-2", image="1:2", problem="timeout: no report came in time"))
    assert not found.passed
    assert "clone-2  timeout: no report came in time" in to_text(found)


def test_no_devices_prove_nothing() -> None:
    assert not result().passed


def test_a_line_that_was_cut_off_loses_that_device_alone(tmp_path: Path) -> None:
    kept = tmp_path / "clones.jsonl"
    assert load(kept) == ()
    one, other = (clone(number).model_dump_json() for number in (1, 2))
    kept.write_text(f"{one}\n{other[:40]}")
    assert load(kept) == (clone(1),)

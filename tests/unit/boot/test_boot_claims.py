from __future__ import annotations

from typing import Any

import pytest

from builder.boot.answer import GuestReport
from builder.boot.claims import Claim, compare_clones, compare_growth, compare_reboot
from builder.boot.subject import Grown

from .boot_reports import Report

GROWN = Grown(mount="/srv/data", start_bytes=400, size_bytes=50)
UNIQUE = [
    "machine_id", "hostname", "facility_code", "facility_id", "dataset_id", "instance_id", "admin_password",
]  # fmt: skip


def problems(claims: tuple[Claim, ...]) -> dict[str, str]:
    return {claim.field: claim.problem for claim in claims if claim.problem}


def identity_of(report: GuestReport, **changes: Any) -> dict[str, Any]:
    return {**report.identity.model_dump(), **changes}


def test_clones_that_share_nothing_are_good(report: Report, other: GuestReport) -> None:
    claims = compare_clones(report(), other, kolibri=True, disk_ids={})
    assert problems(claims) == {}
    assert {claim.field for claim in claims} == {*UNIQUE, "ssh_host_keys.ed25519", "boot_id"}


@pytest.mark.parametrize("field", UNIQUE)
def test_each_field_that_both_clones_share_is_found(field: str, report: Report, other: GuestReport) -> None:
    first = report()
    shared = report(boot_id="boot-2", identity=identity_of(other, **{field: getattr(first.identity, field)}))
    assert problems(compare_clones(first, shared, kolibri=True, disk_ids={})) == {field: "both clones have the same"}


@pytest.mark.parametrize("field", UNIQUE)
def test_each_field_must_exist_in_both(field: str, report: Report, other: GuestReport) -> None:
    without = report(boot_id="boot-2", identity=identity_of(other, **{field: None}))
    assert problems(compare_clones(report(), without, kolibri=True, disk_ids={})) == {field: "only one clone has it"}
    neither = report(identity=identity_of(report(), **{field: None}))
    assert problems(compare_clones(neither, without, kolibri=True, disk_ids={})) == {field: "neither clone has it"}


def test_a_shared_or_missing_ssh_key_is_found(report: Report, other: GuestReport) -> None:
    keys = report().identity.ssh_host_keys
    shared = report(boot_id="boot-2", identity=identity_of(other, ssh_host_keys=keys))
    assert problems(compare_clones(report(), shared, kolibri=True, disk_ids={})) == {
        "ssh_host_keys.ed25519": "both clones have the same"
    }
    bare = report(boot_id="boot-2", identity=identity_of(other, ssh_host_keys={}))
    assert "ssh_host_keys.ed25519" in problems(compare_clones(report(), bare, kolibri=True, disk_ids={}))
    barest = report(identity=identity_of(report(), ssh_host_keys={}))
    assert "ssh_host_keys" in problems(compare_clones(barest, bare, kolibri=True, disk_ids={}))


def test_a_restart_must_find_the_machine_the_same(report: Report) -> None:
    before = report(machine={"verdict": "same"})
    assert problems(compare_reboot(before, report(boot_id="boot-2", machine={"verdict": "same"}))) == {}
    moved = report(boot_id="boot-2", machine={"verdict": "another", "machines": 2})
    assert problems(compare_reboot(before, moved)) == {"machine": "the device does not know its machine again"}


def test_one_machine_twice_is_not_two_clones(report: Report) -> None:
    assert "boot_id" in problems(compare_clones(report(), report(), kolibri=True, disk_ids={}))


def test_without_kolibri_its_fields_may_be_absent(report: Report) -> None:
    one = report(identity={"machine_id": "1", "hostname": "a", "ssh_host_keys": {"ed25519": "x"}})
    two = report(identity={"machine_id": "2", "hostname": "b", "ssh_host_keys": {"ed25519": "y"}}, boot_id="2")
    assert problems(compare_clones(one, two, kolibri=False, disk_ids={})) == {}
    assert set(problems(compare_clones(one, two, kolibri=True, disk_ids={}))) == set(UNIQUE) - {
        "machine_id",
        "hostname",
    }


def test_a_restart_changes_the_boot_only(report: Report) -> None:
    assert problems(compare_reboot(report(), report(boot_id="boot-2"))) == {}


@pytest.mark.parametrize("field", UNIQUE)
@pytest.mark.parametrize("value", ["another", None])
def test_each_field_that_a_restart_changed_is_found(field: str, value: str | None, report: Report) -> None:
    after = report(boot_id="boot-2", identity=identity_of(report(), **{field: value}))
    assert problems(compare_reboot(report(), after)) == {field: "changed by a restart"}


def test_new_ssh_keys_after_a_restart_are_found(report: Report) -> None:
    keys = {"ed25519": "SHA256:new"}
    after = report(boot_id="boot-2", identity=identity_of(report(), ssh_host_keys=keys))
    assert set(problems(compare_reboot(report(), after))) == {"ssh_host_keys.ed25519"}


def test_a_device_that_did_not_restart_is_found(report: Report) -> None:
    assert set(problems(compare_reboot(report(), report()))) == {"boot_id"}


@pytest.mark.parametrize(
    ("grown", "field"),
    [
        ({"mount": "/srv/data", "size_bytes": 50}, "/srv/data"),
        ({"mount": "/srv/data", "size_bytes": 539}, "/srv/data"),
        ({"mount": "/srv/data", "size_bytes": 601}, "/srv/data"),
        ({"mount": "/", "size_bytes": 580}, "/srv/data"),
        (None, "/srv/data"),
    ],
)
def test_a_disk_that_did_not_grow_to_the_end_is_found(grown: Any, field: str, report: Report) -> None:
    claims = compare_growth(report(disk={"size_bytes": 1000, "grown": grown}), GROWN, card_bytes=1000)
    assert set(problems(claims)) == {field}


def test_a_grown_disk_is_good(report: Report) -> None:
    assert problems(compare_growth(report(), GROWN, card_bytes=1000)) == {}


def test_running_from_another_disk_is_found(report: Report) -> None:
    disk = {"size_bytes": 999, "grown": {"mount": "/srv/data", "size_bytes": 580}}
    assert set(problems(compare_growth(report(disk=disk), GROWN, card_bytes=1000))) == {"disk"}


DISK = {"disk_guid": "ID-0", "partition_guids.root": "part-0", "filesystem_uuids.root": "uuid-0"}


def with_disk(number: int, report: GuestReport, **changes: Any) -> dict[str, Any]:
    own = {
        "disk_guid": f"id-{number}",
        "partition_guids": {"root": f"part-{number}"},
        "filesystem_uuids": {"root": f"uuid-{number}"},
    }
    return identity_of(report, **{**own, **changes})


def test_every_id_of_the_disks_of_clones_differs(report: Report, other: GuestReport) -> None:
    one = report(identity=with_disk(1, report()))
    two = report(boot_id="boot-2", identity=with_disk(2, other))
    claims = compare_clones(one, two, kolibri=True, disk_ids=DISK)
    assert problems(claims) == {}
    assert {claim.field for claim in claims} >= DISK.keys()
    same = report(boot_id="boot-2", identity=with_disk(1, other))
    assert problems(compare_clones(one, same, kolibri=True, disk_ids=DISK)) == dict.fromkeys(
        DISK, "both clones have the same"
    )
    assert problems(compare_clones(one, same, kolibri=True, disk_ids={})) == {}, "as the image did not claim it"
    nothing = report(boot_id="boot-2", identity=with_disk(2, other, filesystem_uuids={}))
    missing = problems(compare_clones(one, nothing, kolibri=True, disk_ids=DISK))
    assert missing == {"filesystem_uuids.root": "only one clone has it"}


def test_a_clone_that_kept_an_id_of_the_image_is_found(report: Report, other: GuestReport) -> None:
    one, kept = report(identity=with_disk(1, report())), report(boot_id="boot-2", identity=with_disk(0, other))
    found = problems(compare_clones(one, kept, kolibri=True, disk_ids=DISK))
    assert found == dict.fromkeys(DISK, "a clone still has that of the image")


def test_a_restart_changes_no_id_of_the_disk(report: Report) -> None:
    before, after = report(identity=with_disk(1, report())), report(boot_id="2", identity=with_disk(2, report()))
    assert problems(compare_reboot(before, after)) == dict.fromkeys(DISK, "changed by a restart")

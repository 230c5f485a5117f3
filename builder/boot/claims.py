"""What must hold between boots: clones differ, a restart changes nothing, the disk grew. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from builder.boot.answer import GuestReport
from builder.boot.subject import Grown
from builder.units import format_size

_ALWAYS = ("machine_id", "hostname")
_WITH_KOLIBRI = ("facility_code", "facility_id", "dataset_id", "instance_id", "admin_password")
_OF_DISK = ("disk_guid", "partition_guids.", "filesystem_uuids.")
_FULL = 0.9
"""Part of the room behind a partition's start that a grown file system must offer; the rest is its own bookkeeping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One field of two boots side by side, and what is wrong with it, if anything."""

    field: str
    left: str
    right: str
    problem: str = ""


def compare_clones(a: GuestReport, b: GuestReport, *, kolibri: bool, disk_ids: Mapping[str, str]) -> tuple[Claim, ...]:
    """Every unique field of two devices from one image: each must have it, and no two may be equal.

    Args:
        a: One device.
        b: The other.
        kolibri: Whether there must be a facility.
        disk_ids: The image's own ids of its disk, by field, of which no device may keep one; none where they all may.
    """
    expected = (*_ALWAYS, *(_WITH_KOLIBRI if kolibri else ()), *disk_ids)
    left, right = a.identity.fields(), b.identity.fields()
    claims = [
        _differ(name, left.get(name), right.get(name), kept=disk_ids.get(name))
        for name in dict.fromkeys((*left, *right, *disk_ids))
        if name in expected or ((left.get(name) or right.get(name)) and not name.startswith(_OF_DISK))
    ]
    if not a.identity.ssh_host_keys and not b.identity.ssh_host_keys:
        claims.append(Claim(field="ssh_host_keys", left="", right="", problem="neither clone has an SSH host key"))
    return (*claims, _differ("boot_id", a.boot_id, b.boot_id))


def _differ(name: str, left: str | None, right: str | None, *, kept: str | None = None) -> Claim:
    if not left or not right:
        where = "neither clone" if left == right or not (left or right) else "only one clone"
        problem = f"{where} has it"
    elif kept and kept.lower() in {left.lower(), right.lower()}:
        problem = "a clone still has that of the image"
    else:
        problem = "both clones have the same" if left == right else ""
    return Claim(field=name, left=left or "", right=right or "", problem=problem)


def compare_reboot(before: GuestReport, after: GuestReport) -> tuple[Claim, ...]:
    """Every unique field before and after a restart: it must stay, and the restart must have been one."""
    left, right = before.identity.fields(), after.identity.fields()
    names = (*left, *(name for name in right if name not in left))
    claims = [
        Claim(
            field=name,
            left=left.get(name) or "",
            right=right.get(name) or "",
            problem="" if left.get(name) == right.get(name) else "changed by a restart",
        )
        for name in names
        if left.get(name) or right.get(name)
    ]
    if after.machine.verdict:
        known = "" if after.machine.verdict == "same" else "the device does not know its machine again"
        claims.append(Claim(field="machine", left=before.machine.verdict, right=after.machine.verdict, problem=known))
    same = before.boot_id == after.boot_id
    restarted = "it is the same boot: the device did not restart" if same else ""
    return (*claims, Claim(field="boot_id", left=before.boot_id, right=after.boot_id, problem=restarted))


def compare_growth(report: GuestReport, grown: Grown, *, card_bytes: int) -> tuple[Claim, ...]:
    """The disk is the card, and the growing file system reaches its end."""
    disk = report.disk.size_bytes
    found = report.disk.grown
    room = card_bytes - grown.start_bytes
    size = 0 if found is None else found.size_bytes
    if found is None or found.mount != grown.mount:
        problem = f"the report does not tell the size of {grown.mount}"
    elif size > room:
        problem = f"it claims {format_size(size)} where only {format_size(room)} are"
    elif size < room * _FULL:
        problem = f"it offers {format_size(size)} of {format_size(room)}"
    else:
        problem = ""
    return (
        Claim(
            field="disk",
            left=format_size(card_bytes),
            right="" if disk is None else format_size(disk),
            problem="" if disk == card_bytes else "the device does not run from the card",
        ),
        Claim(field=grown.mount, left=format_size(grown.size_bytes), right=format_size(size), problem=problem),
    )

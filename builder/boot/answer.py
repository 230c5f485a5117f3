"""What the agent on the device answers: the line protocol's messages as frozen values. Pure.

The other side is satchel-agent in the overlay `firstboot`; keys it may add are ignored, keys we need are required.
"""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from builder.boot.subject import Firmware

Then = Literal["stay", "reboot", "poweroff"]
"""What the device does after it has answered."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FailedUnit(_Message):
    """A unit in the state `failed`, with the last lines of its journal."""

    unit: str
    journal: str = ""


class System(_Message):
    """How systemd sees the whole: `running`, `degraded`, `starting` ..."""

    state: str
    failed: tuple[FailedUnit, ...] = ()
    jobs: str = ""
    """What systemd is still busy with."""


class CheckAnswer(_Message):
    """One check, carried out on the device."""

    name: str
    ok: bool
    detail: str = ""


class Identity(_Message):
    """Everything that must be this device's own. What an image without Kolibri cannot have is absent."""

    machine_id: str | None = None
    hostname: str | None = None
    ssh_host_keys: dict[str, str] = {}
    facility_code: str | None = None
    facility_id: str | None = None
    dataset_id: str | None = None
    instance_id: str | None = None
    admin_password: str | None = None
    """A digest; the password itself never leaves the device."""

    def fields(self) -> dict[str, str | None]:
        """Every field by name, the SSH host keys one by one."""
        single = self.model_dump(exclude={"ssh_host_keys"})
        keys = {f"ssh_host_keys.{kind}": fingerprint for kind, fingerprint in sorted(self.ssh_host_keys.items())}
        return {**single, **keys}


class GrownAnswer(_Message):
    """The file system that grew, its size in bytes as a program on the device sees it."""

    mount: str
    size_bytes: int


class DiskAnswer(_Message):
    """The disk that the device runs from."""

    size_bytes: int | None
    grown: GrownAnswer | None = None


class MachineAnswer(_Message):
    """What the device knows of the machine around its disk."""

    verdict: str = ""
    """Of this boot: `same`, `repaired`, `moved`, `another` or `unknown`."""
    machines: int = 1
    """In how many it has been."""
    boots: int = 0
    events: tuple[str, ...] = ()
    formerly: tuple[str | None, ...] = ()
    """Facility codes of who it was before."""
    twin: bool = False
    """Whether it has seen another device with its instance id, and nobody has chosen yet."""


class GuestReport(_Message):
    """The device's own word about one boot."""

    satchel: Literal[1]
    nonce: str
    boot_id: str
    system: System
    checks: tuple[CheckAnswer, ...]
    identity: Identity
    machine: MachineAnswer = MachineAnswer()
    disk: DiskAnswer
    kernel: str
    firmware: Firmware


def answer_to(nonce: str, line: bytes | str) -> GuestReport | None:
    """The report if a line answers the question with this nonce; none for noise and for answers to other questions.

    Raises:
        ValueError: it answers, but not with a report; says where.
    """
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict) or message.get("nonce") != nonce:
        return None
    return parse_report(line)


def parse_report(line: bytes | str) -> GuestReport:
    """A report from its line.

    Raises:
        ValueError: it is not one; says where.
    """
    try:
        return GuestReport.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error

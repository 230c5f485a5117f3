"""What the agent on the device answers: the line protocol's messages as frozen values. Pure.

The other side is satchel-agent in the overlay `firstboot`; keys it may add are ignored, keys we need are required.
"""

from __future__ import annotations

import json
from typing import Literal, TypeVar

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
    tls_certificate: str | None = None
    """Its fingerprint."""
    admin_password: str | None = None
    """A digest; the password itself never leaves the device."""
    disk_guid: str | None = None
    partition_guids: dict[str, str] = {}
    """By the partitions' names, as those of their file systems."""
    filesystem_uuids: dict[str, str] = {}

    def fields(self) -> dict[str, str | None]:
        """Every field by name, those of which there are several one by one: `ssh_host_keys.ed25519`."""
        found: dict[str, str | None] = {}
        for name, value in self.model_dump().items():
            found |= (
                {f"{name}.{key}": each for key, each in sorted(value.items())}
                if isinstance(value, dict)
                else {name: value}
            )
        return found


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


class KolibriAnswer(_Message):
    """What Kolibri's database shows."""

    facilities: tuple[str, ...]
    superusers: tuple[str, ...]
    problem: str = ""
    """Why that is not a device that belongs to somebody; empty when it is."""


class FirstBootAnswer(_Message):
    """The device's own word about its first boot alone; the system may still be starting."""

    satchel: Literal[1]
    nonce: str
    boot_id: str
    state: str
    """Of the unit: `active` when all steps are done, `failed` when one cannot be done."""
    undone: tuple[str, ...]
    """Steps without a mark."""
    failed: tuple[FailedUnit, ...]
    identity: Identity
    kolibri: KolibriAnswer | None
    leftovers: tuple[str, ...]
    firmware: Firmware


def is_greeting(line: bytes | str) -> bool:
    """Whether the agent says that it listens from now on."""
    try:
        message = json.loads(line)
    except ValueError:
        return False
    return isinstance(message, dict) and message.get("listening") is True


Answer = TypeVar("Answer", GuestReport, FirstBootAnswer)


def answer_to(nonce: str, line: bytes | str, kind: type[Answer]) -> Answer | None:
    """The answer to the question with this nonce if a line is that; none for noise and for answers to other questions.

    Raises:
        ValueError: it answers, but not as it should; says where.
    """
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict) or message.get("nonce") != nonce:
        return None
    return parse_answer(line, kind)


def parse_answer(line: bytes | str, kind: type[Answer]) -> Answer:
    """An answer from its line.

    Raises:
        ValueError: it is not one; says where.
    """
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error

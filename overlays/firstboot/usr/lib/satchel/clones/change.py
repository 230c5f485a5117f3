"""Becoming somebody else, decided and not finished yet: /var/lib/satchel/change.json.

Written before anything is changed, removed when everything is; whatever a power cut leaves in between is finished by
the next boot, before anything is served. All that is random is decided here, so that finishing means doing the same.
"""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import asdict, dataclass
from typing import Literal

from clones import history
from device import files
from device.paths import Paths
from seed import code

What = Literal["fork", "afresh"]
_IDS = (
    "code",
    "hostname",
    "machine_id",
    "facility_id",
    "facility_name",
    "dataset_id",
    "instance_id",
    "database_id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be done."""

    what: What
    id: str
    """Tells this change from others in the history."""
    why: str
    code: str
    """The facility code of who it becomes."""
    machine_id: str
    """The machine id of who it becomes."""
    formerly: dict[str, str]
    """The ids of who it was."""
    other_machine: bool
    """Whether it is done in another machine than the one that the device knew."""


def begin(
    paths: Paths, what: What, *, why: str, other_machine: bool, facility: tuple[str, str, str] | None = None
) -> Change:
    """Decide on a change, for good.

    Args:
        paths: the device.
        what: the change.
        why: for the history.
        other_machine: whether the device is in another machine than the one it knew.
        facility: id, dataset id and name of its facility today, which people may have replaced since first boot.
    """
    identity = json.loads(files.read(paths.identity) or "{}")
    if facility is not None:
        identity |= dict(zip(("facility_id", "dataset_id", "facility_name"), facility, strict=True))
    change = Change(
        what=what,
        id=secrets.token_hex(8),
        why=why,
        code=code.mint(),
        machine_id=uuid.uuid4().hex,
        formerly={name: str(identity[name]) for name in _IDS if name in identity},
        other_machine=other_machine,
    )
    files.write(paths.change, json.dumps(asdict(change), indent=2, sort_keys=True) + "\n", mode=0o600)
    return change


def load(paths: Paths) -> Change | None:
    """The change that is not finished, if there is one."""
    text = files.read(paths.change)
    return Change(**json.loads(text)) if text else None


def give_up(paths: Paths, change: Change, what: str, **more: str) -> None:
    """Write down that a change could not be made and nothing was changed, and forget it."""
    history.save(paths, history.load(paths).with_event(what, id=change.id, why=change.why, **more))
    paths.change.unlink(missing_ok=True)
    files.sync_directory(paths.change.parent)


def finish(paths: Paths, change: Change, what: str, **more: str) -> None:
    """Write down that a change was made, with what it made of the question that led to it, and forget it."""
    told = history.load(paths).with_event(
        what, id=change.id, why=change.why, other_machine=change.other_machine, formerly=change.formerly, **more
    )
    history.save(paths, told)
    paths.twin.unlink(missing_ok=True)
    paths.change.unlink(missing_ok=True)
    files.sync_directory(paths.change.parent)

"""What has happened to who this device is: /var/lib/satchel/machines.json. Events are added, never taken away.

The clock of a device in the field is a hint at best, so time is counted in boots, and the clock written beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from device import files
from device.paths import Paths

Event = dict[str, Any]
"""`what` happened, at which `boot`, what the `clock` said, and what belongs to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The memory of a device."""

    boots: int = 0
    """How often it has been switched on, as far as first boot was done."""
    boot_id: str = ""
    """The kernel's name of the boot that was counted last."""
    verdict: str = ""
    """What the latest comparison of machines said."""
    events: tuple[Event, ...] = field(default=())

    @property
    def machines(self) -> int:
        """How many machines it has been in, the present one included."""
        return 1 + sum(bool(event.get("other_machine")) for event in self.events)

    def formerly(self) -> tuple[dict[str, str], ...]:
        """Who the device was before: the ids of each identity that it gave up, the oldest first."""
        return tuple(event["formerly"] for event in self.events if "formerly" in event)

    def with_event(self, what: str, **more: Any) -> History:
        """The history with one more event, unless the latest has the same `id`: then a power cut came in between."""
        if "id" in more and self.events and self.events[-1].get("id") == more["id"]:
            return self
        clock = datetime.now(UTC).isoformat(timespec="seconds")
        return replace(self, events=(*self.events, {"what": what, "boot": self.boots, "clock": clock, **more}))


def load(paths: Paths) -> History:
    """The history; an empty one when there is none. One that cannot be read is set aside, not overwritten."""
    try:
        raw = json.loads(files.read(paths.machines) or "{}")
        events = tuple(event for event in raw.get("events", []) if isinstance(event, dict))
        return History(
            boots=int(raw.get("boots", 0)),
            boot_id=str(raw.get("boot_id", "")),
            verdict=str(raw.get("verdict", "")),
            events=events,
        )
    except (ValueError, TypeError, AttributeError):
        paths.machines.replace(paths.machines.with_suffix(".damaged"))
        return History()


def save(paths: Paths, history: History) -> None:
    """Write the history."""
    whole = {"boots": history.boots, "boot_id": history.boot_id, "verdict": history.verdict, "events": history.events}
    files.write(paths.machines, json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n")

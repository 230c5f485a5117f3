"""What the device knows of the machine around its disk, and of its twin."""

from __future__ import annotations

from typing import Any

from clones import history
from device.paths import Paths


def machine(paths: Paths) -> dict[str, Any]:
    """The verdict of this boot, how many machines and boots there were, who it was, and whether a twin is near."""
    past = history.load(paths)
    return {
        "verdict": past.verdict,
        "machines": past.machines,
        "boots": past.boots,
        "events": [event.get("what") for event in past.events],
        "formerly": [ids.get("code") for ids in past.formerly()],
        "twin": paths.twin.exists(),
    }

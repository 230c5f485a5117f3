"""What a step of first boot gets to work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from device.paths import Paths
from device.settings import Settings
from firstboot.journal import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The device, what the recipe wants of it, and what the steps so far have found."""

    paths: Paths
    settings: Settings
    facts: Facts = field(default_factory=dict)

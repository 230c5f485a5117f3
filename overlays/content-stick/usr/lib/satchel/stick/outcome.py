"""How taking a stick can end other than well. Each is said to whoever put the stick in."""

from __future__ import annotations

from device.errors import DeviceError


class Refused(DeviceError):
    """The stick is not for this device, or not what it should be. Nothing was changed."""


class Removed(DeviceError):
    """The stick was pulled out. What was copied stays, and the next insertion goes on."""

    def __init__(self) -> None:
        super().__init__(
            "the stick was pulled out before everything was copied",
            advice="Put it in again: it goes on where it stopped. Until then nothing has changed.",
        )

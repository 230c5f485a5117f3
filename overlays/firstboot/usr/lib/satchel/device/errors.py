"""The one kind of failure that programs on the device explain to the person in front of the screen."""

from __future__ import annotations


class DeviceError(Exception):
    """Something is wrong with this device: what it is, and what a person can do about it."""

    def __init__(self, reason: str, *, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice

"""What a machine's card is told before it starts: bytes at a place that the image keeps for them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from builder.boot.answer import GuestReport
from builder.boot.claims import Claim
from builder.boot.machine import CARD, MACHINE
from builder.boot.subject import Gift
from builder.host.sandbox import Sandbox
from builder.units import SECTOR

_GIVEN: Final = "gift"
_LEFT: Final = "left"


def give(sandbox: Sandbox, directory: Path, gift: Gift) -> None:
    """Write it onto a card that `card.insert` made in this directory.

    Raises:
        CommandFailed: it could not be written.
    """
    (directory / _GIVEN).write_bytes(gift.data)
    write = f"write -q -s {MACHINE}/{_GIVEN} {gift.offset_bytes} {len(gift.data)}"
    sandbox.run(("qemu-io", "-f", "qcow2", "-c", write, CARD), why="write the seed to the virtual card")


def left_by(sandbox: Sandbox, directory: Path, gift: Gift) -> bytes:
    """What lies there after the machine was switched off.

    Raises:
        CommandFailed: the card could not be read.
    """
    first, count = gift.offset_bytes // SECTOR, len(gift.data) // SECTOR
    out = f"of={MACHINE}/{_LEFT}"
    # Unlike dd's own, this `count` is where to stop, counted from the beginning of the disk.
    argv = ("qemu-img", "dd", "-f", "qcow2", "-O", "raw", f"if={CARD}", out, f"bs={SECTOR}", f"skip={first}")
    sandbox.run((*argv, f"count={first + count}"), why="read the seed's place on the virtual card")
    return (directory / _LEFT).read_bytes()


def compare_gift(report: GuestReport, gift: Gift, left: bytes) -> tuple[Claim, ...]:
    """The device is who it was told to be, and the secrets are off its card."""
    fields = report.identity.fields()
    claims = [
        Claim(
            field=name,
            left=wanted,
            right=fields.get(name) or "",
            problem="" if fields.get(name) == wanted else "it is not what the seed says",
        )
        for name, wanted in gift.expected.items()
    ]
    found = [secret for secret in gift.secrets if secret.encode() in left]
    kept = len(left) == len(gift.data) and b"taken = true" in left
    problem = "a secret is still on the card" if found else "" if kept else "the seed's place was not written over"
    return (*claims, Claim(field="seed on the card", left="taken", right="taken" if kept else "", problem=problem))

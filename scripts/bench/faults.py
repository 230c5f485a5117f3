"""What may be wrong while cards are flashed, each on a card that has it."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.units import MIB
from tests.integration.flash.cards import LoopCard, blank, loop, sick
from tests.integration.flash.images import CARD

TYPO: Final = Path("/dev/sdzz-satchel-bench")

WHOLE: Final = "whole"
DAMAGED: Final = "damaged"
UNLISTED: Final = "unlisted"
"""Directories with the image: as it should be, damaged after its checksums were made, and that without SHA256SUMS."""

MakeCard = Callable[[Path], AbstractContextManager[LoopCard]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong, once for each flasher."""

    name: str
    card: MakeCard
    image: str = WHOLE
    packed: bool = True
    killed: bool = False


def failing(fault: str, value: int = 0) -> MakeCard:
    """A card with a fault of its own."""
    return lambda backing: sick(blank(backing, CARD), fault, value)


def plain(*options: str, size: int = CARD) -> MakeCard:
    """A card that works."""
    return lambda backing: loop(blank(backing, size), *options)


@contextmanager
def mounted(backing: Path) -> Iterator[LoopCard]:
    """A disk in use."""
    place = backing.with_suffix(".place")
    place.mkdir()
    with loop(blank(backing, CARD)) as card:
        # Otherwise the kernel goes on writing tables after it was mounted.
        now = "lazy_itable_init=0,lazy_journal_init=0"
        subprocess.run(("mkfs.ext4", "-q", "-F", "-E", now, card.device), check=True)
        subprocess.run(("mount", card.device, place), check=True)
        try:
            subprocess.run(("sync", "--file-system", place), check=True)
            yield card
        finally:
            subprocess.run(("umount", place), check=True)


@contextmanager
def mistyped(backing: Path) -> Iterator[LoopCard]:
    """A name in /dev that nothing has."""
    del backing
    if TYPO.exists():
        sys.exit(f"{TYPO} is there, and is not ours")
    try:
        yield LoopCard(str(TYPO), TYPO)
    finally:
        if TYPO.exists() and stat.S_ISREG(TYPO.lstat().st_mode):
            TYPO.unlink()


FAULTS: Final = (
    Fault(name="fake: 10 of 32 MiB are real, beyond them it forgets", card=failing("fake", 10 * MIB)),
    Fault(name="fake: 10 of 32 MiB are real, beyond them it begins again", card=failing("wrap", 10 * MIB)),
    Fault(name="it writes nothing and says it did", card=failing("drop")),
    Fault(name="one bit comes back wrong, at 6 MiB + 77", card=failing("flip", 6 * MIB + 77)),
    Fault(name="EIO when 6 MiB is read", card=failing("blind", 6 * MIB)),
    Fault(name="EIO when 6 MiB is written", card=failing("break", 6 * MIB)),
    Fault(name="ENOSPC from 7 MiB on", card=failing("full", 7 * MIB)),
    Fault(name="pulled out after 5 MiB", card=failing("pull", 5 * MIB)),
    Fault(name="stands still for 15 s, then goes on", card=failing("pause", 15)),
    Fault(name="stands still for 40 s, then goes on", card=failing("pause", 40)),
    Fault(name="write-protected", card=plain("--read-only")),
    Fault(name="too small: 16 MiB for 24", card=plain(size=16 * MIB)),
    Fault(name="flasher killed (kill -9) in the middle of writing a slow card", card=failing("slow", 50), killed=True),
    Fault(name="a byte of the .zst is damaged", card=plain(), image=DAMAGED),
    Fault(name="a byte of the .img is damaged", card=plain(), image=DAMAGED, packed=False),
    Fault(name="a byte of the .img is damaged, no SHA256SUMS", card=plain(), image=UNLISTED, packed=False),
    Fault(name="a mistyped name in /dev", card=mistyped),
    Fault(name="a disk that is mounted", card=mounted),
)

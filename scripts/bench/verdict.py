"""What really lies on a card, found by reading it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from faults import TYPO

from tests.integration.flash.cards import LoopCard
from tests.integration.flash.images import SIZE, holds, table_of
from tests.integration.flash.sick import NAME

RIGHT: Final = "right"
LOOKS_BOOTABLE: Final = "wrong, looks bootable"
NOT_BOOTABLE: Final = "not bootable"
AS_BEFORE: Final = "as before"
NO_FILE: Final = "no file made"
A_FILE: Final = "a file made in /dev"


def state(card: LoopCard, before: bytes, image: Path, room: Path) -> str:
    """What a computer would find on a card."""
    if card.backing == TYPO:
        return A_FILE if TYPO.exists() else NO_FILE
    copy = read_back(card, room / "read-back")
    if card.backing.stat().st_size >= SIZE and holds(copy, image) and has_table(copy):
        return RIGHT
    if card.data == before:
        return AS_BEFORE
    with copy.open("rb") as file:
        return LOOKS_BOOTABLE if os.pread(file.fileno(), 8, 512) == b"EFI PART" else NOT_BOOTABLE


def read_back(card: LoopCard, copy: Path) -> Path:
    """What the card returns, in a file; zeros where it returns nothing. Of one that was pulled out, what is on it."""
    failing_file = card.backing.with_suffix(".mount") / NAME
    source = failing_file if failing_file.exists() else card.backing
    with source.open("rb", buffering=0) as file, copy.open("wb") as out:
        out.truncate(card.backing.stat().st_size)
        for offset in range(0, card.backing.stat().st_size, 4096):
            try:
                os.pwrite(out.fileno(), os.pread(file.fileno(), 4096, offset), offset)
            except OSError as error:
                if error.errno != errno.EIO:
                    shutil.copyfile(card.backing, copy)
                    return copy
    return copy


def has_table(card: Path) -> bool:
    """Whether an independent program finds no fault in the partition table."""
    with suppress(subprocess.CalledProcessError):
        table_of(card)
        return True
    return False

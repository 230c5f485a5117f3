"""The fault matrix, by the kernel: what is wrong with one card concerns that card alone, and none goes out wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from builder.ledger.ledger import Writer, open_ledger

from .cards import blank, loop, require_fuse, require_loops, sick
from .conftest import Satchel
from .images import CARD, holds, table_of

MIB = 1 << 20

FAULTS = {
    # fault of the card, its value, what is said, where on the card (none: nowhere in particular)
    "it is smaller than it says": ("fake", 16 * MIB, "does not return what was written", None),
    "it begins again at its start": ("wrap", 16 * MIB, "does not return what was written", None),
    "it writes nothing": ("drop", 0, "does not return what was written", None),
    "one bit is wrong": ("flip", 6 * MIB + 77, "returns something else", 6 * MIB + 77),
    "a place cannot be read": ("blind", 6 * MIB, "reports an error", 6 * MIB),
    "a place cannot be written": ("break", 6 * MIB, "reports an error", 6 * MIB),
    "it is full before its end": ("full", 7 * MIB, "ends here", None),
    "it is pulled out": ("pull", 5 * MIB, "was pulled out", None),
}


def starts(card: bytes) -> bool:
    """Whether there is a partition table at the beginning of a card."""
    return card[512:520] == b"EFI PART"


@pytest.mark.parametrize("name", FAULTS)
def test_a_sick_card_fails_with_reason_and_place_and_the_other_one_is_right(
    name: str, image: Path, tmp_path: Path, satchel: Satchel
) -> None:
    require_fuse()
    fault, value, said, offset = FAULTS[name]
    ledger = tmp_path / "ledger.db"
    with sick(blank(tmp_path / "bad", CARD), fault, value) as bad, loop(blank(tmp_path / "good", CARD)) as good:
        run = satchel(
            *("flash", f"{image}.zst", bad.device, good.device, "--fixed-disks", "--yes", "--json"),
            *("--ledger", ledger),
            status=12,
        )
    failed, done = run.cards[bad.device], run.cards[good.device]
    assert failed["result"] == "failed"
    assert said in failed["reason"]
    assert offset is None or failed["offset"] == offset
    assert not starts(bad.data)
    assert done["result"] == "done"
    assert holds(good.backing, image)
    assert "No errors" in table_of(good.backing)
    with open_ledger(str(ledger), Writer.here(None)) as opened:
        assert opened.faults() == []
        endings = {kept.entry.facts["result"] for kept in opened.entries() if kept.entry.kind == "ended"}
    assert endings == {"done", "failed"}


def test_a_card_that_stands_still_is_given_up_and_the_other_one_is_not_held_up(
    image: Path, tmp_path: Path, satchel: Satchel
) -> None:
    require_fuse()
    with sick(blank(tmp_path / "bad", CARD), "hang", 20) as bad, loop(blank(tmp_path / "good", CARD)) as good:
        run = satchel(
            *("flash", image, bad.device, good.device, "--fixed-disks", "--yes", "--json", "--stall-after", 5),
            *("--ledger", tmp_path / "ledger.db"),
            status=12,
        )
    assert run.cards[bad.device]["result"] == "stalled"
    assert "pull the card out" in run.cards[bad.device]["reason"]
    assert 0 <= run.cards[bad.device]["offset"] < CARD
    assert run.cards[good.device]["result"] == "done"
    assert not starts(bad.data)


def test_a_card_that_is_write_protected_or_too_small_is_refused_before_anything_is_written(
    image: Path, tmp_path: Path, satchel: Satchel
) -> None:
    require_loops()
    with (
        loop(blank(tmp_path / "ro", CARD), "--read-only") as protected,
        loop(blank(tmp_path / "small", 16 * MIB)) as small,
        loop(blank(tmp_path / "good", CARD)) as good,
    ):
        cards = (protected.device, small.device, good.device)
        run = satchel("flash", image, *cards, "--fixed-disks", "--yes", "--ledger", tmp_path / "l.db", status=13)
        assert f"{protected.device}: it is write-protected" in run.err
        assert f"{small.device}: it is too small" in run.err
        assert good.data == b"\xa5" * CARD


def test_a_loop_device_is_no_card_unless_that_is_allowed(image: Path, tmp_path: Path, satchel: Satchel) -> None:
    require_loops()
    with loop(blank(tmp_path / "good", CARD)) as good:
        run = satchel("flash", image, good.device, "--yes", "--ledger", tmp_path / "l.db", status=13)
        assert "a loop device" in run.err
        run = satchel("flash", image, good.device, "--fixed-disks", "--ledger", tmp_path / "l.db", status=13)
        assert "nobody is there to be asked" in run.err
        assert good.data == b"\xa5" * CARD


def test_a_disk_that_is_mounted_is_refused_and_the_mount_is_named(
    image: Path, tmp_path: Path, satchel: Satchel
) -> None:
    require_loops()
    place = tmp_path / "place"
    place.mkdir()
    with loop(blank(tmp_path / "used", CARD)) as used:
        subprocess.run(("mkfs.ext4", "-q", "-F", used.device), check=True)
        subprocess.run(("mount", used.device, place), check=True)
        try:
            run = satchel("flash", image, used.device, "--fixed-disks", "--yes", "--ledger", tmp_path / "l", status=13)
        finally:
            subprocess.run(("umount", place), check=True)
    assert f"it is in use: mounted at {place} (umount {place})" in run.err

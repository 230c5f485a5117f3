"""slots.yml: the slots of a station, or every problem with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import UsageError
from builder.flash.slots import Slot, SlotsError, read_slots


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "slots.yml"
    path.write_text(text)
    return path


def test_slots_are_read_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path, "slots:\n  B2: usb-1-1.2:0\n  A 1: mmc0\n")
    assert read_slots(path) == (Slot(name="B2", place="usb-1-1.2:0"), Slot(name="A 1", place="mmc0"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: it has no slots"),
        ("slots: []\n", "it has no slots"),
        ("cards:\n  A1: mmc0\n", "it has no slots"),
        ("slots:\n  A1: /dev/sdb\n", "2:7: slot A1: '/dev/sdb' is no place"),
        ("slots:\n  A1:\n", "is no place"),
        ("slots:\n  A1: mmc0\n  A2: mmc0\n", "3:3: the place mmc0 is there twice"),
        ("slots:\n  A1: mmc0\n  A1: mmc1\n", "3:3: the name A1 is there twice"),
        ("slots:\n  mmc0: mmc0\n  mmc0: mmc1\n", "3:3: the name mmc0 is there twice"),
        ("slots:\n  A1: mmc0\a\n", "special characters are not allowed"),
        ("slots:\n  'A/1': mmc0\n", "2:3: 'A/1' is no name"),
        ("slots: {A1: mmc0\n", "slots.yml:2:1"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SlotsError) as caught:
        read_slots(written(tmp_path, text))
    assert said in (caught.value.details or "")


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_slots(tmp_path / "none.yml")

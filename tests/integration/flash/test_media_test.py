"""How much of a card is real, by writing all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .cards import blank, loop, require_fuse, require_loops, sick
from .conftest import Satchel
from .images import CARD

MIB = 1 << 20


def test_a_good_card_is_good(tmp_path: Path, satchel: Satchel) -> None:
    require_loops()
    with loop(blank(tmp_path / "card", CARD)) as card:
        run = satchel("media-test", card.device, "--fixed-disks", "--yes", "--json", status=0)
    found = json.loads(run.out)
    assert (found["size_bytes"], found["bad_bytes"], found["first_bad"]) == (CARD, 0, None)


FAULTS = {
    # fault and its value, what came back as what, how much of it, where the first, what is said
    "fake": (20 * MIB, "changed_bytes", 12 * MIB, 20 * MIB, "nothing is kept beyond its real end"),
    "wrap": (20 * MIB, "overwritten_bytes", 12 * MIB, 0, "lies over its beginning"),
    "drop": (0, "changed_bytes", CARD, 0, "smaller than it says"),
    "flip": (6 * MIB + 77, "changed_bytes", 4096, 6 * MIB, "worn out"),
    "blind": (6 * MIB, "unreadable_bytes", 4096, 6 * MIB, "worn out"),
    "break": (6 * MIB, "unwritten_bytes", 4096, 6 * MIB, "worn out"),
    "full": (20 * MIB, "unwritten_bytes", 12 * MIB, 20 * MIB, "nothing is kept beyond its real end"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_card_is_found_out(fault: str, tmp_path: Path, satchel: Satchel) -> None:
    require_fuse()
    value, kind, bad, first, said = FAULTS[fault]
    with sick(blank(tmp_path / "card", CARD), fault, value) as card:
        run = satchel("media-test", card.device, "--fixed-disks", "--yes", "--json", status=12)
    found = json.loads(run.out)
    assert (found[kind], found["first_bad"]) == (bad, first)
    assert said in run.err

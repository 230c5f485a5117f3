"""A card that is pulled out while its seed is written never holds a seed that nobody wrote."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from seed import document
from seed.document import Facility, Seed, SeedError

from builder.identity.writing import stages

SECTOR = 512
OLD = Seed(hostname="old", facility=Facility(name="Old"), extra={f"a{n}": "x" * 400 for n in range(6)})
NEW = Seed(hostname="new", facility=Facility(name="New"), extra={f"b{n}": "y" * 300 for n in range(9)})


@settings(deadline=None)
@given(st.sampled_from([(OLD, NEW), (NEW, OLD), (None, NEW), (OLD, None)]), st.integers(0, 2), st.randoms())
def test_every_cut_leaves_the_old_seed_or_the_new_one_or_none_at_all(pair: tuple, step: int, random) -> None:
    before, after = (document.empty() if seed is None else document.render(seed) for seed in pair)
    old, new = list(pairwise((before, *stages(before, after))))[step]
    # Any of the sectors may have reached the disk.
    lying = b"".join(random.choice((old, new))[at : at + SECTOR] for at in range(0, document.ROOM, SECTOR))
    try:
        found = document.parse(lying)
    except SeedError:
        return
    assert found in pair


def test_at_the_end_it_is_there() -> None:
    *_, last = stages(document.render(OLD), document.render(NEW))
    assert document.parse(last) == NEW

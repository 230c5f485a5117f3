"""A card's own bytes are laid over the image exactly where they belong."""

from __future__ import annotations

import pytest

from builder.flash.overlay import Patch, lay_over


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (0, b"......"),
        (7, b"...abc"),
        (10, b"abcdef"),
        (12, b"cdefgh"),
        (16, b"gh...."),
        (18, b"......"),
    ],
)
def test_the_part_of_a_patch_that_lies_within_a_buffer_is_laid_over(offset: int, expected: bytes) -> None:
    buffer = bytearray(b"......")
    touched = lay_over((Patch(offset=10, data=b"abcdefgh"),), offset, memoryview(buffer))
    assert bytes(buffer) == expected
    assert touched == (expected != b"......")


def test_a_later_patch_lies_over_an_earlier_one() -> None:
    buffer = bytearray(4)
    lay_over((Patch(offset=0, data=b"aaaa"), Patch(offset=1, data=b"bb")), 0, memoryview(buffer))
    assert bytes(buffer) == b"abba"

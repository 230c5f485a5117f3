from __future__ import annotations

import re

from seed import password


def test_words_are_the_published_ones() -> None:
    bits = iter([0x7F00, 0x0001, 0x3F54, 0xDCC1])  # 127.0.0.1 and 63.84.220.193 in the proquint paper
    assert password.mint(lambda _: next(bits)) == "lusab-babad-gutih-tugad"


def test_it_is_strong_and_speakable() -> None:
    assert password.BITS >= 60
    passwords = {password.mint() for _ in range(100)}
    assert len(passwords) == 100
    assert all(re.fullmatch(r"[a-z]{5}(-[a-z]{5}){3}", text) for text in passwords)

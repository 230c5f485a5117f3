"""Passwords that can be spoken, typed and copied by hand: proquints (https://arxiv.org/html/0901.4016). Pure."""

from __future__ import annotations

import secrets
from collections.abc import Callable

BITS = 64
_WORD_BITS = 16
_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"


def mint(randbits: Callable[[int], int] = secrets.randbits) -> str:
    """A new password of 64 random bits, such as `lusab-babad-gutih-tugad`."""
    return "-".join(_word(randbits(_WORD_BITS)) for _ in range(BITS // _WORD_BITS))


def _word(bits: int) -> str:
    """Five letters for 16 bits: consonant (4), vowel (2), consonant (4), vowel (2), consonant (4)."""
    shape = ((12, _CONSONANTS), (10, _VOWELS), (6, _CONSONANTS), (4, _VOWELS), (0, _CONSONANTS))
    return "".join(letters[bits >> shift & len(letters) - 1] for shift, letters in shape)

"""Facility codes: short names of devices that survive a telephone line and handwriting. Pure.

A code such as `K7M3-Q2XG` has eight symbols: seven random ones and a check symbol. The alphabet is Crockford's base 32
(digits and capitals without I, L, O and U, https://www.crockford.com/base32.html) without 0, because 0 and O are what
people mix up most. That leaves 31 symbols, and 31 is prime: with v1..v8 the places of the symbols in the alphabet
(from 0), a code is valid when 1*v1 + 2*v2 + ... + 8*v8 is a multiple of 31. Every single wrong symbol and every swap of
two symbols is found, because all weights and their differences are invertible modulo 31.
There are 31^7 = 2.75e10 codes (34.7 bits): among 10,000 devices two share a code with a probability of 0.2 %.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

ALPHABET = "123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_SYMBOLS = 7
_GROUP = 4
_READ_AS = str.maketrans({"I": "1", "L": "1", "-": None, " ": None})


def mint(randbelow: Callable[[int], int] = secrets.randbelow) -> str:
    """A new code."""
    body = "".join(ALPHABET[randbelow(len(ALPHABET))] for _ in range(_RANDOM_SYMBOLS))
    return _grouped(body + check_symbol(body))


def check_symbol(body: str) -> str:
    """The symbol that makes seven symbols a valid code."""
    inverse = pow(_RANDOM_SYMBOLS + 1, -1, len(ALPHABET))
    return ALPHABET[-_weighted(body) * inverse % len(ALPHABET)]


def normalize(text: str) -> str:
    """A code as people write it (small letters, no hyphen, I or L for 1) in its one right form.

    Raises:
        ValueError: not a code, or a mistyped one.
    """
    symbols = text.strip().upper().translate(_READ_AS)
    if len(symbols) != _RANDOM_SYMBOLS + 1 or not set(symbols) <= set(ALPHABET):
        raise ValueError(f"{text!r} is not a facility code such as K7M3-Q2XG")
    if _weighted(symbols) % len(ALPHABET):
        raise ValueError(f"{text!r} has a wrong symbol or two that changed places")
    return _grouped(symbols)


def _weighted(symbols: str) -> int:
    return sum(weight * ALPHABET.index(symbol) for weight, symbol in enumerate(symbols, start=1))


def _grouped(symbols: str) -> str:
    return f"{symbols[:_GROUP]}-{symbols[_GROUP:]}"

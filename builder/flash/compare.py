"""Comparing buffers at the speed of memory, without holding other threads up."""

from __future__ import annotations

import ctypes
from typing import Final

_BEGINNING: Final = 64
_libc: Final = ctypes.CDLL(None)
_libc.memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_libc.memcmp.restype = ctypes.c_int


def equal(one: memoryview, other: memoryview) -> bool:
    """Whether two writable buffers of one length hold the same.

    Python's own comparison of memoryviews looks at one element after the other and keeps the interpreter locked; memcmp
    by ctypes does neither.
    """
    return len(one) == len(other) and _libc.memcmp(_address(one), _address(other), len(one)) == 0


def is_zero(buffer: memoryview) -> bool:
    """Whether there is nothing but zeros. Most buffers tell by their beginning that they are not."""
    return not any(buffer[:_BEGINNING]) and bytes(buffer) == bytes(len(buffer))


def first_difference(one: memoryview, other: memoryview) -> int:
    """Where two buffers of one length that are not equal begin to differ, found by halving."""
    low, high = 0, len(one)
    while high - low > 1:
        middle = (low + high) // 2
        if equal(one[low:middle], other[low:middle]):
            low = middle
        else:
            high = middle
    return low


def _address(buffer: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))

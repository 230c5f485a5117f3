"""Comparing buffers as memory does."""

from __future__ import annotations

import pytest

from builder.flash.compare import equal, first_difference, is_zero


def view(data: bytes) -> memoryview:
    return memoryview(bytearray(data))


@pytest.mark.parametrize("at", [0, 1, 511, 512, 1023])
def test_the_first_difference_is_found(at: int) -> None:
    one, other = bytearray(1024), bytearray(1024)
    other[at] = 1
    other[1023] = 9
    assert not equal(memoryview(one), memoryview(other))
    assert first_difference(memoryview(one), memoryview(other)) == at


def test_equal_buffers_are_equal_and_others_are_not() -> None:
    assert equal(view(b"same"), view(b"same"))
    assert not equal(view(b"same"), view(b"sam"))


@pytest.mark.parametrize(("data", "zero"), [(b"", True), (b"\0", True), (b"\1", False), (bytes(9), True)])
def test_zeros_are_seen(data: bytes, zero: bool) -> None:
    assert is_zero(view(data)) == zero


@pytest.mark.parametrize("at", [0, 1, 4094, 4095])
def test_one_bit_anywhere_is_no_zero(at: int) -> None:
    data = bytearray(4096)
    data[at] = 0x80
    assert not is_zero(memoryview(data))

"""GRUB's boot code and core: exactly the bytes that grub-bios-setup would change, and no others."""

from __future__ import annotations

import struct

import pytest

from builder.disk.grub import boot_code, placed_core
from builder.errors import BuildFailed

BOOT_IMG = bytearray(i % 251 for i in range(512))
BOOT_IMG[0], BOOT_IMG[0x66], BOOT_IMG[0x67] = 0xEB, 0xEB, 0x05


def changed(before: bytes, after: bytes) -> list[int]:
    return [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]


def core(size: int) -> bytes:
    made = bytearray(i % 253 for i in range(size))
    struct.pack_into("<QHH", made, 0x1F4, 0, 0, 0x820)
    return bytes(made)


def test_the_boot_code_knows_where_the_core_is_and_trusts_no_bios() -> None:
    code = boot_code(bytes(BOOT_IMG), core_lba=0x0102_0304_0506_0708)
    assert len(code) == 440
    assert code[0x5C:0x64] == bytes([8, 7, 6, 5, 4, 3, 2, 1])
    assert code[0x66:0x68] == b"\x90\x90"
    assert set(changed(bytes(BOOT_IMG[:440]), code)) <= {*range(0x5C, 0x64), 0x66, 0x67}


@pytest.mark.parametrize(("size", "sectors"), [(513, 1), (1024, 1), (1025, 2), (130_000, 253)])
def test_the_first_sector_of_the_core_lists_the_rest(size: int, sectors: int) -> None:
    before = core(size)
    after = placed_core(before, core_lba=8192)
    assert len(after) == (1 + sectors) * 512
    assert after[0x1F4:0x200] == struct.pack("<QHH", 8193, sectors, 0x820)
    assert set(changed(before, after[:size])) <= set(range(0x1F4, 0x1FE))
    assert not after[size:].strip(b"\0")


@pytest.mark.parametrize("wrong", [b"", bytes(512), bytes(BOOT_IMG[:511])])
def test_what_is_not_a_boot_img_is_refused(wrong: bytes) -> None:
    with pytest.raises(BuildFailed):
        boot_code(wrong, core_lba=1)


@pytest.mark.parametrize("wrong", [b"", bytes(100_000), core(512)])
def test_what_is_not_a_core_is_refused(wrong: bytes) -> None:
    with pytest.raises(BuildFailed):
        placed_core(wrong, core_lba=1)

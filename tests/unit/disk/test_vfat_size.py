"""FAT16 or FAT32, and how much room files need."""

from __future__ import annotations

import pytest

from builder.disk.vfat import _directories, _shape, needed_bytes
from builder.units import MIB


@pytest.mark.parametrize("size", [64 * MIB, 100 * MIB, 256 * MIB, 260 * MIB, 512 * MIB, 4096 * MIB])
def test_a_fat32_has_enough_clusters_to_be_one(size: int) -> None:
    kind, cluster = _shape(size)[1], int(_shape(size)[3]) * 512
    assert kind == "32"
    tables = 2 * 4 * size // cluster
    assert (size - tables) // cluster >= 65_525


def test_a_small_one_is_fat16() -> None:
    assert _shape(32 * MIB) == ("-F", "16")


def test_directories_come_after_their_parents() -> None:
    assert _directories(["EFI/BOOT/BOOTX64.EFI", "loader/entries/a.conf", "b"]) == (
        "EFI",
        "EFI/BOOT",
        "loader",
        "loader/entries",
    )


def test_files_need_at_least_their_own_size() -> None:
    assert 10 * MIB < needed_bytes({"a/b": 10 * MIB}) < 11 * MIB

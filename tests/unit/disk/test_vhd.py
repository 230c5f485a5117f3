"""The footer of a VHD against the text of its specification."""

from __future__ import annotations

import struct
from uuid import UUID

import pytest

from builder.disk.vhd import footer, geometry
from builder.errors import BuildFailed
from builder.units import GIB, MIB, SECTOR

SHA256 = "5f" * 32
DATE = 1_750_000_000

GEOMETRIES = [
    # By hand, from the appendix "CHS Calculation": size, then cylinders, heads, sectors per track.
    (3 * MIB, (90, 4, 17)),
    (100 * MIB, (1003, 12, 17)),
    (135 * MIB, (1016, 16, 17)),
    (136 * MIB, (561, 16, 31)),
    (247 * MIB, (1019, 16, 31)),
    (248 * MIB, (503, 16, 63)),
    (8 * GIB, (16644, 16, 63)),
    (65535 * 16 * 63 * SECTOR - SECTOR, (65534, 16, 63)),
    (65535 * 16 * 63 * SECTOR, (16191, 16, 255)),
    (127 * GIB, (65278, 16, 255)),
    (4095 * GIB, (65535, 16, 255)),
]


@pytest.mark.parametrize(("size", "expected"), GEOMETRIES)
def test_the_geometry_is_that_of_the_specification(size: int, expected: tuple[int, int, int]) -> None:
    assert geometry(size // SECTOR) == expected


def test_every_field_lies_where_the_specification_has_it() -> None:
    size = 8 * GIB
    made = footer(SHA256, size_bytes=size, date=DATE)
    assert len(made) == 512
    assert made[0:8] == b"conectix"
    assert made[8:12] == bytes((0, 0, 0, 2)), "no features, and the reserved bit"
    assert made[12:16] == bytes((0, 1, 0, 0)), "version 1.0 of the format"
    assert made[16:24] == b"\xff" * 8, "a fixed disk has no further header"
    assert struct.unpack(">I", made[24:28]) == (DATE - 946_684_800,), "seconds since 2000"
    assert made[28:32] == b"win "
    assert made[36:40] == b"Wi2k"
    assert struct.unpack(">QQ", made[40:56]) == (size, size)
    assert struct.unpack(">HBB", made[56:60]) == (16644, 16, 63)
    assert made[60:64] == bytes((0, 0, 0, 2)), "a fixed disk"
    assert made[84:] == bytes(428), "no saved state, and nothing reserved is used"


def test_the_checksum_is_the_complement_of_the_sum_of_all_other_bytes() -> None:
    made = footer(SHA256, size_bytes=MIB, date=DATE)
    total = sum(made[:64]) + sum(made[68:])
    assert struct.unpack(">I", made[64:68]) == (0xFFFF_FFFF - total,)


def test_the_identity_is_that_of_the_disk() -> None:
    one, same, other = (footer(sha256, size_bytes=MIB, date=DATE) for sha256 in (SHA256, SHA256, "60" * 32))
    assert one == same
    assert one[68:84] != other[68:84]
    assert UUID(bytes=one[68:84]).version == 5


def test_a_size_that_azure_does_not_take_is_refused() -> None:
    with pytest.raises(BuildFailed, match="not a whole number of MiB"):
        footer(SHA256, size_bytes=8 * GIB + SECTOR, date=DATE)

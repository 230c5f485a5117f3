"""Times of inodes are set in leaves, with a right checksum; everything else stays as it was."""

from __future__ import annotations

import struct

from builder.disk.btrfs_times import NODE_BYTES, crc32c, with_times

EPOCH = 1_700_000_000


def leaf(*, level: int = 0, kind: int = 1, modified: int = EPOCH - 5) -> bytes:
    block = bytearray(NODE_BYTES)
    struct.pack_into("<IB", block, 96, 1, level)
    struct.pack_into("<QBQII", block, 101, 257, kind, 0, 16_000, 160)
    at = 101 + 16_000
    block[at : at + 160] = bytes(range(160))
    struct.pack_into("<qI", block, at + 136, modified, 7)
    struct.pack_into("<I", block, 0, crc32c(block[32:]))
    return bytes(block)


def times(block: bytes) -> list[tuple[int, int]]:
    return [struct.unpack_from("<qI", block, 101 + 16_000 + at) for at in (112, 124, 136, 148)]


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE306_9283


def test_all_times_become_the_time_of_modification() -> None:
    before = leaf()
    after = with_times(before, epoch=EPOCH)
    assert times(after) == [(EPOCH - 5, 7)] * 4
    assert struct.unpack_from("<I", after)[0] == crc32c(after[32:])
    assert after[4 : 101 + 16_000 + 112] == before[4 : 101 + 16_000 + 112]
    assert after[101 + 16_000 + 160 :] == before[101 + 16_000 + 160 :]


def test_a_time_after_the_epoch_becomes_the_epoch() -> None:
    assert times(with_times(leaf(modified=EPOCH + 1), epoch=EPOCH)) == [(EPOCH, 0)] * 4


def test_inner_nodes_and_other_items_are_left_alone() -> None:
    for block in (leaf(level=1), leaf(kind=84)):
        assert with_times(block, epoch=EPOCH) is block

"""What is recognised in a disk of anybody, from bytes alone."""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID

import pytest

from builder.audit.discover import discover, refuse_packed
from builder.audit.kolibri_content import storages
from builder.disk.partuuid import partuuids
from builder.disk.read import Table, TablePartition
from builder.disk.superblock import PROBE_BYTES, identify
from builder.errors import ArtifactError


def table(kind: str) -> Table:
    partitions = tuple(
        TablePartition(number=number, name="", start_bytes=number << 20, size_bytes=1 << 20, flags=())
        for number in (1, 3)
    )
    return Table(kind=kind, size_bytes=8 << 20, sector_bytes=512, partitions=partitions)


def test_partuuids_of_an_mbr_are_its_disk_id_and_the_number() -> None:
    head = bytearray(1024)
    struct.pack_into("<I", head, 440, 0x4E639091)
    assert partuuids(bytes(head), table("mbr")) == {1: "4e639091-01", 3: "4e639091-03"}


def test_partuuids_of_a_gpt_are_read_from_its_entries() -> None:
    ids = {1: UUID("1b2e6d1a-8a0f-4c43-9a3e-000000000001"), 3: UUID("1b2e6d1a-8a0f-4c43-9a3e-000000000003")}
    head = bytearray(20 * 512)
    struct.pack_into("<QII", head, 512 + 72, 2, 128, 128)
    for number, uuid in ids.items():
        head[1024 + (number - 1) * 128 + 16 : 1024 + (number - 1) * 128 + 32] = uuid.bytes_le
    assert partuuids(bytes(head), table("gpt")) == {number: str(uuid) for number, uuid in ids.items()}


@pytest.mark.parametrize(
    ("at", "mark", "kind"),
    [(0, b"LUKS\xba\xbe\0\2", "crypto_LUKS"), (3, b"NTFS    ", "ntfs"), (1024, b"\x10\x20\xf5\xf2", "f2fs")],
)
def test_what_cannot_be_read_is_recognised(at: int, mark: bytes, kind: str) -> None:
    found = identify(b"\0" * at + mark)
    assert found is not None
    assert found.type == kind


@pytest.mark.parametrize(
    ("head", "words", "command"),
    [
        (b"\x28\xb5\x2f\xfd", "zstd", "zstd -d"),
        (b"\xfd7zXZ\0", "xz", "xz -dk"),
        (b"PK\x03\x04", "ZIP", "unzip"),
        (b"QFI\xfb", "QEMU", "qemu-img convert"),
    ],
)
def test_a_packed_image_is_refused_with_the_command_that_unpacks_it(
    tmp_path: Path, head: bytes, words: str, command: str
) -> None:
    image = tmp_path / "school.img.x"
    image.write_bytes(head + b"rest")
    with pytest.raises(ArtifactError, match=words) as caught:
        refuse_packed(image)
    assert f"hint: {command}" in str(caught.value)
    assert str(image) in str(caught.value)


def test_what_is_no_disk_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "noise.img"
    image.write_bytes(b"\0" * PROBE_BYTES * 2)
    with pytest.raises(ArtifactError, match="neither a partition table"):
        discover(image)


def test_kolibris_content_is_told_by_what_stands_around_it() -> None:
    content = ("srv/content", "srv/content/databases", "srv/content/storage", "srv/content/storage/a")
    assert storages(content) == ("srv/content/storage",)
    assert storages((*content, "srv/content/storage/notes")) == ()
    assert storages(content[:-1]) == ()
    assert storages(("storage", "storage/0", "databases")) == ("storage",)
    assert storages(("a/storage", "a/storage/0", "databases")) == ()

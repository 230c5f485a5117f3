"""Every difference gets its name: one byte in each structure, one change of each kind in a tree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.compare.comparison import compare, render
from builder.compare.images import Differences, compare_images
from builder.compare.opened import open_image
from builder.errors import ArtifactError
from builder.progress import Reporter
from builder.units import MIB, SECTOR

from .conftest import Disk

Flipped = Callable[..., Path]
BLOCK = 4096


def differences(first: Path, second: Path) -> Differences:
    return compare_images(first, second, reporter=Reporter())


def sentences(first: Path, second: Path) -> list[str]:
    return list(differences(first, second).sentences())


def test_the_same_image_has_no_differences(disks: tuple[Disk, Disk], flipped: Flipped) -> None:
    found = differences(disks[0].image, flipped())
    assert found.equal
    assert list(found.sentences()) == []


@pytest.mark.parametrize(
    ("position", "sentence"),
    [
        (0x43, "MBR boot code, byte 0x43"),
        (441, "protective MBR, disk signature, byte 0x1"),
        (455, "protective MBR, partition entries, byte 0x9"),
        (SECTOR + 60, "primary GPT header, disk GUID, byte 0x4"),
        (2 * SECTOR + 128 + 3, "primary GPT, entry 2 (partition esp), byte 0x3"),
        (2 * SECTOR + 128 * 100, "primary GPT, entry 101 (an unused entry), byte 0x0"),
        (3 * MIB, f"gap before partition bios, byte {3 * MIB - 34 * SECTOR:#x}"),
        (-33 * SECTOR + 128 * 2 + 56, "backup GPT, entry 3 (partition root), byte 0x38"),
        (-SECTOR + 17, "backup GPT header, checksum, byte 0x1"),
    ],
)
def test_a_byte_outside_the_partitions(
    disks: tuple[Disk, Disk], flipped: Flipped, position: int, sentence: str
) -> None:
    absolute = position % disks[0].image.stat().st_size
    found = differences(disks[0].image, flipped(absolute))
    assert [change.sentence(None) for change in found.table] == [sentence]
    assert found.table[0].position == absolute
    assert found.partitions == ()
    assert not found.equal


def test_bytes_before_and_behind_an_edge_are_two_structures(disks: tuple[Disk, Disk], flipped: Flipped) -> None:
    found = differences(disks[0].image, flipped(439, 440))
    assert [change.sentence(None) for change in found.table] == [
        "MBR boot code, byte 0x1b7",
        "protective MBR, disk signature, byte 0x0",
    ]


def test_the_gap_behind_the_last_partition(disks: tuple[Disk, Disk], flipped: Flipped) -> None:
    end = disks[0].layout.partition("data").end_bytes
    (change,) = differences(disks[0].image, flipped(end + 7)).table
    assert (change.sentence(None), change.position) == ("gap after partition data, byte 0x7", end + 7)


@pytest.mark.parametrize(
    ("offset", "structure"),
    [
        (0x43, "boot sector, byte 0x43"),
        (SECTOR + 0x1E8, "FSInfo sector, byte 0x1e8"),
        (6 * SECTOR + 0x43, "backup boot sector, byte 0x43"),
    ],
)
def test_a_byte_of_a_vfat(disks: tuple[Disk, Disk], flipped: Flipped, offset: int, structure: str) -> None:
    first = disks[0]
    assert sentences(first.image, flipped(first.start("esp") + offset)) == [f"partition esp (vfat): {structure}"]


def test_a_byte_of_a_fat_and_of_a_file_in_it(disks: tuple[Disk, Disk], flipped: Flipped) -> None:
    first = disks[0]
    with first.image.open("rb") as file:
        file.seek(first.start("esp"))
        boot = file.read(SECTOR)
    reserved, length = int.from_bytes(boot[14:16], "little"), int.from_bytes(boot[36:40], "little")
    for number in (1, 2):
        # An entry far behind those in use.
        at = (reserved + number * length) * SECTOR - 8
        (sentence,) = sentences(first.image, flipped(first.start("esp") + at))
        assert sentence.startswith(f"partition esp (vfat): FAT {number}, byte ")
    (at,) = first.position("esp", b"timeout two")
    assert sentences(first.image, flipped(first.start("esp") + at + 3)) == [
        "partition esp (vfat): /boot/efi/loader/loader.conf differs: other content (11 bytes)",
        "partition esp (vfat): data of /boot/efi/loader/loader.conf, byte 0x3",
    ]
    (at,) = first.position("esp", b"LOADER~1CON")
    found = sentences(first.image, flipped(first.start("esp") + at + 22))
    assert any("/boot/efi/loader/loader.conf differs: modified " in sentence for sentence in found)
    assert any("directory of /boot/efi/loader, byte " in sentence for sentence in found)


@pytest.mark.parametrize(
    ("offset", "structure"),
    [
        (0x43, "boot area, byte 0x43"),
        (64 * 1024 + 0x130, "superblock, byte 0x130"),
        (64 * MIB + 0x130, "backup superblock, byte 0x130"),
    ],
)
def test_a_byte_of_a_btrfs(disks: tuple[Disk, Disk], flipped: Flipped, offset: int, structure: str) -> None:
    first = disks[0]
    assert sentences(first.image, flipped(first.start("root") + offset)) == [f"partition root (btrfs): {structure}"]


def test_both_copies_of_a_metadata_block_are_told_apart(disks: tuple[Disk, Disk], flipped: Flipped) -> None:
    first = disks[0]
    places = first.position("root", "Ünïcode ☃".encode())
    by_structure: dict[str, list[str]] = {}
    for at in places:
        found = sentences(first.image, flipped(first.start("root") + at))
        by_structure.setdefault(re.sub(r", byte.*", "", found[-1]), []).extend(found)
    assert set(by_structure) == {
        "partition root (btrfs): metadata of subvolume @",
        "partition root (btrfs): metadata of subvolume @ (second copy)",
    }
    named = by_structure["partition root (btrfs): metadata of subvolume @"]
    assert any("/etc/Ünïcode ☃ is only in the first image: a file of 4 bytes" in sentence for sentence in named)


def test_a_byte_of_a_file_in_a_btrfs(disks: tuple[Disk, Disk], flipped: Flipped) -> None:
    first = disks[0]
    with open_image(first.image) as opened:
        partition = next(each for each in opened.table().partitions if each.name == "root")
        video = opened.anatomy(partition, kind="btrfs").read("@/etc/deep/video")
    (at,) = first.position("root", video[MIB : MIB + 64])
    found = sentences(first.image, flipped(first.start("root") + at + 5))
    assert found[0] == f"partition root (btrfs): /etc/deep/video differs: other content ({3 * MIB:,} bytes)"
    assert found[1].startswith("partition root (btrfs): data of /etc/deep/video, byte ")
    assert len(found) == 2


def test_compressed_content_that_cannot_be_read_any_more(disks: tuple[Disk, Disk], flipped: Flipped) -> None:
    first = disks[0]
    with open_image(first.image) as opened:
        partition = next(each for each in opened.table().partitions if each.name == "root")
        (piece, *_) = opened.anatomy(partition, kind="btrfs").files["@/etc/text"].pieces
    assert piece.compression == "zstd"
    found = sentences(first.image, flipped(first.start("root") + piece.stored))
    assert found == [
        "partition root (btrfs): /etc/text differs: content that cannot be read in one of them"
        " (a file's content cannot be decompressed: zstd decompressor error: Unknown frame descriptor)",
        "partition root (btrfs): data of /etc/text, byte 0x0",
    ]


def ext4_positions(disk: Disk, partition: str) -> dict[str, int]:
    """Where dumpe2fs and debugfs say that structures lie, in bytes."""
    said = (disk.said / f"{partition}.txt").read_text()

    def block(pattern: str) -> int:
        found = re.search(pattern, said)
        assert found is not None
        return int(found[1]) * BLOCK

    positions = {
        "block bitmap of group 0": block(r"Block bitmap at (\d+)"),
        "inode bitmap of group 0": block(r"Inode bitmap at (\d+)"),
        "group descriptors": block(r"Group descriptors at (\d+)"),
    }
    if partition == "data":
        positions["journal"] = block(r"EXTENTS:\s*\(0-\d+\):(\d+)")
        positions["reserved group descriptors"] = block(r"Reserved GDT blocks at (\d+)")
    return positions


@pytest.mark.parametrize("partition", ["content", "data"])
def test_a_byte_of_each_structure_of_an_ext4(disks: tuple[Disk, Disk], flipped: Flipped, partition: str) -> None:
    first = disks[0]
    title = f"partition {partition} (ext4)"
    for structure, at in ext4_positions(first, partition).items():
        # The descriptors' last bytes: a turned position of a table would make the file system unreadable.
        offset = 0x1E if structure == "group descriptors" else 9
        found = sentences(first.image, flipped(first.start(partition) + at + offset))
        assert found == [f"{title}: {structure}, byte {offset:#x}"]
    assert sentences(first.image, flipped(first.start(partition) + 1024 + 0x7A)) == [f"{title}: superblock, byte 0x7a"]
    assert sentences(first.image, flipped(first.start(partition) + 7)) == [f"{title}: boot block, byte 0x7"]


def test_a_byte_of_a_file_a_directory_and_an_inode_in_an_ext4(disks: tuple[Disk, Disk], flipped: Flipped) -> None:
    first = disks[0]
    title = "partition content (ext4)"
    (at,) = first.position("content", b"the same words again " * 150)[:1]
    found = sentences(first.image, flipped(first.start("content") + at + 1))
    assert found == [
        f"{title}: /srv/content/text differs: other content (840,000 bytes)",
        f"{title}: data of /srv/content/text, byte 0x1",
    ]
    (at,) = first.position("content", "Ünïcode ☃".encode())
    found = sentences(first.image, flipped(first.start("content") + at))
    assert (
        f"{title}: /srv/content/Ünïcode ☃ is only in the first image: a file of 4 bytes, mode 0644, owner 0:0" in found
    )
    assert found[-1].startswith(f"{title}: directory of /srv/content, byte ")
    said = (first.said / "content.txt").read_text()
    table = re.search(r"Inode table at (\d+)-", said)
    assert table is not None
    with open_image(first.image) as opened:
        partition = next(each for each in opened.table().partitions if each.name == "content")
        inode = opened.anatomy(partition, kind="ext4").files["text"].inode
    # The low byte of the mode.
    found = sentences(first.image, flipped(first.start("content") + int(table[1]) * BLOCK + (inode - 1) * 256))
    assert found == [
        f"{title}: /srv/content/text differs: mode 0644 -> 0533",
        f"{title}: inode of /srv/content/text, byte 0x0",
    ]


@pytest.mark.parametrize(("partition", "offset"), [("esp", 11), ("root", 64 * 1024 + 0x40), ("content", 1024 + 0x38)])
def test_a_file_system_that_cannot_be_read_any_more_is_told(
    disks: tuple[Disk, Disk], flipped: Flipped, partition: str, offset: int
) -> None:
    first = disks[0]
    copy = flipped(first.start(partition) + offset)
    for pair, which in (((first.image, copy), "second"), ((copy, first.image), "first")):
        found = sentences(*pair)
        assert any(f"its files cannot be read in the {which} image" in sentence for sentence in found)
        assert any(re.search(r"(superblock|boot sector), byte", sentence) for sentence in found)


CHANGES = {
    "text": "differs: other content (840,000 bytes)",
    "long-link": f"differs: leads to {'/'.join(['far'] * 60)} -> /elsewhere",
    "secret": "differs: mode 4640 -> 0640",
    "deep/same": "differs: mode 4640 -> 0640",
    "deep/deeper": "differs: owner 0:0 -> 5:6",
    "empty": "differs: attribute user.note",
    "n" * 255: "is only in the first image: a file of 9 bytes, mode 0644, owner 0:0",
    "new": "is only in the second image: a file of 16 bytes, mode 0644, owner 0:0",
    "Ünïcode ☃": "differs: modified 2025-06-15 13:43:20 -> 2025-06-15 15:06:39",
}


@pytest.mark.parametrize(("partition", "top"), [("root", "@/etc/"), ("content", "")])
def test_one_change_of_each_kind(disks: tuple[Disk, Disk], partition: str, top: str) -> None:
    found = differences(disks[0].image, disks[1].image)
    (part,) = (part for part in found.partitions if part.name == partition)
    told = {
        change.path.removeprefix(top): re.sub(r"; inode.*", "", change.sentence(change.path)).removeprefix(change.path)[
            1:
        ]
        for change in part.files
        if change.path.startswith(top) and not re.fullmatch(r"inode.*", "; ".join(change.aspects))
    }
    assert told == CHANGES


def test_files_of_other_subvolumes_and_of_the_esp(disks: tuple[Disk, Disk]) -> None:
    found = sentences(disks[0].image, disks[1].image)
    assert "partition esp (vfat): /boot/efi/loader/loader.conf differs: 11 bytes -> 12 bytes" in found
    assert (
        "partition esp (vfat): /boot/efi/gone.txt is only in the first image: a file of 4 bytes, mode 0755, owner 0:0"
        in found
    )
    assert any(
        re.match(r"partition root \(btrfs\): /home/someone differs: 20 bytes -> 32 bytes", each) for each in found
    )
    assert not any(each.startswith(("partition bios", "partition data")) for each in found)


def test_an_image_of_another_size_is_compared_by_the_names_of_its_partitions(
    disks: tuple[Disk, Disk], flipped: Flipped
) -> None:
    copy = flipped()
    with copy.open("r+b") as file:
        file.truncate(copy.stat().st_size + MIB)
    size = disks[0].image.stat().st_size
    found = differences(disks[0].image, copy)
    assert f"size of the image: {size:,} bytes -> {size + MIB:,} bytes" in found.notes
    assert found.partitions == ()


def test_the_comparison_for_people(disks: tuple[Disk, Disk], tmp_path: Path) -> None:
    (tmp_path / "pc/etc").mkdir(parents=True)
    (tmp_path / "pc/etc/new.j2").write_text("a template")
    comparison = compare(disks[0].image, disks[1].image, overlays=tmp_path, reporter=Reporter())
    text = render(comparison, limit=3)
    assert "packages\n  texts: 1 -> 2\n" in text
    assert "  package texts (1)\n    /etc/text differs: other content (840,000 bytes)" in text
    assert "  overlay pc (1)\n    /etc/new is only in the second image" in text
    assert re.search(r"and \d+ more \(--all shows them\)", text)
    assert re.search(r"\d+ paths? differs? only in times or inode numbers", text)
    assert "--all shows them" not in render(comparison, limit=None)
    same = compare(disks[0].image, disks[0].image, overlays=tmp_path, reporter=Reporter())
    assert "are the same, byte for byte" in render(same, limit=3)


def test_the_comparison_for_scripts(disks: tuple[Disk, Disk], tmp_path: Path) -> None:
    comparison = compare(disks[0].image, disks[1].image, overlays=tmp_path, reporter=Reporter())
    loaded = json.loads(json.dumps(comparison.as_dict()))
    assert loaded["equal"] is False
    assert loaded["packages"] == [{"what": "texts", "before": "1", "after": "2"}]
    (changed,) = (each for each in loaded["files"] if each["path"] == "/etc/text")
    assert changed == {
        "path": "/etc/text",
        "partition": "root",
        "owner": "package texts",
        "change": "changed",
        "aspects": ["other content (840,000 bytes)"],
    }


def test_an_image_without_a_manifest_is_compared_all_the_same(
    disks: tuple[Disk, Disk], flipped: Flipped, tmp_path: Path
) -> None:
    first = disks[0]
    (at,) = first.position("esp", b'{\n "schema_version"')
    copy = flipped(first.start("esp") + at)
    comparison = compare(first.image, copy, overlays=tmp_path, reporter=Reporter())
    assert comparison.notes == (
        f"{copy} carries no manifest that this Satchel can read; its partitions and files are compared",
    )
    assert comparison.described == {}
    assert [owned.path for owned in comparison.files] == ["/boot/efi/satchel/manifest.json"]


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"no image at all")
    with pytest.raises(ArtifactError, match="is not a disk image with a partition table"):
        differences(tmp_path / "one", tmp_path / "two")
    with pytest.raises(ArtifactError, match="No such file"):
        differences(tmp_path / "one", tmp_path / "three")

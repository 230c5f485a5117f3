"""A disk image as files: what a descriptor says, and what must not be taken for one."""

from pathlib import Path

import pytest

from builder.disk.image import DiskImage, Stretch, descriptor, disk_image
from builder.errors import ArtifactError
from builder.units import SECTOR

PARTS = {"x.0-table.part": 6, "x.1-esp.part": 8, "x.2-root.part": 20}
"""Sectors of each."""

EXTENTS = (("x.0-table.part", 4, 0), ("x.1-esp.part", 8, 0), ("x.2-root.part", 20, 0), ("x.0-table.part", 2, 4))


def stretches(directory: Path) -> tuple[Stretch, ...]:
    found, start = [], 0
    for name, sectors, offset in EXTENTS:
        size = sectors * SECTOR
        found.append(Stretch(start_bytes=start, size_bytes=size, path=directory / name, offset_bytes=offset * SECTOR))
        start += size
    return tuple(found)


def numbered(number: int) -> bytes:
    """A sector that can be told from others."""
    return bytes([number]) * SECTOR


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A split image of three parts."""
    for name, sectors in PARTS.items():
        (tmp_path / name).write_bytes(b"".join(numbered(number) for number in range(1, sectors + 1)))
    path = tmp_path / "x.vmdk"
    path.write_text(descriptor(stretches(tmp_path), identity=7))
    return path


def line_of(image: Path, text: str) -> int:
    return next(number for number, line in enumerate(image.read_text().splitlines(), 1) if text in line)


def test_a_descriptor_gives_back_its_stretches(image: Path) -> None:
    found = disk_image(image)
    assert found == DiskImage(path=image, stretches=stretches(image.parent))
    assert (found.format, found.size_bytes) == ("vmdk", 34 * SECTOR)
    assert found.files == (image, *(image.parent / name for name in PARTS))


def test_any_other_file_is_a_whole_image(tmp_path: Path) -> None:
    image = tmp_path / "x.img"
    image.write_bytes(bytes(SECTOR))
    found = disk_image(image)
    assert (found.format, found.size_bytes, found.files) == ("raw", SECTOR, (image,))
    assert found.place(10, 20) == (image, 10)
    with found.outside() as path:
        assert path == image


def test_bytes_lie_in_one_part_or_are_refused(image: Path) -> None:
    disk = disk_image(image)
    assert disk.place(4 * SECTOR, 8 * SECTOR) == (image.with_name("x.1-esp.part"), 0)
    assert disk.place(33 * SECTOR, SECTOR) == (image.with_name("x.0-table.part"), 5 * SECTOR)
    with pytest.raises(ArtifactError, match=r"x\.vmdk: bytes 2,048 to 6,656 do not lie in one part of it"):
        disk.place(4 * SECTOR, 9 * SECTOR)
    with pytest.raises(ArtifactError, match=r"x\.vmdk is cut short: 17,408 bytes of at least 17,409"):
        disk.place(33 * SECTOR, SECTOR + 1)


def test_what_lies_outside_of_partitions_can_be_read_as_one_file(image: Path) -> None:
    with disk_image(image).outside() as path:
        content = path.read_bytes()
    first, last = [b"".join(map(numbered, numbers)) for numbers in ((1, 2, 3, 4), (5, 6))]
    assert content == first + bytes(28 * SECTOR) + last
    assert not path.exists()


def test_a_part_that_is_missing_is_named_with_its_line(image: Path) -> None:
    image.with_name("x.1-esp.part").unlink()
    line = line_of(image, "esp")
    with pytest.raises(ArtifactError, match=rf"x\.vmdk:{line}: .*x\.1-esp\.part: No such file") as caught:
        disk_image(image)
    assert caught.value.hint == "copy the whole directory"


def test_a_part_that_is_no_file_is_named_with_its_line(image: Path) -> None:
    part = image.with_name("x.1-esp.part")
    part.unlink()
    part.mkdir()
    with pytest.raises(ArtifactError, match=rf"x\.vmdk:{line_of(image, 'esp')}: .*x\.1-esp\.part is not a file"):
        disk_image(image)


def test_a_part_that_is_cut_short_is_named_with_its_line(image: Path) -> None:
    image.with_name("x.2-root.part").write_bytes(bytes(19 * SECTOR))
    line = line_of(image, "root")
    expected = rf"x\.vmdk:{line}: .*x\.2-root\.part is cut short: 9,728 bytes of at least 10,240"
    with pytest.raises(ArtifactError, match=expected):
        disk_image(image)


@pytest.mark.parametrize(
    "line",
    [
        'RW 8 FLAT "../secret" 0',
        'RW 8 FLAT "/etc/passwd" 0',
        'RW 8 FLAT "a\0b" 0',
        'RW 8 FLAT "" 0',
        'RW 8 FLAT "x.1-esp.part"',
        f'RW {"9" * 5000} FLAT "x.1-esp.part" 0',
        'RW 8 SPARSE "x-s001.vmdk"',
        'RDONLY 8 FLAT "x.1-esp.part" 0',
        "RW 8 ZERO",
    ],
)
def test_a_line_that_is_not_ours_is_named(image: Path, line: str) -> None:
    text = image.read_text()
    number = line_of(image, "esp")
    image.write_text(text.replace(text.splitlines()[number - 1], line))
    with pytest.raises(ArtifactError, match=rf"x\.vmdk:{number}: this is no part of an image made by Satchel: R"):
        disk_image(image)


@pytest.mark.parametrize("name", ["..", "n" * 300])
def test_a_name_that_no_part_can_have_is_told_so(image: Path, name: str) -> None:
    text, number = image.read_text(), line_of(image, "esp")
    image.write_text(text.replace("x.1-esp.part", name))
    with pytest.raises(ArtifactError, match=rf"x\.vmdk:{number}: "):
        disk_image(image)


def test_a_descriptor_without_parts_is_no_disk(image: Path) -> None:
    lines = [line for line in image.read_text().splitlines() if not line.startswith("RW")]
    image.write_text("\n".join(lines))
    with pytest.raises(ArtifactError, match=r"x\.vmdk names no parts, so it is no disk"):
        disk_image(image)


def test_a_descriptor_that_is_too_long_is_refused_before_a_line_is_cut(image: Path) -> None:
    image.write_text(image.read_text() + "#" * 65536)
    with pytest.raises(ArtifactError, match=r"x\.vmdk begins as a descriptor of a disk, but is too long for one"):
        disk_image(image)


@pytest.mark.parametrize("name", ["missing.img", "."])
def test_what_cannot_be_read_is_told_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match=r": (No such file|Is a directory)"):
        disk_image(tmp_path / name)

"""`satchel diff` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Disk, satchel


def test_different_images_exit_with_1(disks: tuple[Disk, Disk], tmp_path: Path) -> None:
    first, second = (str(disk.image) for disk in disks)
    done = satchel("diff", first, second, "--progress", "none", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{first} (")
    assert "\nbytes\n  partition esp (vfat): " in done.stdout
    assert done.stderr == ""
    done = satchel("diff", first, second, "--json", "--progress", "none", cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["images"] == [first, second]
    done = satchel("diff", first, second, "--all", "--progress", "plain", cwd=tmp_path)
    assert done.returncode == 1
    assert "inode" in done.stdout
    assert "compare partition root" in done.stderr


def test_equal_images_exit_with_0(disks: tuple[Disk, Disk], tmp_path: Path) -> None:
    image = str(disks[0].image)
    done = satchel("diff", image, image, "--progress", "none", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == f"{image} and {image} are the same, byte for byte\n"


def test_no_image_is_an_error_and_not_a_difference(disks: tuple[Disk, Disk], tmp_path: Path) -> None:
    done = satchel("diff", str(disks[0].image), "nothing.img", cwd=tmp_path)
    assert done.returncode == 10
    assert "there is no image nothing.img" in done.stderr

"""The hook that brings a new kernel to the ESP, run with a mounted file system in place of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

OVERLAY = Path(__file__).resolve().parents[3] / "overlays/pc"
PROGRAM = OVERLAY / "usr/lib/satchel/bin/satchel-update-esp"


def kernel(boot: Path, version: str, *, initrd: bool = True) -> None:
    (boot / f"vmlinuz-{version}").write_text(f"kernel {version}")
    if initrd:
        (boot / f"initrd.img-{version}").write_text(f"initrd {version}")


def update(root: Path) -> None:
    places = {"SATCHEL_ESP": "esp", "SATCHEL_BOOT": "boot", "SATCHEL_LIBRARY": "lib"}
    env = {**os.environ, **{name: str(root / place) for name, place in places.items()}}
    subprocess.run(("sh", PROGRAM), env=env, check=True)


def contents(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (root / "esp/satchel").iterdir()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("boot", "esp"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.mark.in_namespace
def test_the_newest_whole_kernel_is_the_one(root: Path) -> None:
    subprocess.run(("mount", "-t", "tmpfs", "none", root / "esp"), check=True)
    boot = root / "boot"
    kernel(boot, "6.12.9+deb13-amd64")
    update(root)
    assert contents(root) == {"vmlinuz": "kernel 6.12.9+deb13-amd64", "initrd.img": "initrd 6.12.9+deb13-amd64"}
    kernel(boot, "6.12.117+deb13-amd64")
    kernel(boot, "6.13.0-amd64", initrd=False)
    update(root)
    assert contents(root) == {"vmlinuz": "kernel 6.12.117+deb13-amd64", "initrd.img": "initrd 6.12.117+deb13-amd64"}
    for path in boot.glob("*6.12.117*"):
        path.unlink()
    update(root)
    assert contents(root)["vmlinuz"] == "kernel 6.12.9+deb13-amd64"


@pytest.mark.in_namespace
def test_the_device_trees_that_the_card_has_are_those_of_its_kernel(root: Path) -> None:
    subprocess.run(("mount", "-t", "tmpfs", "none", root / "esp"), check=True)
    (root / "esp/satchel").mkdir()
    (root / "esp/satchel/bcm2711-rpi-4-b.dtb").write_text("of the image")
    for version in ("6.12.9", "7.3.4"):
        kernel(root / "boot", version)
        trees = root / f"lib/linux-image-{version}/broadcom"
        trees.mkdir(parents=True)
        for name in ("bcm2711-rpi-4-b", "bcm2712-rpi-5-b"):
            (trees / f"{name}.dtb").write_text(f"{name} {version}")
    update(root)
    assert contents(root) == {
        "vmlinuz": "kernel 7.3.4",
        "initrd.img": "initrd 7.3.4",
        "bcm2711-rpi-4-b.dtb": "bcm2711-rpi-4-b 7.3.4",
    }


def test_nothing_happens_while_no_esp_is_mounted(root: Path) -> None:
    kernel(root / "boot", "6.12.9")
    update(root)
    assert list((root / "esp").iterdir()) == []

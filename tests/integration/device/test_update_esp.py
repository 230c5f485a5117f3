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
    env = {**os.environ, "SATCHEL_ESP": str(root / "esp"), "SATCHEL_BOOT": str(root / "boot")}
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


def test_nothing_happens_while_no_esp_is_mounted(root: Path) -> None:
    kernel(root / "boot", "6.12.9")
    update(root)
    assert list((root / "esp").iterdir()) == []

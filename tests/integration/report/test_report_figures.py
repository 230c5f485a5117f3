"""The figures of the report page, compared with what real overlay mounts show and what file systems say."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from builder.errors import ArtifactError
from builder.host.namespace import overlay_mounted
from builder.report.facts import Share
from builder.report.sizes import shares_of
from builder.report.usage import usage_of
from builder.units import MIB
from tests.integration.disk.disk_bench import Bench
from tests.unit.finished_image import MANIFEST, partition


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def write(root: Path, path: str, size: int) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"x" * size)


def listed(root: Path, package: str, *paths: str) -> None:
    write(root, f"var/lib/dpkg/info/{package}.list", 0)
    (root / f"var/lib/dpkg/info/{package}.list").write_text("".join(f"{path}\n" for path in ("/.", *paths)))


@pytest.mark.in_namespace
def test_every_visible_byte_is_counted_once_for_its_owner(tmp_path: Path) -> None:
    base, apt, site = tmp_path / "base", tmp_path / "apt", "opt/kolibri/lib/python3.13/site-packages"
    write(base, "usr/lib/libc.so", 1000)
    write(base, "usr/bin/gone", 10_000)
    write(base, "usr/share/doc/libc6/big", 100_000)
    write(base, "etc/replaced", 50)
    listed(base, "libc6:amd64", "/lib/libc.so", "/usr/bin/gone", "/usr/share/doc/libc6/big", "/etc/replaced")
    with overlay_mounted((base,), upper=apt, work=tmp_path / "work", target=tmp_path / "tree") as tree:
        (tree / "usr/bin/gone").unlink()
        shutil.rmtree(tree / "usr/share/doc")
        write(tree, "usr/share/doc/new", 7)
        write(tree, "etc/replaced", 60)
        write(tree, "usr/bin/perl", 500)
        os.link(tree / "usr/bin/perl", tree / "usr/bin/perl5")
        write(tree, "usr/lib/python3/__pycache__/thing.cpython-313.pyc", 90)
        listed(tree, "perl", "/usr/bin/perl", "/usr/bin/perl5", "/usr/lib/python3/thing.py")
        write(tree, f"{site}/kolibri/main.py", 300)
        write(tree, f"{site}/kolibri-0.19.5.dist-info/RECORD", 0)
        (tree / f"{site}/kolibri-0.19.5.dist-info/RECORD").write_text(
            "kolibri/main.py,sha256=x,300\n../../../bin/kolibri,,\n"
        )
        write(tree, "opt/kolibri/bin/kolibri", 40)
        write(tree, "content/channels/a.zip", 2000)
        write(tree, "var/cache/thing", 3)
        shown = {path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()}
        total = sum({path.stat().st_ino: path.stat().st_size for path in shown}.values())
        shares = shares_of([("base", base), ("apt", apt)], MANIFEST)
    sizes = {(share.layer, share.kind, share.name): share.size_bytes for share in shares}
    lists = sizes.pop(("base", "other", "/var/lib/dpkg")) + sizes.pop(("apt", "other", "/var/lib/dpkg"))
    record = sizes.pop(("apt", "other", f"/{'/'.join(site.split('/')[:3])}"))
    assert sizes == {
        ("base", "deb", "libc6"): 1000,
        ("apt", "deb", "libc6"): 60,
        ("apt", "deb", "perl"): 500 + 90,
        ("apt", "wheel", "kolibri"): 340,
        ("apt", "content", "/content/channels"): 2000,
        ("apt", "other", "/usr/share/doc"): 7,
        ("apt", "other", "/var/cache"): 3,
    }
    assert sum(sizes.values()) + lists + record == total
    assert [share.size_bytes for share in shares] == sorted((share.size_bytes for share in shares), reverse=True)


def test_what_an_overlay_brings_is_its_own(tmp_path: Path) -> None:
    base, overlay = tmp_path / "base", tmp_path / "overlay"
    write(base, "etc/ssh/config", 5)
    listed(base, "ssh", "/etc/ssh/config")
    write(overlay, "etc/ssh/config", 8)
    shares = shares_of([("base", base), ("overlay pc", overlay)], MANIFEST)
    assert Share(layer="overlay pc", kind="overlay", name="/etc/ssh", size_bytes=8) in shares
    assert "ssh" not in {share.name for share in shares}


def image_of(bench: Bench, filesystem: Path) -> Path:
    """The file system at 4 MiB of a disk image."""
    image = bench.directory / "disk.img"
    with image.open("wb") as file:
        file.seek(4 * MIB)
        file.write(filesystem.read_bytes())
    return image


@pytest.mark.in_namespace
@pytest.mark.parametrize("filesystem", ["ext4", "btrfs", "vfat"])
def test_usage_is_what_the_file_system_says(bench: Bench, filesystem: str) -> None:
    source = bench.directory / "tree"
    write(source, "video", 5 * MIB)
    size, made = 128 * MIB, bench.directory / "out" / "part.img"
    made.parent.mkdir()
    with made.open("wb") as file:
        file.truncate(size)
    match filesystem:
        case "ext4":
            bench.look("mke2fs", "-q", "-t", "ext4", "-d", "/job/at", "/job/out/part.img", at=source)
            told = bench.look("dumpe2fs", "-h", "/job/at", at=made)
            free = _number(r"Free blocks: +(\d+)", told) * _number(r"Block size: +(\d+)", told)
        case "btrfs":
            bench.look("mkfs.btrfs", "-q", "--rootdir", "/job/at", "/job/out/part.img", at=source)
            told = bench.look("btrfs", "inspect-internal", "dump-super", "/job/at", at=made)
            free = _number(r"total_bytes\s+(\d+)", told) - _number(r"bytes_used\s+(\d+)", told)
        case _:
            bench.look("mkfs.vfat", "-F", "32", "-s", "1", "/job/out/part.img", at=source)
            bench.look("mcopy", "-i", "/job/out/part.img", "/job/at/video", "::", at=source)
            told = bench.look("fsck.vfat", "-n", "-v", "/job/at", at=made)
            used, clusters = map(int, re.findall(r"(\d+)/(\d+) clusters", told)[0])
            free = (clusters - used) * _number(r"(\d+) bytes per cluster", told)
    disk = MANIFEST.disk.model_copy(
        update={"partitions": (partition(1, "part", 4 * MIB, size, filesystem=filesystem),)}
    )
    (usage,) = usage_of(image_of(bench, made), disk)
    assert usage.free_bytes == pytest.approx(free, rel=0.01)
    assert 5 * MIB <= usage.used_bytes < 40 * MIB
    assert usage.used_bytes + usage.free_bytes == pytest.approx(size, rel=0.05)


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1])


def test_an_image_that_ends_too_early_is_told(tmp_path: Path) -> None:
    image = tmp_path / "short.img"
    image.write_bytes(bytes(512))
    with pytest.raises(ArtifactError, match=r"short\.img is cut short: 512 bytes of at least"):
        usage_of(image, MANIFEST.disk)


def test_an_image_without_the_file_systems_of_its_manifest_is_told(tmp_path: Path) -> None:
    image = tmp_path / "empty.img"
    image.write_bytes(bytes(MIB))
    disk = MANIFEST.disk.model_copy(update={"partitions": (partition(1, "esp", 0, MIB, filesystem="vfat"),)})
    with pytest.raises(ArtifactError, match="does not hold the file systems"):
        usage_of(image, disk)

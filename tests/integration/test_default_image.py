"""The finished default image, as readers see it that know nothing of Satchel, and as our own verbs tell it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from builder.audit.described import image_partitions
from builder.audit.reader import cut
from builder.host.sandbox import Mount
from builder.host.tools import Tools, ensure_lab
from builder.identity.place import find_place
from builder.identity.seed_file import EMPTY
from builder.manifest import Manifest, read_manifest
from builder.progress import Reporter
from builder.recipe.disk import FileSystem
from builder.units import MIB

ENDINGS = (".img", ".img.zst", ".img.bmap", ".lock", ".cdx.json")


def satchel(*arguments: str) -> str:
    command = [sys.executable, "-m", "builder", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=dict(os.environ)).stdout


@pytest.fixture(scope="module")
def manifest(default_image: Path) -> Manifest:
    return read_manifest(default_image.with_name("manifest.json"))


def test_digests_are_those_of_the_files(default_image: Path, manifest: Manifest) -> None:
    assert set(manifest.digests) == {f"kolibri-pc{ending}" for ending in ENDINGS}
    for name, record in manifest.digests.items():
        with (default_image.parent / name).open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == record.sha256, name
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=default_image.parent, check=True)


def test_the_manifest_names_what_is_inside(manifest: Manifest) -> None:
    versions = {package.name: package.version for package in manifest.packages}
    assert versions["kolibri"] == "0.19.5"
    assert {"linux-image-amd64", "openssh-server", "cryptography", "cffi"} <= set(versions)
    (channel,) = manifest.content
    assert channel.resources == 48
    assert manifest.disk.size_bytes < 7_200_000_000, 'fits a card sold as "8 GB"'


def test_a_seed_can_be_written_where_the_manifest_says(default_image: Path, manifest: Manifest) -> None:
    place = find_place(default_image)
    assert place.is_where(manifest)
    assert place.manifest is not None
    assert place.manifest.seed == manifest.seed
    assert place.data == EMPTY
    with default_image.open("rb") as file:
        file.seek(place.offset_bytes)
        assert file.read(place.size_bytes) == EMPTY


def test_the_image_is_sparse(default_image: Path) -> None:
    facts = default_image.stat()
    assert facts.st_blocks * 512 < facts.st_size / 4


def test_the_block_map_has_small_ranges_with_checksums(default_image: Path) -> None:
    root = ET.parse(f"{default_image}.bmap").getroot()
    assert root.get("version") == "2.0"
    ranges = root.findall("./BlockMap/Range")
    assert ranges
    for part in ranges:
        first, _, last = (part.text or "").strip().partition("-")
        assert (int(last or first) - int(first) + 1) * 4096 <= 4 * MIB
        assert len(part.get("chksum") or "") == 64


@pytest.mark.in_namespace
def test_independent_readers_agree(default_image: Path, manifest: Manifest, tmp_path: Path) -> None:
    tools = ensure_lab(Reporter())
    image = Mount(target="/job/disk.img", source=default_image)
    assert "No errors" in tools.sandbox(image).run(("sfdisk", "--verify", "/job/disk.img"), why="verify the table")
    checks = {
        FileSystem.BTRFS: ("btrfs", "check", "--check-data-csum", "/job/part.img"),
        FileSystem.EXT4: ("e2fsck", "-fn", "/job/part.img"),
        FileSystem.VFAT: ("fsck.vfat", "-n", "/job/part.img"),
    }
    for partition in image_partitions(manifest.recipe.disk, manifest.disk.partitions):
        alone = tmp_path / "part.img"
        cut(default_image, partition, alone)
        sandbox = tools.sandbox(Mount(target="/job/part.img", source=alone))
        sandbox.run(checks[partition.filesystem], why=f"check partition {partition.name}")
        if partition.filesystem is FileSystem.VFAT:
            listing = sandbox.run(("mdir", "-/", "-b", "-i", "/job/part.img", "::"), why="list the ESP")
            for name in ("EFI/BOOT/BOOTX64.EFI", "grub/grub.cfg", "satchel/vmlinuz", "satchel/manifest.json"):
                assert f"::/{name}" in listing
        alone.unlink()


@pytest.mark.in_namespace
def test_bmaptool_copies_it(default_image: Path, manifest: Manifest, tmp_path: Path) -> None:
    _bmaptool(ensure_lab(Reporter()), default_image, "kolibri-pc.img.zst", tmp_path)
    with (tmp_path / "card.img").open("rb") as card:
        found = hashlib.file_digest(card, "sha256").hexdigest()
    assert found == manifest.digests["kolibri-pc.img"].sha256
    shutil.rmtree(tmp_path)


def _bmaptool(tools: Tools, image: Path, name: str, out: Path) -> None:
    sandbox = tools.sandbox(
        Mount(target="/job/dist", source=image.parent), Mount(target="/job/out", source=out, writable=True)
    )
    block_map = f"/job/dist/{image.name}.bmap"
    copy = ("bmaptool", "copy", "--bmap", block_map, f"/job/dist/{name}", "/job/out/card.img")
    sandbox.run(copy, why="copy the image with its block map")


def test_nothing_is_made_twice(default_image: Path) -> None:
    del default_image
    plan = json.loads(satchel("plan", "kolibri-pc", "--json"))
    assert [layer["layer"] for layer in plan["layers"] if not layer["reused"]] == []


def test_an_image_that_stands_is_left_alone(default_image: Path) -> None:
    before = default_image.stat()
    told = json.loads(satchel("build", "kolibri-pc", "--dist", str(default_image.parents[1]), "--json"))
    assert told["reused"] is True
    after = default_image.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_inspect_hears_it_from_the_image_itself(default_image: Path, manifest: Manifest, tmp_path: Path) -> None:
    alone = tmp_path / "renamed.img"
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", default_image, alone], check=True)
    facts = json.loads(satchel("inspect", str(alone), "--json"))
    assert facts["manifest"]["lock"] == manifest.lock
    assert facts["manifest"]["key"] == "", "an edit of Satchel's code that changes no byte must change no image"
    assert [part["filesystem"] and part["filesystem"]["type"] for part in facts["partitions"]] == [
        *(None, "vfat", "btrfs", "ext4", "ext4"),
    ]
    text = satchel("inspect", str(alone))
    assert "Satchel: first lessons" in text
    assert "@=/ @home=/home @log=/var/log" in text
    alone.unlink()


def test_the_finished_image_carries_no_identity(default_image: Path) -> None:
    told = json.loads(satchel("audit", str(default_image), "--json"))
    assert (told["passed"], told["findings"], told["waived"]) == (True, [], [])
    assert {each["place"] for each in told["looked_at"]} == {"esp", "root", "content", "data"}

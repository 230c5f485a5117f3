"""Where the partitions of anybody's image are mounted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.audit.mounts import Identity, find_places, parse_fstab, resolve
from builder.recipe.disk import FileSystem


def partition(name: str, number: int, filesystem: FileSystem, **names: str) -> Identity:
    called = {"uuid": "", "label": "", "partuuid": "", "partlabel": "", **names}
    return Identity(name=name, number=number, filesystem=filesystem, **called)


BOOT = partition("p1", 1, FileSystem.VFAT, uuid="5E2A-0B11", label="bootfs", partuuid="4e639091-01")
ROOT = partition("p2", 2, FileSystem.EXT4, uuid="0c1d", label="rootfs", partuuid="4e639091-02", partlabel="system")
DATA = partition("p3", 3, FileSystem.EXT4, uuid="0e1f")
POOL = partition("p2", 2, FileSystem.BTRFS, uuid="0c1d")
ALL = (BOOT, ROOT, DATA)


def trees(directory: Path, files: Mapping[str, str]) -> dict[str, Path]:
    for path, text in files.items():
        place = directory / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    return {path.name: path for path in directory.iterdir()}


def placed(directory: Path, files: Mapping[str, str], *identities: Identity) -> dict[str, str]:
    places, _absent = find_places(identities, trees(directory, files))
    return {place.mount: f"{place.partition}/{place.inner}" for place in places}


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("UUID=5e2a-0b11", BOOT),
        ("LABEL=rootfs", ROOT),
        ("PARTUUID=4e639091-02", ROOT),
        ("PARTLABEL=system", ROOT),
        ("/dev/disk/by-uuid/0e1f", DATA),
        ("/dev/disk/by-partuuid/4e639091-01", BOOT),
        ("/dev/mmcblk0p2", ROOT),
        ("/dev/sda3", DATA),
        ("/dev/nvme0n1p1", BOOT),
        ("/dev/sdb1", None),
        ("/dev/sda", None),
        ("UUID=", None),
        ("LABEL=elsewhere", None),
    ],
)
def test_a_partition_is_known_by_every_name(device: str, expected: Identity | None) -> None:
    assert resolve(device, ALL) == expected


def test_only_disks_are_taken_from_a_mount_table() -> None:
    text = (
        "# a comment\n\nproc /proc proc defaults 0 0\nUUID=a / btrfs rw,subvol=/@,compress=zstd 0 0\n"
        "LABEL=My\\040Data /srv/my\\040data ext4\nUUID=b none swap sw 0 0\n"
        "//nas/x /mnt cifs x 0 0\n/srv /x none bind 0 0\n"
    )
    assert [(line.device, line.mount, line.subvolume) for line in parse_fstab(text)] == [
        ("UUID=a", "/", "@"),
        ("LABEL=My Data", "/srv/my data", None),
    ]


def test_a_card_of_raspberry_pi_os(tmp_path: Path) -> None:
    files = {
        "p1/config.txt": "",
        "p2/etc/os-release": "ID=debian",
        "p2/etc/fstab": "PARTUUID=4e639091-01 /boot/firmware vfat defaults 0 2\n"
        "PARTUUID=4e639091-02 / ext4 defaults 0 1\n"
        "/dev/sdb1 /library ext4 defaults 0 2\n",
        "p3/x": "",
    }
    assert placed(tmp_path, files, *ALL) == {"/": "p2/", "/boot/firmware": "p1/"}
    _places, absent = find_places(ALL, trees(tmp_path, {}))
    assert [(each.place, each.why) for each in absent] == [
        ("/library", "/dev/sdb1 is mounted there, which is not in the image")
    ]


@pytest.mark.parametrize(
    ("there", "mount"),
    [("boot/firmware/", "/boot/firmware"), ("boot/efi/", "/boot/efi"), ("boot/", "/boot"), ("usr/", None)],
)
def test_without_a_mount_table_fat_goes_by_custom(tmp_path: Path, there: str, mount: str | None) -> None:
    found = placed(tmp_path, {"p1/x": "", "p2/usr/lib/os-release": "", f"p2/{there}": ""}, BOOT, ROOT)
    assert found == {"/": "p2/"} | ({mount: "p1/"} if mount else {})


def test_subvolumes_are_mounted_and_snapshots_are_not(tmp_path: Path) -> None:
    fstab = (
        "UUID=0c1d / btrfs subvol=/@root 0 0\nUUID=0c1d /home btrfs subvol=@home 0 0\nUUID=0c1d /pool btrfs rw 0 0\n"
    )
    files = {"p2/@home/x": "", "p2/@before/etc/os-release": "", "p2/@before/etc/fstab": fstab}
    files |= {"p2/@root/etc/os-release": "", "p2/@root/etc/fstab": fstab}
    assert placed(tmp_path, files, POOL) == {"/": "p2/@root", "/home": "p2/@home"}


def test_a_subvolume_is_found_without_a_mount_table(tmp_path: Path) -> None:
    assert placed(tmp_path, {"p2/root/usr/lib/os-release": ""}, POOL) == {"/": "p2/root"}


def test_the_second_of_two_systems_stays_beside(tmp_path: Path) -> None:
    other = partition("p4", 4, FileSystem.EXT4, uuid="0d0d")
    fstab = "UUID=0c1d / ext4 defaults 0 1\n"
    files = {"p4/etc/os-release": "", "p2/etc/os-release": "", "p2/etc/fstab": fstab, "p4/etc/fstab": fstab}
    assert placed(tmp_path, files, other, ROOT) == {"/": "p2/"}


def test_a_disk_with_data_alone_mounts_nothing(tmp_path: Path) -> None:
    assert placed(tmp_path, {"p3/.kolibri/db.sqlite3": ""}, DATA) == {}


def test_links_in_the_image_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "fstab").write_text("UUID=0e1f /elsewhere ext4 defaults 0 0\n")
    found = trees(tmp_path / "read", {"p2/usr/lib/os-release": "", "p3/x": ""})
    (found["p2"] / "etc").symlink_to(outside)
    (found["p2"] / "data").symlink_to(outside)
    places, _absent = find_places((ROOT, DATA), found)
    assert [place.mount for place in places] == ["/"]
    (found["p2"] / "etc").unlink()
    trees(tmp_path / "read", {"p2/etc/fstab": "UUID=0e1f /data/x ext4 defaults 0 0\n"})
    places, _absent = find_places((ROOT, DATA), found)
    assert [place.mount for place in places] == ["/"]

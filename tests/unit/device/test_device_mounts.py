from __future__ import annotations

import pytest
from checks import mount as mount_check
from device import mounts
from device.errors import DeviceError

TABLE = mounts.parse(
    r"""
22 1 0:20 /@ / rw,noatime shared:1 - btrfs /dev/vda3 rw,compress=zstd:3,space_cache=v2,subvol=/@
23 22 0:20 /@home /home rw,noatime shared:2 master:7 - btrfs /dev/vda3 rw,compress=zstd:3,subvol=/@home
24 22 254:4 / /srv/content ro,nodev,noatime - ext4 /dev/vda4 rw
25 22 254:5 / /srv/data rw,noatime - ext4 /dev/vda5 rw
26 25 254:6 / /srv/data/with\040space rw - ext4 /dev/disk/by-label/a\040b ro
27 22 0:30 / /srv/data rw - tmpfs none rw
"""
)


def test_read_only_on_either_side_wins() -> None:
    content = mounts.mounted_at(TABLE, "/srv/content")
    assert content is not None
    assert "ro" in content.options
    assert "rw" not in content.options
    spaced = mounts.mounted_at(TABLE, "/srv/data/with space")
    assert spaced is not None
    assert spaced.source == "/dev/disk/by-label/a b"
    assert "ro" in spaced.options


def test_the_last_mount_hides_the_others() -> None:
    data = mounts.mounted_at(TABLE, "/srv/data")
    assert data is not None
    assert data.type == "tmpfs"


def test_the_mount_that_holds_a_path() -> None:
    def point(path: str) -> str | None:
        found = mounts.holding(TABLE, path)
        return found.point if found else None

    assert point("/srv/content/kolibri") == "/srv/content"
    assert point("/srv/contents") == "/"
    assert mounts.holding((), "/srv") is None


def test_what_is_missing_is_named() -> None:
    mounts.require(TABLE, ["/", "/home"])
    with pytest.raises(DeviceError, match="not mounted: /boot/efi, /var/log"):
        mounts.require(TABLE, ["/", "/boot/efi", "/var/log"])


@pytest.mark.parametrize(
    ("path", "kind", "options", "ok"),
    [
        ("/", "btrfs", ["compress=zstd:3", "subvol=/@"], True),
        ("/", "btrfs", ["subvol=/@home"], False),
        ("/home", "btrfs", ["subvol=/@home"], True),
        ("/srv/content", "ext4", ["ro"], True),
        ("/srv/content", "ext4", ["rw"], False),
        ("/srv/content", "vfat", [], False),
        ("/boot/efi", "vfat", [], False),
    ],
)
def test_mount_check(path: str, kind: str, options: list[str], ok: bool) -> None:
    outcome = mount_check.compare(TABLE, path, kind, options)
    assert outcome.ok is ok
    assert outcome.detail

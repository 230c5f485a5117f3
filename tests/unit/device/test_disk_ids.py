from __future__ import annotations

from pathlib import Path

import pytest
from device import disk_ids

GUID = "5A7C4E10-0000-4000-8000-00000000C0DE"


@pytest.mark.parametrize(
    ("cmdline", "guid"),
    [
        (f"root=/dev/satchel/root rw satchel.image={GUID} satchel.esp=0f1e\n", GUID),
        (f"satchel.image={GUID}", GUID),
        ("root=UUID=0ff1ce rw", None),
        (f"other.satchel.image={GUID}", None),
        (f"satchel.image={GUID}-", None),
        ("satchel.image=", None),
    ],
)
def test_the_image_s_guid_is_read_from_the_command_line(cmdline: str, guid: str | None) -> None:
    assert disk_ids.image_guid(cmdline) == guid


def test_partitions_are_found_by_name(tmp_path: Path) -> None:
    for number, lines in ((1, "PARTN=1"), (2, "PARTN=2\nPARTNAME=root"), (3, "PARTNAME=data")):
        place = tmp_path / f"class/block/nvme0n1/nvme0n1p{number}"
        place.mkdir(parents=True)
        (place / "uevent").write_text(f"DEVNAME=nvme0n1p{number}\n{lines}\n")
    found = disk_ids.nodes(Path("/dev/nvme0n1"), tmp_path, Path("/dev"))
    assert found == {"root": Path("/dev/nvme0n1p2"), "data": Path("/dev/nvme0n1p3")}

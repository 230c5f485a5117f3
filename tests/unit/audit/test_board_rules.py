"""What a board needs to start: its firmware, its kernel, programs for its processor."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.audit.engine import audit_tree
from builder.audit.facts import BoardFirmware, Facts
from builder.disk.raspberry_pi import CMDLINE, CONFIG, config_txt, firmware_files
from builder.recipe.disk import Board
from builder.recipe.software import Architecture

PLACE = "boot/firmware"
FACTS = Facts(board_firmware=BoardFirmware(place=f"/{PLACE}", boards=tuple(Board)))
KERNEL = bytes(56) + b"ARM\x64" + bytes(8)
DEVICE_TREE = b"\xd0\x0d\xfe\xed" + bytes(8)


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + struct.pack("<H", machine) + bytes(44)


def good_card() -> dict[str, bytes]:
    """The firmware partition of a card for all boards."""
    files = firmware_files(tuple(Board), firmware=Path(), device_trees=Path())
    marked = {".elf": elf(137), ".dtb": DEVICE_TREE}
    return {
        **{name: marked.get(Path(name).suffix, b"firmware") for name in files},
        CONFIG: config_txt((), kernel="satchel/vmlinuz", initrd="satchel/initrd.img").encode(),
        CMDLINE: b"root=UUID=1 rw\n",
        "satchel/vmlinuz": KERNEL,
        "satchel/initrd.img": b"070701",
    }


def found(tree: Path, files: Mapping[str, bytes], facts: Facts = FACTS) -> list[tuple[str, str]]:
    for name, content in files.items():
        path = tree / PLACE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [(finding.path.removeprefix(f"/{PLACE}/"), finding.what) for finding in audit_tree(tree, facts).findings]


def test_a_whole_card_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path, good_card()) == []


@pytest.mark.parametrize("name", sorted(good_card()))
def test_every_file_of_the_card_is_needed_by_some_board(tmp_path: Path, name: str) -> None:
    files = good_card()
    del files[name]
    assert name in dict(found(tmp_path, files))


@pytest.mark.parametrize(
    ("name", "content", "boards"),
    [
        ("start4.elf", b"<html>", "pi-4, pi-400"),
        ("bootcode.bin", b"", "pi-3, zero-2-w"),
        ("satchel/bcm2712-rpi-5-b.dtb", b"garbage", "pi-5"),
        ("satchel/vmlinuz", b"MZ" + bytes(80), "pi-3, pi-4, pi-400, pi-5, zero-2-w"),
    ],
)
def test_what_is_not_what_its_name_says_is_told_with_its_boards(
    tmp_path: Path, name: str, content: bytes, boards: str
) -> None:
    assert found(tmp_path, {**good_card(), name: content}) == [
        (name, f"is not what its name says: {boards} cannot start")
    ]


def test_the_command_line_must_name_a_root_file_system(tmp_path: Path) -> None:
    ((path, what),) = found(tmp_path, {**good_card(), CMDLINE: b"rw quiet\n"})
    assert path == CMDLINE
    assert "no root file system" in what


def test_what_counts_is_what_config_txt_says(tmp_path: Path) -> None:
    config = good_card()[CONFIG] + b"[pi4]\nkernel=other\n[cm4]\nkernel=none\n"
    ((path, what),) = found(tmp_path, {**good_card(), CONFIG: config})
    assert (path, what) == ("satchel/other", "is missing: pi-4, pi-400 cannot start")


def test_only_boards_of_the_recipe_count(tmp_path: Path) -> None:
    facts = Facts(board_firmware=BoardFirmware(place=f"/{PLACE}", boards=(Board.PI_5,)))
    files = {name: content for name, content in good_card().items() if "bcm28" not in name and "start" not in name}
    assert found(tmp_path, files, facts) == []
    assert found(tmp_path, {}, Facts()) == []


def test_a_snapshot_has_no_firmware_of_its_own(tmp_path: Path) -> None:
    inner = tmp_path / "snapshot/etc/os-release"
    inner.parent.mkdir(parents=True)
    inner.touch()
    assert found(tmp_path, good_card()) == []


@pytest.mark.parametrize(
    ("architecture", "machine", "what"),
    [
        (Architecture.ARM64, 62, ["is a program for amd64"]),
        (Architecture.AMD64, 183, ["is a program for arm64"]),
        (Architecture.ARM64, 183, []),
        (Architecture.ARM64, 137, []),
        (None, 62, []),
    ],
)
def test_a_program_for_another_processor_is_found(
    tmp_path: Path, architecture: Architecture | None, machine: int, what: list[str]
) -> None:
    (tmp_path / "kmod").write_bytes(elf(machine))
    (tmp_path / "short").write_bytes(b"\x7fELF")
    findings = audit_tree(tmp_path, Facts(architecture=architecture)).findings
    assert [finding.what for finding in findings] == what


@pytest.mark.parametrize(("tag", "count"), [("313", 1), ("36m", 0)])
def test_a_module_that_this_python_never_loads_does_no_harm(tmp_path: Path, tag: str, count: int) -> None:
    module = tmp_path / f"opt/kolibri/lib/python3.13/site-packages/sqlalchemy/c.cpython-{tag}-x86_64-linux-gnu.so"
    module.parent.mkdir(parents=True)
    module.write_bytes(elf(62))
    assert len(audit_tree(tmp_path, Facts(architecture=Architecture.ARM64)).findings) == count

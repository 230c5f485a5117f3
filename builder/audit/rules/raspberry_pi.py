"""The firmware partition of a card for Raspberry Pi boards: each file that a board loads, and what is in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree
from builder.disk.raspberry_pi import BOARDS, CONFIG, start_of
from builder.recipe.disk import Board

_ELF: Final = b"\x7fELF"
_DEVICE_TREE: Final = b"\xd0\x0d\xfe\xed"
_GZIP: Final = b"\x1f\x8b"
_KERNEL: Final = b"ARM\x64"
_KERNEL_AT: Final = 56
"""Where a kernel for arm64 says that it is one (Linux, Documentation/arch/arm64/booting.rst)."""


def _find(tree: Tree, facts: Facts) -> Iterable[Hit]:
    if facts.board_firmware is None:
        return
    place = facts.board_firmware.place.strip("/")
    config = f"{place}/{CONFIG}"
    if not tree.get(config):
        yield config, "is missing: no board starts"
        return
    wrong: dict[Hit, list[Board]] = defaultdict(list)
    for board in facts.board_firmware.boards:
        for name, what in _missed_by(board, tree, place):
            wrong[f"{place}/{name}", what].append(board)
    for (path, what), boards in wrong.items():
        yield path, f"{what}: {', '.join(boards)} cannot start"


def _missed_by(board: Board, tree: Tree, place: str) -> Iterator[Hit]:
    start = start_of(tree.text(f"{place}/{CONFIG}"), board)
    for name in (*BOARDS[board].firmware, start.kernel, start.initrd, start.command_line, *start.device_trees):
        if not tree.get(f"{place}/{name}"):
            yield name, "is missing"
        elif not _is_whole(name, tree.read(f"{place}/{name}", _KERNEL_AT + len(_KERNEL)), kernel=start.kernel):
            yield name, "is not what its name says"
    if "root=" not in tree.text(f"{place}/{start.command_line}"):
        yield start.command_line, "names no root file system"


def _is_whole(name: str, head: bytes, *, kernel: str) -> bool:
    if name == kernel:
        return head.startswith(_GZIP) or head[_KERNEL_AT:] == _KERNEL
    marks = {".elf": _ELF, ".dtb": _DEVICE_TREE}
    return bool(head) and head.startswith(marks.get(PurePosixPath(name).suffix, b""))


RULE = Rule(
    name="raspberry-pi",
    severity=Severity.SERIOUS,
    why="a board that misses one of these files shows nothing at all, or a code of blinks",
    remedy="build anew with raspi-firmware and a kernel in packages.apt; name only the boards that are meant",
    find=_find,
)

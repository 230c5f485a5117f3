"""Programs for another processor: what a build on another kind of machine leaves when a step ran at the wrong place."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import Final

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree
from builder.recipe.software import Architecture

_MAGIC: Final = b"\x7fELF"
_MACHINE: Final = struct.Struct("<18xH")
_MACHINES: Final = {62: Architecture.AMD64, 183: Architecture.ARM64}
"""e_machine of the processors that images are for (elf.h); firmware and programs of the kernel have others."""

_MODULE: Final = re.compile(r".*/python3\.(\d+)/.*\.cpython-3(\d+)[a-z]*-[^/]*\.so")
"""An extension module with the version of Python that may load it in its name (PEP 3149)."""


def _find(tree: Tree, facts: Facts) -> Iterable[Hit]:
    if facts.architecture is None:
        return
    for file in tree.everything():
        module = _MODULE.match(file.path)
        if file.size < _MACHINE.size or (module and module[1] != module[2]):
            continue
        head = tree.read(file.path, _MACHINE.size)
        if head.startswith(_MAGIC) and len(head) == _MACHINE.size:
            found = _MACHINES.get(*_MACHINE.unpack(head))
            if found not in {None, facts.architecture}:
                yield file.path, f"is a program for {found}"


RULE = Rule(
    name="processors",
    severity=Severity.SERIOUS,
    why="the device cannot run it, and what needs it fails in the field",
    remedy="let the package manager or the lock choose the processor; copy no programs of the machine that builds",
    find=_find,
)

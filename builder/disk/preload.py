"""Libraries that are loaded before mkfs.btrfs and mke2fs; the C files beside this one say what each of them changes.

They belong to the workshop: compiled against its headers by its compiler, in a few milliseconds, so nothing is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools


@dataclass(frozen=True, slots=True)
class Library:
    """One C file, and what it is linked with."""

    source: Path
    needs: str

    @property
    def target(self) -> str:
        """Where a sandbox has it."""
        return f"{WORK}/{self.source.stem}.so"


STEADY: Final = Library(Path(__file__).with_name("steady.c"), "-luuid")
BULK: Final = Library(Path(__file__).with_name("bulk.c"), "-lext2fs")


def compile_library(library: Library, tools: Tools, directory: Path) -> Mount:
    """Compile a library in `directory`, and return what places it into a sandbox for `environment`.

    Raises:
        CommandFailed: it does not compile without a warning.
    """
    source, out = f"{WORK}/{library.source.name}", f"{WORK}/out"
    made = directory / Path(library.target).name
    sandbox = tools.sandbox(
        Mount(target=source, source=library.source), Mount(target=out, source=directory, writable=True)
    )
    argv = ("tcc", "-Wall", "-Werror", "-shared", "-o", f"{out}/{made.name}", source, library.needs)
    sandbox.run(argv, why=f"compile {library.source.name}")
    return Mount(target=library.target, source=made)


def environment(*libraries: Library, seed: UUID, epoch: int) -> dict[str, str]:
    """Variables for a program in whose sandbox these libraries are.

    `seed` is where all UUIDs come from that the program makes up; `epoch`, seconds since 1970, is its present and the
    latest that a file can have.
    """
    loaded = " ".join(library.target for library in libraries)
    return {"LD_PRELOAD": loaded, "STEADY_SEED": str(seed), "SOURCE_DATE_EPOCH": str(epoch)}

"""The library that keeps programs steady, compiled from `steady.c`, which says why it exists.

It belongs to the workshop: compiled against its headers by its compiler, in a few milliseconds, so nothing is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import UUID

from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools

SOURCE: Final = Path(__file__).with_name("steady.c")

_TARGET: Final = f"{WORK}/steady.so"


def compile_steady(tools: Tools, directory: Path) -> Mount:
    """Compile the library in `directory`, and return what places it into a sandbox for `steady_environment`.

    Raises:
        CommandFailed: it does not compile without a warning.
    """
    source, out = f"{WORK}/steady.c", f"{WORK}/out"
    sandbox = tools.sandbox(Mount(target=source, source=SOURCE), Mount(target=out, source=directory, writable=True))
    argv = ("tcc", "-Wall", "-Werror", "-shared", "-o", f"{out}/steady.so", source, "-luuid")
    sandbox.run(argv, why="compile the library that keeps programs steady")
    return Mount(target=_TARGET, source=directory / "steady.so")


def steady_environment(*, seed: UUID, epoch: int) -> dict[str, str]:
    """Variables for a program in whose sandbox the library is.

    `seed` is where all UUIDs come from that the program makes up; `epoch`, seconds since 1970, is its present and the
    latest that a file can have.
    """
    return {"LD_PRELOAD": _TARGET, "STEADY_SEED": str(seed), "SOURCE_DATE_EPOCH": str(epoch)}

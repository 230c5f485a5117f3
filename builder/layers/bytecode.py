"""Python modules, compiled while the image is built: on a device each start would do it anew, as nobody may keep it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, Literal

from builder.host.sandbox import Sandbox
from builder.together import together

_FILES_AT_ONCE: Final = 1000
"""Source files compiled by one process. What a process wrote earlier shows in the bytes of what it writes later, so the
division must not depend on the number of processors."""

Validity = Literal["checked-hash", "unchecked-hash"]
"""Whether Python compares what was compiled with its source when it is imported (PEP 552). Times differ from build to
build, so they do not serve."""


def compile_modules(inside: Sandbox, sources: Sequence[str], *, validity: Validity, why: str) -> None:
    """Compile modules with the Python of their tree. Files that are no Python of its version are left as they are.

    Args:
        inside: The tree.
        sources: Paths in it.
        validity: How Python will know that they are still good.
        why: For whoever reads the build's log.

    Raises:
        BuildFailed: the compiler itself failed.
    """
    command = ("python3", "-m", "compileall", "-q", "--invalidation-mode", validity, "-i", "-")

    def compiling(first: int) -> None:
        names = "\n".join(sources[first : first + _FILES_AT_ONCE]).encode()
        inside.run(command, why=why, stdin=names, env={"PYTHONWARNINGS": "ignore"}, accept=(0, 1))

    together({str(first): partial(compiling, first) for first in range(0, len(sources), _FILES_AT_ONCE)})

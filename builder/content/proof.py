"""Compare every file of content in a finished partition image with the MD5 that it must have.

Whatever went wrong on the way, in the pool, in memory, in mke2fs or on the disk, is found here, because what is read is
what will be flashed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from builder.compare.anatomy import File, Window, content
from builder.compare.read_ext4 import read_ext4
from builder.content.trees.tree import shown_path
from builder.errors import BuildFailed

_STORED: Final = re.compile(r"(?:^|/)storage/([0-9a-f])/([0-9a-f])/(?P<md5>\1\2[0-9a-f]{30})\.\w+$")
_BLOCK: Final = 1 << 20
_SHOWN: Final = 10


def content_of(tree: Path) -> dict[str, str]:
    """The MD5 of every file of Kolibri's content below a directory, by its path in it; place and name tell."""
    found = ((path, _STORED.search(path)) for path in _files(tree))
    return {path: stored["md5"] for path, stored in found if stored}


def prove_content(
    image: Path, expected: Mapping[str, str], *, advance: Callable[[int], None] = lambda _size: None
) -> None:
    """Read the content in an ext4 image.

    Args:
        image: The file system, in a file of its own.
        expected: The MD5 of each file that must be there, by its path.
        advance: Told the bytes that were read.

    Raises:
        BuildFailed: a file is not there or not what it must be. Names those files; they should leave the pool.
    """
    descriptor = os.open(image, os.O_RDONLY)
    try:
        window = Window(descriptor, start=0, length=os.fstat(descriptor).st_size)
        files = read_ext4(window).files
        missing = [f"{shown_path(path)} is missing" for path in expected if path not in files]
        found = [path for path in expected if path in files]

        def proved(path: str) -> str | None:
            md5 = _md5(window, files[path], advance)
            return None if md5 == expected[path] else f"{shown_path(path)} has MD5 {md5}"

        # hashlib lets other threads run meanwhile.
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as workers:
            damaged = [sentence for sentence in workers.map(proved, found) if sentence]
    finally:
        os.close(descriptor)
    problems = [*missing, *damaged]
    if problems:
        more = f"\nand {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise BuildFailed(
            "content in the finished partition is not what it was",
            details="\n".join(problems[:_SHOWN]) + more,
            hint="`satchel content verify` finds what was damaged in the pool; the next build fetches it again",
        )


def _md5(window: Window, file: File, advance: Callable[[int], None]) -> str:
    total = hashlib.md5(usedforsecurity=False)
    for start in range(0, file.size, _BLOCK):
        length = min(_BLOCK, file.size - start)
        total.update(content(window, file, start, length))
        advance(length)
    return total.hexdigest()


def _files(tree: Path) -> Iterator[str]:
    for directory, _, names in os.walk(tree):
        for name in names:
            path = Path(directory, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path.relative_to(tree).as_posix()

"""Throw away what no lock needs, and what arrived in part and was given up."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.content.pool.pool import ContentPool
from builder.errors import HostError
from builder.host.holding import alone
from builder.kolibri.channels import ContentFile

GIVEN_UP_S: Final = 24 * 3600
"""An unfinished file that nobody went on with for so long is one that nobody will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What went, or would go."""

    files: tuple[ContentFile, ...]
    linked: tuple[ContentFile, ...]
    """Those of them that layers in the cache still have, so that the disk does not get them back yet."""
    unfinished: tuple[Path, ...]
    unfinished_size: int
    kept: int
    """Files that stay."""
    kept_size: int

    @property
    def size(self) -> int:
        """Bytes of all that went."""
        return sum(file.size for file in self.files) + self.unfinished_size


def sweep_content(pool: ContentPool, needed: Collection[str], *, dry_run: bool) -> Swept:
    """Throw away every file but those of these names.

    Raises:
        HostError: a build or a fetch uses the pool.
    """
    with pool.collecting() as free:
        if not (free or dry_run):
            raise HostError(
                "the pool of content is in use by a build or a fetch", hint="run it again when that has ended"
            )
        stored = tuple(pool.stored())
        going = tuple(file for file in stored if file.name not in needed)
        staying = [file for file in stored if file.name in needed]
        linked = tuple(file for file in going if pool.path(file).stat().st_nlink > 1)
        old = [path for path in pool.unfinished() if time.time() - path.stat().st_mtime > GIVEN_UP_S]
        size = sum(path.stat().st_size for path in old)
        if not dry_run:
            forgotten = pool.known().keys() - {file.name for file in staying}
            pool.discard(sorted(forgotten | {file.name for file in going}))
            for path in old:
                with alone(path) as unused:
                    if unused:
                        path.unlink()
    return Swept(
        files=going,
        linked=linked,
        unfinished=tuple(old),
        unfinished_size=size,
        kept=len(staying),
        kept_size=sum(file.size for file in staying),
    )

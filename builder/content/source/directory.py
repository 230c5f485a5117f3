"""Channels in a directory of this machine: an exported drive, a KOLIBRI_DATA folder, a content directory, or the home
of a Kolibri, which may run meanwhile.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.content.pool.pool import ContentPool, Spoilt
from builder.content.source.source import Listed
from builder.errors import PlanError
from builder.kolibri.channels import ContentFile, content_directory, database_path, listed, offered_nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySource:
    """A directory that holds `databases/` and `storage/`, or has them where Kolibri puts them."""

    directory: Path
    kind: str = "drive"
    """A word for people."""

    @property
    def name(self) -> str:
        """See `Source`."""
        return f"{self.kind} {self.directory}"

    def channels(self) -> tuple[Listed, ...]:
        """See `Source`."""
        return tuple(Listed(id=key, name=name, version=version) for key, name, version in listed(self.directory))

    def identify(self, asked: str) -> str | None:
        """See `Source`; tokens are known to servers only."""
        content = content_directory(self.directory)
        return asked if database_path(content, asked).is_file() else None

    def database(self, channel: str, target: Path) -> frozenset[str] | None:
        """See `Source`."""
        content = content_directory(self.directory)
        try:
            shutil.copyfile(database_path(content, channel), target)
        except FileNotFoundError as error:
            raise PlanError(f"{self.name} does not hold channel {channel}") from error
        return self._offered(channel)

    def bring(
        self, files: Sequence[ContentFile], pool: ContentPool, *, advance: Callable[[int], None]
    ) -> Mapping[ContentFile, str]:
        """See `Source`."""
        content = content_directory(self.directory)
        failed: dict[ContentFile, str] = {}
        for file in files:
            try:
                pool.take(content / file.path, file, origin=self.name, advance=advance)
            except Spoilt as spoilt:
                failed[file] = str(spoilt)
            except OSError as error:
                failed[file] = error.strerror or str(error)
        pool.settle()
        return failed

    def _offered(self, channel: str) -> frozenset[str] | None:
        return offered_nodes(self.directory, channel)

"""A seed's text as a file on this machine, with its problems where a person can find them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from seed import document
from seed.document import Seed, SeedError

from builder.errors import ArtifactError, Problem, SitesError, UsageError

FILE: Final = document.FILE
ROOM: Final = document.ROOM
EMPTY: Final = document.empty()
"""A place without a seed."""


def seed_in(data: bytes, *, source: str) -> Seed | None:
    """The seed in a text; none where its place is empty.

    Raises:
        SitesError: it is none; with every problem in its line.
    """
    if len(data) > document.ROOM:
        message = f"it is larger than {document.ROOM} bytes"
        raise SitesError([Problem(file=source, line=1, column=1, path="", message=message)])
    try:
        return document.parse(data)
    except SeedError as error:
        raise _explained(error, source) from error


def read_seed(path: Path) -> Seed | None:
    """The seed in a file.

    Raises:
        ArtifactError: the file cannot be read.
        SitesError: it is none; with every problem in its line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(document.ROOM + 1)
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error
    return seed_in(data, source=str(path))


def changed(seed: Seed, values: Mapping[str, str]) -> Seed:
    """A seed with other values from the command line, by names such as `facility.name`.

    Raises:
        UsageError: one of them cannot be used.
    """
    try:
        return document.with_values(seed, values)
    except SeedError as error:
        details = "\n".join(problem.message for problem in error.problems)
        raise UsageError("--set: the seed cannot be changed so", details=details) from error


def rendered(seed: Seed) -> bytes:
    """The text of a seed, of its full size.

    Raises:
        SitesError: it cannot be used, or is too large.
    """
    try:
        return document.render(seed)
    except SeedError as error:
        raise _explained(error, "the seed") from error


def _explained(error: SeedError, source: str) -> SitesError:
    return SitesError(
        [
            Problem(file=source, line=max(problem.line, 1), column=1, path="", message=problem.message)
            for problem in error.problems
        ]
    )

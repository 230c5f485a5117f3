"""Results of long work, a line of JSON each, so that what is broken off can be gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def kept_in(path: Path, kind: type[Model]) -> Iterator[Model]:
    """The results in a file, if there is one. A line that was cut off counts nothing."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(ValidationError):
            yield kind.model_validate_json(line)

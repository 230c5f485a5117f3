"""Which steps of first boot are done, and the facts they found.

A mark is written only after everything its step did is on the disk, and it is whole or absent. So a step may run
again after a power cut although it was done, and never the other way round.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from device import files

Facts = dict[str, str]
"""What steps tell later steps and the report. Never a secret: marks can be read by everybody."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The marks, one file for each step."""

    directory: Path

    def facts(self, step: str) -> Facts | None:
        """The facts of a step that is done; nothing when it is not. A mark that cannot be read is no mark."""
        text = files.read(self._path(step))
        if text is None:
            return None
        try:
            mark = json.loads(text)
            return {str(key): str(value) for key, value in mark["facts"].items()} if mark["step"] == step else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def mark(self, step: str, facts: Facts) -> None:
        """Declare a step done, for good."""
        os.sync()
        files.write(self._path(step), json.dumps({"step": step, "facts": facts}, indent=2, sort_keys=True) + "\n")

    def forget(self, *steps: str) -> None:
        """Declare steps not done, so that the next run does them again."""
        for step in steps:
            self._path(step).unlink(missing_ok=True)
        if self.directory.is_dir():
            files.sync_directory(self.directory)

    def _path(self, step: str) -> Path:
        return self.directory / f"{step}.json"

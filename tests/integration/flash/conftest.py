"""Runs the flasher as a person does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builder.host.places import REPOSITORY

from .images import make_image


@dataclass(frozen=True)
class Run:
    """What the command said."""

    status: int
    out: str
    err: str

    @property
    def cards(self) -> dict[str, dict[str, Any]]:
        """What became of each card, by its name."""
        return {card["target"]: card for card in json.loads(self.out)["cards"]}


Satchel = Callable[..., Run]


@pytest.fixture
def satchel(tmp_path: Path) -> Satchel:
    """The command, in an empty directory."""

    def run(*arguments: object, status: int | None = None) -> Run:
        argv = (sys.executable, "-m", "builder", *map(str, arguments))
        env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=300)
        assert status is None or done.returncode == status, done.stderr
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small image with everything beside it."""
    return make_image(tmp_path_factory.mktemp("image"))

"""The command as a person calls it."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Result:
    status: int
    stdout: str
    stderr: str


Satchel = Callable[..., Result]


@pytest.fixture
def satchel(tmp_path: Path) -> Satchel:
    """Run `satchel` in an empty directory."""

    def run(*arguments: str, cwd: Path = tmp_path) -> Result:
        command = [sys.executable, "-m", "builder", *arguments]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=dict(os.environ))
        return Result(done.returncode, done.stdout, done.stderr)

    return run

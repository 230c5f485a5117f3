"""One image for all tests that need one: the default recipe's, built once and reused while nothing changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def default_image() -> Path:
    """The image of the default recipe in dist/."""
    command = [sys.executable, "-m", "builder", "build", "kolibri-pc", "--progress", "plain"]
    subprocess.run(command, cwd=REPOSITORY, check=True, env=dict(os.environ))
    return REPOSITORY / "dist" / "kolibri-pc" / "kolibri-pc.img"

"""One image for all tests that need one: the default recipe's, built once and reused while nothing changed.

`make test` has two workers. One goes through the tests that boot machines, which mostly wait for one processor, and the
other through the rest, in their order.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

REPOSITORY = Path(__file__).resolve().parents[1]


class _TwoRows(LoadScopeScheduling):
    """Machines for one worker, everything else for the other, each in its order."""

    def _split_scope(self, nodeid: str) -> str:
        return "machines" if nodeid.startswith("tests/boot/") else "the rest"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _TwoRows:
    return _TwoRows(config, log)


@pytest.fixture(scope="session")
def default_image() -> Path:
    """The image of the default recipe in dist/."""
    command = [sys.executable, "-m", "builder", "build", "kolibri-pc", "--progress", "plain"]
    subprocess.run(command, cwd=REPOSITORY, check=True, env=dict(os.environ))
    return REPOSITORY / "dist" / "kolibri-pc" / "kolibri-pc.img"

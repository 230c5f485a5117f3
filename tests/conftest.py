"""One image for all tests that need one: the default recipe's, built once and reused while nothing changed.

`make test` has two workers. One begins with the tests that boot machines, which mostly wait for one processor; the
other goes through the rest, in their order, and then helps with the machines that nobody has begun.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

REPOSITORY = Path(__file__).resolve().parents[1]


class _TwoRows(LoadScopeScheduling):
    """Each module that boots machines is given out for itself, everything else as one: the largest, so the first."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if nodeid.startswith("tests/boot/") else "the rest"


def pytest_configure() -> None:
    """Shells start what they run in the background deaf to SIGINT, and whatever a test starts would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What boots longest comes first, so that no worker ends with a long one while the other has nothing to do."""

    def minutes(item: pytest.Item) -> int:
        mark = item.get_closest_marker("vm")
        return mark.kwargs["minutes"] if mark else 0

    items.sort(key=minutes, reverse=True)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _TwoRows:
    return _TwoRows(config, log)


@pytest.fixture(scope="session")
def default_image() -> Path:
    """The image of the default recipe in dist/."""
    command = [sys.executable, "-m", "builder", "build", "kolibri-pc", "--progress", "plain"]
    subprocess.run(command, cwd=REPOSITORY, check=True, env=dict(os.environ))
    return REPOSITORY / "dist" / "kolibri-pc" / "kolibri-pc.img"

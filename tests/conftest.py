"""One image for all tests that need one: the default recipe's, built once and reused while nothing changed.

`make test` has two workers. One begins with the tests that boot machines, which mostly wait for one processor; the
other begins at the end, with those that boot none. They meet where the work is halved.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

REPOSITORY = Path(__file__).resolve().parents[1]


class _FromBothEnds(LoadScopeScheduling):
    """Gives out modules: to the first worker from the front, to any other from the end."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is not self.nodes[0]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


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


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _FromBothEnds:
    config.option.loadscopereorder = False  # it would put first what has most tests, not what takes longest
    return _FromBothEnds(config, log)


@pytest.fixture(scope="session")
def default_image() -> Path:
    """The image of the default recipe in dist/."""
    command = [sys.executable, "-m", "builder", "build", "kolibri-pc", "--progress", "plain"]
    subprocess.run(command, cwd=REPOSITORY, check=True, env=dict(os.environ))
    return REPOSITORY / "dist" / "kolibri-pc" / "kolibri-pc.img"

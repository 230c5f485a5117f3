"""What integration tests share: a world in which trees have several owners, as builds have it."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "in_namespace: run in the user, mount and process namespaces of a build")


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Any:
    """Run a test marked `in_namespace` in a forked process that enters; its failure comes back as text."""
    if pyfuncitem.get_closest_marker("in_namespace") is not None:
        test = pyfuncitem.obj
        pyfuncitem.obj = lambda **fixtures: _run_inside(lambda: test(**fixtures))
    yield


@pytest.fixture(scope="session")
def kolibri_venv() -> Path:
    """A virtual environment with the Kolibri of recipes/lib, made once; $SATCHEL_TEST_KOLIBRI overrides it."""
    from builder.host.places import RECIPES
    from tests.environments import environment

    chosen = os.environ.get("SATCHEL_TEST_KOLIBRI")
    return Path(chosen) if chosen else environment("test-kolibri", RECIPES / "lib/kolibri.requirements.txt")


def _run_inside(test: Any) -> None:
    from builder.host import namespace

    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        status = 1
        try:
            namespace.enter()
            test()
            status = 0
        except BaseException:
            with os.fdopen(write_end, "w", closefd=False) as report:
                report.write(traceback.format_exc())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end) as report:
        text = report.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        pytest.fail(text or f"the test process ended with {os.waitstatus_to_exitcode(status)}", pytrace=False)

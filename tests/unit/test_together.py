"""Jobs side by side: all results, or the first error and nothing left running."""

import os
import threading
import time
from pathlib import Path

import pytest

from builder.errors import BuildFailed, CommandFailed
from builder.host.command import Programs, run
from builder.together import Job, together


def test_results_come_by_name() -> None:
    assert together({"one": lambda: 1, "two": lambda: 2}) == {"one": 1, "two": 2}
    assert together({}) == {}


def test_jobs_run_side_by_side() -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one processor does one thing at a time")
    both = threading.Barrier(2, timeout=30)
    jobs: dict[str, Job[int]] = {"one": both.wait, "two": both.wait}
    assert sorted(together(jobs).values()) == [0, 1]


def wait_long() -> None:
    run(("sleep", "1000"), why="wait")


def fails() -> None:
    raise BuildFailed("no")


def test_an_error_ends_the_programs_of_the_others(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    ended: list[BaseException] = []

    def long() -> None:
        try:
            run(("sh", "-c", f"touch {begun}; exec sleep 1000"), why="wait")
        except CommandFailed as error:
            ended.append(error)
            raise

    def fails_later() -> None:
        while not begun.exists():
            time.sleep(0.01)
        fails()

    with pytest.raises(BuildFailed, match="no"):
        together({"long": long, "fails": fails_later})
    assert len(ended) == 1, "the program was ended, and its job heard of it"


def test_a_program_that_begins_after_the_error_is_ended() -> None:
    """A job cannot know that another has just failed: between two programs of it there was nothing to kill."""
    programs = Programs()
    programs.end()
    for job in (wait_long, lambda: together({"inner": wait_long})):
        with pytest.raises(CommandFailed):
            programs.around(job)()


def test_what_has_not_begun_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    begun: list[str] = []
    with pytest.raises(BuildFailed):
        together({"fails": fails, **{str(number): lambda: begun.append("x") for number in range(50)}})
    assert len(begun) < 50

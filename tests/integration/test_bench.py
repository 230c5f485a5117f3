"""The program that measures builds: what it counts and what it says, with a program that takes no time."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import pytest

from builder.errors import CommandFailed
from builder.host.places import REPOSITORY

MIB = 1 << 20


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, ModuleType]]:
    """The modules beside scripts/bench/build.py, found as it finds them."""
    monkeypatch.syspath_prepend(REPOSITORY / "scripts/bench")
    before = set(sys.modules)
    importlib.import_module("build")
    yield sys.modules
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.in_namespace
def test_costs_are_those_of_everything_that_was_started() -> None:
    # What is started begins with the peak of whoever starts it, and this process is large by now.
    os.execv(sys.executable, (sys.executable, "-c", ALONE))


ALONE = f"""
import sys
sys.path[:0] = [{str(REPOSITORY)!r}, {str(REPOSITORY / "scripts/bench")!r}]
from tests.integration.test_bench import prove_costs
import measure
prove_costs(measure)
"""


def prove_costs(measuring: ModuleType) -> None:
    """Measure something whose costs are known."""
    inner = f"data = b'x' * (96 * {MIB}); open('data', 'wb').write(data[:8 * {MIB}]); print('said')"
    # Like bubblewrap, it ends without waiting for what it started.
    outer = f"import os, sys; os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, '-c', {inner!r}])"
    # What is written to memory alone is not counted, and /tmp is often that.
    with TemporaryDirectory(dir="/var/tmp") as name:
        log = Path(name, "log")
        cost = measuring.measure((sys.executable, "-c", outer), why="try", log=log, directory=Path(name))
        assert log.read_text() == "said\n"
    assert 8 * MIB <= cost.written_bytes < 16 * MIB
    assert 96 * MIB <= cost.peak_bytes < 256 * MIB
    assert cost.seconds > 0
    assert cost.processor_seconds > 0


def test_a_failure_is_told_with_what_was_printed(bench: Mapping[str, ModuleType], tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="what it printed"):
        bench["measure"].measure(
            ("sh", "-c", "echo what it printed; exit 3"), why="try", log=tmp_path / "log", directory=tmp_path
        )


def test_page_compares_each_work_with_what_its_target_names(bench: Mapping[str, ModuleType]) -> None:
    def costs(**seconds: float) -> dict[object, list[object]]:
        return {
            bench["contestant"].Case[name.upper()]: [
                bench["measure"].Cost(seconds=each, processor_seconds=1, written_bytes=MIB, peak_bytes=MIB)
                for each in (value, value * 9, value)
            ]
            for name, value in seconds.items()
        }

    measured = {
        "Satchel": costs(cold=30, unchanged=1, overlay=8, package=40),
        "mkosi": costs(cold=100, unchanged=30, overlay=31, package=90),
    }
    packages = {"Satchel": {"apt": "3", "libc6": "2"}, "mkosi": {"apt": "3", "libc6": "2.1"}}
    page = bench["build"]._page(measured, packages, versions=("Satchel 1", "mkosi 25"), rounds=3)
    rows = {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1:5] for line in page if " s | " in line}
    assert rows == {
        "cold build, downloads cached": ["30.0 s", "100.0 s", "0.300", "0.35 reached"],
        "nothing changed": ["1.0 s", "30.0 s", "0.033", "0.03 **missed**"],
        "one overlay file changed": ["8.0 s", "31.0 s", "0.258", "0.25 **missed**"],
        "one apt package added": ["40.0 s", "90.0 s", "0.400", "0.5 reached"],
    }
    text = "\n".join(page)
    assert page[0] == "# Satchel 1 against mkosi 25"
    assert "in the same version: 1. Only with Satchel: libc6 2. Only with mkosi: libc6 2.1." in text

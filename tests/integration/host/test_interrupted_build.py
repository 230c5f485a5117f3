"""A build that is stopped at any moment leaves nothing half-made, and the next one succeeds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder.host.places import REPOSITORY, cache_directory

COMMAND = (sys.executable, "-m", "builder", "build", "kolibri-pc", "--force", "--progress", "plain")


def start(dist: Path) -> subprocess.Popen[str]:
    command = [*COMMAND, "--dist", str(dist)]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def wait_for(process: subprocess.Popen[str], step: str) -> None:
    """Read the progress until a step is done."""
    assert process.stderr is not None
    for line in process.stderr:
        if f"  {step}" in line:
            return
    pytest.fail(f"the build ended before {step}")


def processes_below(cache: Path) -> list[str]:
    """Command lines of running programs that work in the cache."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word.startswith(str(cache)) for word in words):
            found.append(" ".join(words))
    return found


@pytest.mark.parametrize(
    ("number", "after_step"),
    [
        (signal.SIGINT, "audit"),
        (signal.SIGTERM, "partition esp"),
        (signal.SIGKILL, "partition root"),
        (signal.SIGKILL, "disk image"),
    ],
    ids=lambda value: str(value).replace(" ", "-"),
)
def test_stopped_build_leaves_nothing(
    default_image: Path, tmp_path: Path, number: signal.Signals, after_step: str
) -> None:
    del default_image  # its layers are made
    with start(tmp_path) as process:
        wait_for(process, after_step)
        time.sleep(0.3)
        process.send_signal(number)
        process.communicate()
    status = process.returncode
    assert status == (-9 if number is signal.SIGKILL else 130)
    deadline = time.monotonic() + 30
    while (left := processes_below(cache_directory())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    assert str(cache_directory()) not in Path("/proc/self/mounts").read_text()
    assert not (tmp_path / "kolibri-pc").exists()
    if number is not signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []
        assert list((cache_directory() / "tmp").iterdir()) == []


def test_the_next_build_sweeps_and_succeeds(default_image: Path, tmp_path: Path) -> None:
    del default_image
    with start(tmp_path) as killed:
        wait_for(killed, "partition esp")
        killed.kill()
        killed.communicate()
    assert list(tmp_path.glob(".kolibri-pc.unfinished-*"))
    assert list((cache_directory() / "tmp").iterdir())

    with start(tmp_path) as process:
        _, report = process.communicate()
    assert process.returncode == 0, report
    assert [path.name for path in tmp_path.iterdir()] == ["kolibri-pc"]
    assert sorted(path.name for path in (tmp_path / "kolibri-pc").iterdir()) == sorted(
        [
            *("kolibri-pc.img", "kolibri-pc.img.zst", "kolibri-pc.img.bmap", "kolibri-pc.lock", "kolibri-pc.cdx.json"),
            *("manifest.json", "SHA256SUMS", "build.log", "report.html"),
        ]
    )
    assert list((cache_directory() / "tmp").iterdir()) == []
    assert "apt (" not in report, "finished layers are used again"
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "kolibri-pc", check=True)

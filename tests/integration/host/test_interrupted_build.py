"""A build that is stopped at any moment leaves nothing half-made, and the next one succeeds."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from builder.host.places import REPOSITORY, cache_directory

COMMAND = (sys.executable, "-m", "builder", "build", "kolibri-pc", "--force", "--progress", "plain")


@pytest.fixture
def cache(default_image: Path) -> Iterator[Path]:
    """What the real cache holds, but nothing that is being made: others may build meanwhile."""
    del default_image  # its layers are made
    real = cache_directory()
    with TemporaryDirectory(dir=real, prefix="view-") as room:
        for path in real.iterdir():
            if path.name not in {"tmp", Path(room).name}:
                Path(room, path.name).symlink_to(path)
        yield Path(room)


def start(dist: Path, cache: Path) -> subprocess.Popen[str]:
    command = [*COMMAND, "--dist", str(dist)]
    environment = {**os.environ, "SATCHEL_CACHE": str(cache)}
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, env=environment)


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
        if any(str(cache) in word for word in words):
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
def test_stopped_build_leaves_nothing(cache: Path, tmp_path: Path, number: signal.Signals, after_step: str) -> None:
    with start(tmp_path, cache) as process:
        wait_for(process, after_step)
        time.sleep(0.3)
        process.send_signal(number)
        process.communicate()
    status = process.returncode
    assert status == (-9 if number is signal.SIGKILL else 130)
    deadline = time.monotonic() + 30
    while (left := processes_below(cache)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    assert str(cache) not in Path("/proc/self/mounts").read_text()
    assert not (tmp_path / "kolibri-pc").exists()
    if number is not signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []
        assert list((cache / "tmp").iterdir()) == []


def test_the_next_build_sweeps_and_succeeds(cache: Path, tmp_path: Path) -> None:
    with start(tmp_path, cache) as killed:
        wait_for(killed, "partition esp")
        killed.kill()
        killed.communicate()
    assert list(tmp_path.glob(".kolibri-pc.unfinished-*"))
    assert list((cache / "tmp").iterdir())

    with start(tmp_path, cache) as process:
        _, report = process.communicate()
    assert process.returncode == 0, report
    assert [path.name for path in tmp_path.iterdir()] == ["kolibri-pc"]
    assert sorted(path.name for path in (tmp_path / "kolibri-pc").iterdir()) == sorted(
        [
            *("kolibri-pc.img", "kolibri-pc.img.zst", "kolibri-pc.img.bmap", "kolibri-pc.lock", "kolibri-pc.cdx.json"),
            *("manifest.json", "SHA256SUMS", "build.log", "report.html"),
        ]
    )
    assert list((cache / "tmp").iterdir()) == []
    assert "apt (" not in report, "finished layers are used again"
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "kolibri-pc", check=True)

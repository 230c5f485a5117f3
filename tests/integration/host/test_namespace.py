"""The small world that builds happen in, entered for real."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder.errors import CommandFailed, HostError
from builder.host.command import run
from builder.host.namespace import overlay_mounted


@pytest.mark.in_namespace
def test_several_owners_in_one_tree(tmp_path: Path) -> None:
    for number, name in enumerate(("root", "kolibri", "nobody")):
        (tmp_path / name).touch()
        os.chown(tmp_path / name, (0, 999, 65534)[number], 100)
    assert [(tmp_path / name).stat().st_uid for name in ("root", "kolibri", "nobody")] == [0, 999, 65534]
    assert os.getpid() == 1


@pytest.mark.in_namespace
def test_layers_are_stacked_and_never_changed(tmp_path: Path) -> None:
    lower, above = tmp_path / "lower", tmp_path / "above"
    for directory in (lower, above):
        directory.mkdir()
    (lower / "gone").write_text("lower")
    (lower / "covered").write_text("lower")
    (above / "covered").write_text("above")
    upper = tmp_path / "upper"
    with overlay_mounted((lower, above), upper=upper, work=tmp_path / "work", target=tmp_path / "merged") as merged:
        assert (merged / "covered").read_text() == "above"
        (merged / "gone").unlink()
        (merged / "new").touch()
    assert sorted(path.name for path in lower.iterdir()) == ["covered", "gone"]
    with overlay_mounted((lower, above, upper), upper=tmp_path / "u2", work=tmp_path / "w2", target=merged):
        assert sorted(path.name for path in merged.iterdir()) == ["covered", "new"]


@pytest.mark.in_namespace
def test_a_file_system_that_cannot_stack_is_explained(tmp_path: Path) -> None:
    (tmp_path / "lower").mkdir()
    mount = overlay_mounted(
        (tmp_path / "absent",), upper=tmp_path / "upper", work=tmp_path / "work", target=tmp_path / "merged"
    )
    with pytest.raises(HostError, match="cannot stack layers") as caught, mount:
        pass
    assert "SATCHEL_CACHE" in (caught.value.hint or "")


INSIDE = """
import subprocess, sys
from pathlib import Path
from builder.host.namespace import enter
enter()
subprocess.run(["mount", "-t", "tmpfs", "none", sys.argv[1]], check=True)
child = subprocess.Popen(["sleep", "1234.5"])
Path(sys.argv[2]).touch()
child.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_process_that_entered(tmp_path: Path, number: signal.Signals) -> None:
    mount, ready = tmp_path / "mount", tmp_path / "ready"
    mount.mkdir()
    process = subprocess.Popen([sys.executable, "-c", INSIDE, mount, ready])
    while not ready.exists():
        assert process.poll() is None
        time.sleep(0.05)
    assert sleepers()
    process.send_signal(number)
    process.wait()
    deadline = time.monotonic() + 30
    while sleepers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sleepers() == []
    assert os.fspath(mount) not in Path("/proc/self/mounts").read_text()


def sleepers() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", b"1234.5"]:
            found.append(path.parent.name)
    return found


def test_exit_status_comes_through() -> None:
    code = "from builder.host.namespace import enter; enter(); import sys; sys.exit(37)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 37


def test_a_failing_program_shows_its_last_words() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(("sh", "-c", "echo said; echo complained >&2; exit 3"), why="try it")
    assert caught.value.status == 3
    assert sorted(caught.value.tail.splitlines()) == ["complained", "said"]


def test_a_program_hears_nothing_and_knows_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    text = run(("sh", "-c", "cat; env"), why="look around")
    assert "SECRET" not in text
    assert "LC_ALL=C.UTF-8" in text


def test_a_missing_program_is_the_hosts_fault() -> None:
    with pytest.raises(HostError, match="no program satchel-absent"):
        run(("satchel-absent",), why="try it")

"""What each layer did to a path, with the marks of the kernel's overlay."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from builder.compare.stack import Level, Stack, Step
from builder.errors import ArtifactError


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """Base makes, apt changes, system removes."""
    base, apt, system = (tmp_path / name for name in ("base", "apt", "system"))
    for path in ("base/etc/old", "base/etc/kept", "base/usr/bin/ls", "base/gone/deep", "apt/etc/kept", "apt/etc/more"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (base / "bin").symlink_to("usr/bin")
    (base / "turn").symlink_to("turn/around")
    (base / "shape").mkdir()
    (base / "shape/inside").write_text("in a directory")
    (apt / "shape").write_text("now a file")
    (system / "etc").mkdir(parents=True)
    (system / "gone").mkdir()
    os.setxattr(system / "gone", "user.overlay.opaque", b"y")
    (system / "gone/fresh").write_text("new")
    return Stack([Level(name=path.name, tree=path) for path in (base, apt, system)])


def test_who_made_and_who_changed(stack: Stack) -> None:
    assert stack.history("/etc/old") == (Step(layer="base", did="made"),)
    assert stack.history("/etc/kept") == (Step(layer="base", did="made"), Step(layer="apt", did="changed"))
    assert stack.history("/etc/more") == (Step(layer="apt", did="made"),)
    assert stack.history("/etc/none") == ()
    assert stack.read("/etc/kept") == b"apt/etc/kept"


def test_a_directory_copied_up_is_not_a_change(stack: Stack) -> None:
    assert stack.history("/etc") == (Step(layer="base", did="made"),)


def test_a_directory_that_became_a_file_took_all_with_it(stack: Stack) -> None:
    assert stack.history("/shape") == (Step(layer="base", did="made"), Step(layer="apt", did="changed"))
    assert stack.history("/shape/inside") == (Step(layer="base", did="made"), Step(layer="apt", did="removed"))
    assert stack.find("/shape/inside") is None
    assert stack.names("/shape") == frozenset()


def test_an_opaque_directory_hides_what_was_there(stack: Stack) -> None:
    assert stack.history("/gone/deep") == (Step(layer="base", did="made"), Step(layer="system", did="removed"))
    assert stack.names("/gone") == {"fresh"}
    assert stack.find("/gone/deep") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_whiteout_removes(stack: Stack, tmp_path: Path) -> None:
    os.mknod(tmp_path / "system/etc/kept", stat.S_IFCHR, os.makedev(0, 0))
    assert stack.history("/etc/kept")[-1] == Step(layer="system", did="removed")
    assert stack.names("/etc") == {"old", "more"}
    assert stack.find("/etc/kept") is None


def test_links_among_the_directories_are_followed_and_the_last_is_not(stack: Stack) -> None:
    assert stack.resolved("/bin/ls") == "/usr/bin/ls"
    assert stack.resolved("/bin") == "/bin"
    assert stack.resolved("/etc/../bin/nothing") == "/usr/bin/nothing"
    with pytest.raises(ArtifactError, match="circle"):
        stack.resolved("/turn/x")


def test_what_is_no_file_cannot_be_read(stack: Stack) -> None:
    with pytest.raises(ArtifactError, match=r"no file /etc$"):
        stack.read("/etc")

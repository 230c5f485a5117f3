"""What a person types is a disk or a file, and never the one for the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from builder.errors import FlashRefused
from builder.flash.choosing import Rules
from builder.flash.medium import MediumError
from builder.flash.targets import Target, understand

RULES = Rules(needed_bytes=4096)


def one(name: object) -> Target:
    (target,) = understand([str(name)], RULES, known=lambda: ())
    return target


def test_a_new_file_gets_the_size_of_the_image(tmp_path: Path) -> None:
    target = one(tmp_path / "new.img")
    assert (target.new, target.size_bytes) == (True, 4096)
    assert not target.path.exists(), "nothing is made before it is wanted"
    target.open().close()
    assert target.path.stat().st_size == 4096


def test_a_file_that_appeared_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    target = one(tmp_path / "new.img")
    target.path.write_text("somebody's")
    with pytest.raises(MediumError):
        target.open()


def test_a_file_that_is_there_keeps_its_size(tmp_path: Path) -> None:
    (tmp_path / "old.img").write_bytes(bytes(8192))
    target = one(tmp_path / "old.img")
    assert (target.new, target.size_bytes) == (False, 8192)


REFUSED: dict[str, Callable[[Path], object]] = {
    "there is no such device": lambda _: "/dev/sdnothing",
    "it is neither a disk nor a file": lambda _: "/dev/null",
    "it is neither a disk nor a file ": lambda path: path,
    "there is no directory": lambda path: path / "nowhere/x.img",
    "it is too small": lambda path: (path / "small.img").write_bytes(b"x") and path / "small.img",
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_mistake_is_refused(reason: str, tmp_path: Path) -> None:
    with pytest.raises(FlashRefused) as caught:
        one(REFUSED[reason](tmp_path))
    assert reason.strip() in (caught.value.details or "")


def test_every_mistake_is_named_and_what_is_named_twice_too(tmp_path: Path) -> None:
    names = ["/dev/sdx1", str(tmp_path / "a.img"), f"{tmp_path}/../{tmp_path.name}/a.img", "/proc/nothing"]
    with pytest.raises(FlashRefused) as caught:
        understand(names, RULES, known=lambda: ())
    assert (caught.value.details or "").count("\n") == 2
    assert "it is named twice" in (caught.value.details or "")

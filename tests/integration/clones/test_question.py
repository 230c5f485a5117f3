"""The question on a real terminal: a pseudo terminal stands for the serial line."""

from __future__ import annotations

import os
import pty
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clones import question
from firstboot.screen import Screen


class Line:
    """The technician's end of a serial line."""

    def __init__(self, root: Path) -> None:
        self.ours, self.theirs = pty.openpty()
        (root / "dev").mkdir()
        (root / "dev/ttyS0").symlink_to(os.ttyname(self.theirs))
        (root / "active").write_text("tty0 ttyS0\n")
        self.shown = ""
        self.active, self.devices = root / "active", root / "dev"

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def await_text(self, text: str, *, times: int = 1) -> None:
        while self.shown.count(text) < times:
            assert select.select([self.ours], [], [], 60)[0], self.shown
            self.shown += os.read(self.ours, 4096).decode(errors="replace")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    os.close(made.ours)
    os.close(made.theirs)


def asked(line: Line, *, within: float | None = 60) -> list[question.Answer | None]:
    """Put the question in a thread of its own; the answer appears in the list."""
    answers: list[question.Answer | None] = []

    def work() -> None:
        screen = Screen(active=line.active, devices=line.devices)
        with question.consoles_of(line.active, line.devices) as consoles:
            answers.append(question.ask("Moved or copied?", screen, consoles, within=within, waiting=lambda: None))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    line.await_text("Moved or copied?")
    return answers


def wait_for(answers: list[question.Answer | None]) -> question.Answer | None:
    for _ in range(600):
        if answers:
            return answers[0]
        time.sleep(0.1)
    return pytest.fail("nobody took the answer")


def test_a_word_is_taken_after_a_wrong_one_a_correction_and_an_empty_line(line: Line) -> None:
    answers = asked(line)
    line.type("\r")
    line.await_text("Moved or copied?", times=2)
    line.type("yes\r")
    line.await_text("'yes' is none of the words")
    line.type("Cpo\x7f\x7fopied\r")
    line.await_text("copied: understood")
    assert wait_for(answers) == "copied"


def test_noise_on_the_line_is_no_answer_and_does_no_harm(line: Line) -> None:
    answers = asked(line)
    line.type("\x03\x04\xff" + "z" * 3000 + "\r")
    line.await_text("is none of the words")
    line.type("moved\r")
    assert wait_for(answers) == "moved"


def test_nobody_need_answer_within_a_limit(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "_PAUSE_SECONDS", 0.1)
    assert wait_for(asked(line, within=0.5)) is None


@pytest.mark.parametrize(
    "data",
    [b"copied", b"Copied\r\n", b"\xef\xbb\xbfcopied\n", "copied\r\n".encode("utf-16"), b'"copied".\n'],
)
def test_every_editor_of_a_laptop_can_write_the_answer(tmp_path: Path, data: bytes) -> None:
    (tmp_path / question.ANSWER_FILE).write_bytes(data)
    assert question.understood(question.written(tmp_path) or "") == "copied"
    assert question.forget(tmp_path)
    assert question.written(tmp_path) is None
    assert not question.forget(tmp_path)

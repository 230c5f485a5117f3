"""The one question that only a person can answer, put on every console, and answered there or by a file on the card.

No login is needed: whoever stands there has the disk in hand anyway, and no answer destroys anything.
"""

from __future__ import annotations

import os
import selectors
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, get_args

from device import files
from firstboot.screen import Screen

Answer = Literal["moved", "copied", "afresh"]
WORDS: tuple[str, ...] = get_args(Answer)
ANSWER_FILE = "satchel-answer.txt"
"""Its name on the EFI system partition, which every laptop can write."""

TEXT = """
Type one of these words and press Enter. No answer deletes anything.
  moved    this disk is the only one, or the original: carry on as {code}
  copied   this disk is a copy: keep the learners, and become a school of its own
  afresh   this disk is a copy: begin with an empty school, and keep the copied learners aside
Without a keyboard: switch off, put the disk into any computer, write the word into a new file {file}
on the partition SATCHEL, and start again."""

_LONGEST = 256
_PAUSE_SECONDS = 5.0
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def understood(text: str) -> Answer | None:
    """The answer that somebody typed, if it is one."""
    word = text.strip().strip("'\".").lower()
    match word:
        case "moved" | "copied" | "afresh":
            return word
        case _:
            return None


def written(esp: Path) -> str | None:
    """What somebody wrote into the file on the card, in whatever way a laptop's editor keeps a text."""
    try:
        with (esp / ANSWER_FILE).open("rb") as file:
            data = file.read(_LONGEST)
    except OSError:
        return None
    return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig", "replace")


def forget(esp: Path) -> bool:
    """Take the file off the card. Returns whether there was one."""
    if not (esp / ANSWER_FILE).exists():
        return False
    (esp / ANSWER_FILE).unlink()
    files.sync_directory(esp)
    return True


def ask(
    question: str, screen: Screen, consoles: Consoles, *, within: float | None, waiting: Callable[[], None]
) -> Answer | None:
    """Ask until somebody answers.

    Args:
        question: what is shown, again whenever somebody types something else.
        screen: where it is shown.
        consoles: where the answer is typed.
        within: seconds after which to give up; none to wait for ever.
        waiting: called every few seconds.

    Returns:
        The answer; nothing when the time was up.
    """
    screen.say(question)
    until = None if within is None else time.monotonic() + within
    while until is None or time.monotonic() < until:
        waiting()
        for line in consoles.lines(_PAUSE_SECONDS):
            answer = understood(line)
            if answer is not None:
                screen.say(f"\n{answer}: understood.")
                return answer
            screen.say(question if not line.strip() else f"{line.strip()!r} is none of the words.\n{question}")
    return None


class Consoles:
    """What people type on the consoles of the kernel. One that comes, goes or hangs up is opened again."""

    def __init__(self, *, active: Path, devices: Path) -> None:
        self._active = active
        self._devices = devices
        self._open: dict[str, int] = {}
        self._before: dict[str, list[int | list[bytes | int]]] = {}
        self._half: dict[str, bytes] = {}

    def lines(self, seconds: float) -> Iterator[str]:
        """Lines that are typed within some seconds; returns with the first."""
        self._open_what_is_there()
        with selectors.DefaultSelector() as selector:
            for name, descriptor in self._open.items():
                selector.register(descriptor, selectors.EVENT_READ, name)
            for key, _ in selector.select(seconds):
                yield from self._read(key.data)
        if not self._open:
            time.sleep(seconds)

    def close(self) -> None:
        """Leave the consoles as they were."""
        for name in list(self._open):
            self._close(name)

    def _open_what_is_there(self) -> None:
        try:
            names = self._active.read_text(encoding="ascii").split()
        except OSError:
            names = []
        for name in names:
            if name not in self._open:
                with suppress(OSError):
                    self._open[name] = os.open(self._devices / name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                    self._make_typable(name)

    def _make_typable(self, name: str) -> None:
        """Lines with echo and without signals, as a login prompt has them; the kernel leaves a serial line raw."""
        try:
            mode = termios.tcgetattr(self._open[name])
        except termios.error:
            return
        self._before[name] = list(mode)
        mode[0] |= termios.ICRNL
        mode[1] |= termios.OPOST | termios.ONLCR
        mode[2] |= termios.CREAD | termios.CLOCAL
        mode[3] = (mode[3] | termios.ICANON | termios.ECHO | termios.ECHOE) & ~termios.ISIG
        with suppress(termios.error):
            termios.tcsetattr(self._open[name], termios.TCSANOW, mode)

    def _read(self, name: str) -> Iterator[str]:
        try:
            data = os.read(self._open[name], 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(name)
            return
        *whole, rest = (self._half.pop(name, b"") + data).replace(b"\r", b"\n").split(b"\n")
        self._half[name] = rest[-_LONGEST:]
        yield from (line[-_LONGEST:].decode("utf-8", "replace") for line in whole)

    def _close(self, name: str) -> None:
        descriptor = self._open.pop(name)
        self._half.pop(name, None)
        with suppress(termios.error, OSError):
            if name in self._before:
                termios.tcsetattr(descriptor, termios.TCSANOW, self._before.pop(name))
        os.close(descriptor)


@contextmanager
def consoles_of(active: Path, devices: Path) -> Iterator[Consoles]:
    """The consoles, as long as the block runs."""
    consoles = Consoles(active=active, devices=devices)
    try:
        yield consoles
    finally:
        consoles.close()

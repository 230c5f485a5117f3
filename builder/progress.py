"""What is happening, told to a person or to a program.

Long work gets a `Reporter` and tells it about steps and amounts; how that is shown is decided once, by `reporter_for`:
tqdm bars on a terminal, one plain line per step elsewhere, JSON lines for programs. Everything goes to stderr: stdout
belongs to results. This is the only module that imports tqdm.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TextIO

from tqdm import tqdm

from builder.units import format_duration

Advance = Callable[[int], None]
Style = Literal["auto", "plain", "json", "none"]


class Reporter:
    """Silent by default, so that libraries and tests stay quiet. The base class of the ones that speak."""

    @contextmanager
    def step(self, name: str, *, detail: str = "") -> Iterator[None]:
        """One named piece of work; its time is told when it ends, also when it ends badly."""
        started = time.monotonic()
        self.on_start(name, detail)
        try:
            yield
        except BaseException:
            self.on_end(name, time.monotonic() - started, ok=False)
            raise
        self.on_end(name, time.monotonic() - started, ok=True)

    @contextmanager
    def amount(self, name: str, total: int | None, *, unit: str = "B") -> Iterator[Advance]:
        """A measurable piece of work inside a step; yields a function to be called with each amount done."""
        del name, total, unit
        yield lambda _done: None

    def note(self, text: str) -> None:
        """One line that a person should see."""

    def on_start(self, name: str, detail: str) -> None:
        """A step begins."""

    def on_end(self, name: str, seconds: float, *, ok: bool) -> None:
        """A step ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that ended; times in seconds since the recorder was made."""

    name: str
    detail: str
    start_s: float
    end_s: float


class Recorder(Reporter):
    """Passes everything on to another reporter, and remembers the steps."""

    def __init__(self, to: Reporter) -> None:
        self._to = to
        self._began = time.monotonic()
        self._steps: list[Step] = []

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that ended, in that order."""
        return tuple(self._steps)

    @contextmanager
    def step(self, name: str, *, detail: str = "") -> Iterator[None]:
        start_s = time.monotonic() - self._began
        with self._to.step(name, detail=detail):
            yield
        end_s = time.monotonic() - self._began
        self._steps.append(Step(name=name, detail=detail, start_s=start_s, end_s=end_s))

    @contextmanager
    def amount(self, name: str, total: int | None, *, unit: str = "B") -> Iterator[Advance]:
        with self._to.amount(name, total, unit=unit) as advance:
            yield advance

    def note(self, text: str) -> None:
        self._to.note(text)


class PlainReporter(Reporter):
    """One line per finished step, with its time: for logs and for CI."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._details: dict[str, str] = {}

    def note(self, text: str) -> None:
        self._write(text)

    def on_start(self, name: str, detail: str) -> None:
        self._details[name] = f" ({detail})" if detail else ""

    def on_end(self, name: str, seconds: float, *, ok: bool) -> None:
        mark = "" if ok else "  FAILED"
        self._write(f"{format_duration(seconds):>12}  {name}{self._details.pop(name, '')}{mark}")

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class BarReporter(PlainReporter):
    """The plain lines, and above the prompt a moving bar for the work that takes long."""

    def _write(self, line: str) -> None:
        tqdm.write(line, file=self._stream)

    def on_start(self, name: str, detail: str) -> None:
        super().on_start(name, detail)
        self._stream.write(f"\r\033[K{'...':>12}  {name}")
        self._stream.flush()

    def on_end(self, name: str, seconds: float, *, ok: bool) -> None:
        self._stream.write("\r\033[K")
        super().on_end(name, seconds, ok=ok)

    @contextmanager
    def amount(self, name: str, total: int | None, *, unit: str = "B") -> Iterator[Advance]:
        scaled = unit == "B"
        self._stream.write("\r\033[K")
        with tqdm(
            total=total,
            desc=f"{'':>12}  {name}",
            unit=unit,
            unit_scale=scaled,
            unit_divisor=1024,
            leave=False,
            file=self._stream,
            dynamic_ncols=True,
        ) as bar:

            def advance(done: int) -> None:
                bar.update(done)

            yield advance


class JsonReporter(Reporter):
    """One JSON object a line, for programs that watch a build."""

    INTERVAL_S = 0.5

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def _emit(self, event: str, **facts: object) -> None:
        print(json.dumps({"event": event, **facts}), file=self._stream, flush=True)

    def note(self, text: str) -> None:
        self._emit("note", text=text)

    def on_start(self, name: str, detail: str) -> None:
        self._emit("start", step=name, detail=detail)

    def on_end(self, name: str, seconds: float, *, ok: bool) -> None:
        self._emit("end", step=name, seconds=round(seconds, 3), ok=ok)

    @contextmanager
    def amount(self, name: str, total: int | None, *, unit: str = "B") -> Iterator[Advance]:
        done_so_far = 0
        told = time.monotonic()

        def advance(done: int) -> None:
            nonlocal done_so_far, told
            done_so_far += done
            if time.monotonic() - told >= self.INTERVAL_S:
                told = time.monotonic()
                self._emit("amount", name=name, done=done_so_far, total=total, unit=unit)

        yield advance
        self._emit("amount", name=name, done=done_so_far, total=total, unit=unit)


def reporter_for(style: Style, stream: TextIO | None = None) -> Reporter:
    """The reporter for a `--progress` style; `auto` draws bars only where somebody can see them."""
    stream = sys.stderr if stream is None else stream
    match style:
        case "none":
            return Reporter()
        case "json":
            return JsonReporter(stream)
        case "plain":
            return PlainReporter(stream)
        case "auto":
            return BarReporter(stream) if stream.isatty() else PlainReporter(stream)

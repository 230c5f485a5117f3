"""What is happening, told to a person or to a program.

Long work gets a `Reporter` and tells it about steps and amounts; how that is shown is decided once, by `reporter_for`:
tqdm bars on a terminal, one plain line per step elsewhere, JSON lines for programs. Everything goes to stderr: stdout
belongs to results. This is the only module that imports tqdm.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal, Never, TextIO

from tqdm import tqdm

from builder.units import format_duration

Advance = Callable[[int], None]
Style = Literal["auto", "plain", "json", "none"]


class Board:
    """A line for each of several things that go on at once. Silent; the base class of those that are seen."""

    def show(self, name: str, says: str, *, done: int = 0, total: int = 0, slot: str = "", remark: str = "") -> None:
        """What one of them is doing, how much of that is done, in bytes, and what is odd about it."""

    def tell(self, name: str, text: str, *, ok: bool, **facts: object) -> None:
        """One of them has come to its end: a line that stays, a sound where it may be heard, facts for programs."""


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

    @contextmanager
    def board(self, names: Sequence[str]) -> Iterator[Board]:
        """Several things that go on at once, each with a line of its own; others may join while it goes on."""
        del names
        yield Board()

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

    @contextmanager
    def board(self, names: Sequence[str]) -> Iterator[Board]:
        del names
        yield _PlainBoard(self._write)

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class _PlainBoard(Board):
    """Only how things end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def tell(self, name: str, text: str, *, ok: bool, **facts: object) -> None:
        del facts
        self._write(f"{'' if ok else 'FAILED':>12}  {name}: {text}")


class _BarBoard(_PlainBoard):
    """A moving bar for each."""

    def __init__(
        self, write: Callable[[str], None], names: Sequence[str], bar: Callable[[str, int], tqdm[Never]], stream: TextIO
    ) -> None:
        super().__init__(write)
        self._bars = {name: bar(name, number) for number, name in enumerate(names)}
        self._bar, self._stream = bar, stream
        self._said: dict[str, str] = {}

    def show(self, name: str, says: str, *, done: int = 0, total: int = 0, slot: str = "", remark: str = "") -> None:
        del slot
        if name not in self._bars:
            self._bars[name] = self._bar(name, len(self._bars))
        bar = self._bars[name]
        if self._said.get(name) != says:
            # Rate and remaining time are those of this phase.
            bar.reset()
            bar.total = total or None
            # Where there is nothing to count, a rate and an empty bar would only confuse.
            bar.bar_format = None if total else "{desc}"
            bar.set_description_str(f"{name:>12}  {says}", refresh=False)
            self._said[name] = says
        bar.set_postfix_str(remark, refresh=False)
        bar.n = done
        bar.refresh()

    def tell(self, name: str, text: str, *, ok: bool, **facts: object) -> None:
        super().tell(name, text, ok=ok, **facts)
        self._stream.write("\a" if ok else "\a\a\a")


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

    @contextmanager
    def board(self, names: Sequence[str]) -> Iterator[Board]:
        self._stream.write("\r\033[K")
        with ExitStack() as stack:

            def bar(name: str, number: int) -> tqdm[Never]:
                return stack.enter_context(
                    tqdm(
                        desc=f"{name:>12}",
                        position=number,
                        unit="B",
                        unit_scale=True,
                        unit_divisor=1024,
                        leave=False,
                        file=self._stream,
                        dynamic_ncols=True,
                    )
                )

            yield _BarBoard(self._write, names, bar, self._stream)


class _JsonBoard(Board):
    """A line when something else is done, and twice a second."""

    def __init__(self, emit: Callable[..., None], interval_s: float) -> None:
        self._emit, self._interval_s = emit, interval_s
        self._told: dict[str, tuple[str, float, float, int]] = {}

    def show(self, name: str, says: str, *, done: int = 0, total: int = 0, slot: str = "", remark: str = "") -> None:
        now = time.monotonic()
        before, at, began, first = self._told.get(name, ("", 0.0, now, done))
        if before != says or now - at >= self._interval_s:
            began, first = (began, first) if before == says else (now, done)
            self._told[name] = (says, now, began, first)
            rate = (done - first) / (now - began) if now > began else None
            eta_s = round((total - done) / rate, 1) if rate and total else None
            rated = {"rate": None if rate is None else round(rate), "eta_s": eta_s}
            self._emit("card", name=name, slot=slot, phase=says, done=done, total=total, remark=remark, **rated)

    def tell(self, name: str, text: str, *, ok: bool, **facts: object) -> None:
        self._emit("ended", name=name, text=text, ok=ok, **facts)


class JsonReporter(Reporter):
    """One JSON object a line, for programs that watch a build."""

    INTERVAL_S = 0.5

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def _emit(self, event: str, **facts: object) -> None:
        print(json.dumps({"event": event, **facts}), file=self._stream, flush=True)

    def note(self, text: str) -> None:
        self._emit("note", text=text)

    @contextmanager
    def board(self, names: Sequence[str]) -> Iterator[Board]:
        del names
        yield _JsonBoard(self._emit, self.INTERVAL_S)

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

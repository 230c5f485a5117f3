"""Flashers under test: each writes one image to several cards, and says of each card how it went."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from builder import __version__

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a flasher said of one card."""

    passed: bool
    """It told its caller that the card is good: by its exit status, or by its report on this card."""
    status: int
    """The exit status; negative for a signal."""
    words: str
    """Its reason."""
    offset: int | None = None
    """Where on the card, in bytes, if it named that apart from its words."""


class Flight:
    """Processes that flash. On leaving, none of them is left."""

    def __init__(self, commands: Sequence[Sequence[str]], room: Path) -> None:
        self._outputs = [(room / f"out{number}", room / f"err{number}") for number in range(len(commands))]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._began_s = time.monotonic()
        for command, (out, err) in zip(commands, self._outputs, strict=True):
            with out.open("wb") as stdout, err.open("wb") as stderr:
                # A group of its own, because a flasher starts programs that unpack.
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=room, start_new_session=True
                )
            self._processes.append(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    @property
    def running(self) -> bool:
        """Whether any of them has not ended."""
        return any(process.poll() is None for process in self._processes)

    def kill(self) -> None:
        """End all of them at once, as kill -9 does."""
        for process in self._processes:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.wait()

    def wait(self, seconds: float) -> float:
        """Wait until all have ended, but no longer than `seconds`, and kill what goes on; how long it took."""
        until = self._began_s + seconds
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
        self.kill()
        return time.monotonic() - self._began_s

    def ended(self) -> list[tuple[int, str, str]]:
        """Exit status, standard output and standard error of each."""
        return [
            (process.wait(), out.read_text(), _COLOURS.sub("", err.read_text()))
            for process, (out, err) in zip(self._processes, self._outputs, strict=True)
        ]


class Flasher(ABC):
    """A program that writes cards."""

    name: str

    @abstractmethod
    def version(self) -> str:
        """Its name and version."""

    @abstractmethod
    def start(self, image: Path, cards: Sequence[str], room: Path) -> Flight:
        """Begin to flash all cards at once; `room` is for what is left beside them."""

    @abstractmethod
    def said(self, flight: Flight, cards: Sequence[str]) -> Mapping[str, Said]:
        """What it said of each card, once it has ended."""


class Satchel(Flasher):
    """One process for all cards, with the defaults of its command."""

    name = "Satchel"

    def version(self) -> str:
        """Its name and version."""
        return f"Satchel {__version__}"

    def start(self, image: Path, cards: Sequence[str], room: Path) -> Flight:
        """Begin to flash. Loop devices are allowed, and nobody is asked; all else is as it is by itself."""
        options = ("--fixed-disks", "--yes", "--json", "--progress", "none", "--ledger", str(room / "ledger.db"))
        return Flight([(sys.executable, "-m", "builder", "flash", str(image), *cards, *options)], room)

    def said(self, flight: Flight, cards: Sequence[str]) -> Mapping[str, Said]:
        """By its report on each card; if there is none, it refused the whole batch or was killed."""
        ((status, out, err),) = flight.ended()
        if not out.startswith("{"):
            return {card: Said(passed=False, status=status, words=_refusal(err, card)) for card in cards}
        return {
            row["target"]: Said(
                passed=row["result"] == "done",
                status=status,
                words=row["reason"],
                offset=row["offset"],
            )
            for row in json.loads(out)["cards"]
        }


def _refusal(err: str, card: str) -> str:
    """What it said of this card, or else why nothing was begun; the plan that stands before it tells neither."""
    lines = [line.strip() for line in err.splitlines()]
    own = [line.removeprefix(f"{card}: ") for line in lines if line.startswith(f"{card}: ")]
    general = [line.removeprefix("satchel: ") for line in lines if line.startswith("satchel: ")]
    return "; ".join(own or general)


class Bmaptool(Flasher):
    """One process a card, all at once, as a person does it in a shell."""

    name = "bmaptool"

    def version(self) -> str:
        """Its name and version."""
        done = subprocess.run(("bmaptool", "--version"), capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def start(self, image: Path, cards: Sequence[str], room: Path) -> Flight:
        """Begin to flash, by the block map that lies beside the image."""
        block_map = image.with_name(f"{image.name.removesuffix('.zst')}.bmap")
        copy = ("bmaptool", "--quiet", "copy", "--bmap", str(block_map), str(image))
        return Flight([(*copy, card) for card in cards], room)

    def said(self, flight: Flight, cards: Sequence[str]) -> Mapping[str, Said]:
        """By the exit status of each process."""
        return {
            card: Said(passed=status == 0, status=status, words="" if status == 0 else _last_error(err))
            for card, (status, _, err) in zip(cards, flight.ended(), strict=True)
        }


def _last_error(err: str) -> str:
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    errors = [line.partition("ERROR: ")[2] for line in lines if "ERROR: " in line]
    return (errors or lines or [""])[-1]

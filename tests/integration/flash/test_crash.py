"""A card that was just given its name, and then the flasher dies or cannot write down how it ended."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.errors import FlashFailed
from builder.host.places import REPOSITORY
from builder.identity.template import template
from builder.ledger.history import Attempt, attempts_of
from builder.ledger.ledger import Writer, open_ledger

from .cards import blank, loop, require_fuse, sick
from .conftest import Satchel
from .images import NAMED, code_on, holds_named, make_named, table_of

CARD = 16 << 20
ROWS = 3
SLOW_MS = 25
"""For each request of at most 128 KiB: what is written last takes many looks."""


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small image with a place for a seed."""
    return make_named(tmp_path_factory.mktemp("named"))


def starts(card: Path) -> bool:
    """Whether anything at the beginning of a card starts a computer or leads to partitions."""
    with card.open("rb") as file:
        return any(file.read(34 * 512))


def attempts(ledger: Path) -> tuple[Attempt, ...]:
    with open_ledger(str(ledger), Writer.here(None)) as opened:
        return attempts_of(kept.entry for kept in opened.entries())


def is_reserved(ledger: Path, _card: Path) -> bool:
    with suppress(sqlite3.OperationalError), sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as database:
        return database.execute("select 1 from satchel_reserved").fetchone() is not None
    return False


def is_named(_ledger: Path, card: Path) -> bool:
    return code_on(card) is not None


def begins(_ledger: Path, card: Path) -> bool:
    return starts(card)


@contextmanager
def flashing(*arguments: object, until: Callable[[], bool]) -> Iterator[subprocess.Popen[str]]:
    """A flasher, caught at some moment."""
    argv = (sys.executable, "-m", "builder", "flash", *map(str, arguments))
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while not until():
            assert process.poll() is None, "it was over before"
            time.sleep(0.002)
        yield process
    finally:
        process.kill()
        process.communicate()


MOMENTS = {
    "its code is reserved": is_reserved,
    "its seed is written": is_named,
    "its beginning is written": begins,
}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a batch needs."""

    satchel: Satchel
    image: Path
    sites: Path
    directory: Path

    def options(self, ledger: Path) -> tuple[object, ...]:
        return ("--fixed-disks", "--yes", "--sites", self.sites, "--ledger", ledger, "--no-probe")

    def is_right(self, card: Path, code: str) -> bool:
        """Whether a card may go out, by everybody's judgement."""
        return code_on(card) == code and holds_named(card, self.image) and "No errors" in table_of(card)

    def require_another(self, burnt: str, ledger: Path) -> None:
        """The ledger is whole, and the next card becomes somebody else."""
        self.satchel("ledger", "verify", "--ledger", ledger, status=0)
        with loop(blank(self.directory / "next", CARD)) as card:
            run = self.satchel("flash", self.image, card.device, *self.options(ledger), "--json", status=0)
        code = run.cards[card.device]["code"]
        assert code != burnt
        assert self.is_right(card.backing, code)
        self.satchel("ledger", "verify", "--ledger", ledger, status=0)


@pytest.fixture
def bench(named: Path, tmp_path: Path, satchel: Satchel) -> Bench:
    """A list of schools, and the rest."""
    sites = tmp_path / "sites.csv"
    sites.write_bytes(template(ROWS, fill={}, separator=","))
    return Bench(satchel=satchel, image=named, sites=sites, directory=tmp_path)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_flasher_that_is_killed_takes_the_code_with_it_and_leaves_no_half_card(
    moment: str, bench: Bench, tmp_path: Path
) -> None:
    require_fuse()
    ledger = tmp_path / "l.db"
    with sick(_empty(tmp_path / "card"), "slow", SLOW_MS) as card:
        argv = (bench.image, card.device, *bench.options(ledger))
        with flashing(*argv, until=lambda: MOMENTS[moment](ledger, card.backing)) as process:
            process.kill()
            assert process.wait() == -signal.SIGKILL
    (killed,) = attempts(ledger)
    assert killed.code
    assert killed.result == "unfinished"
    # Between its last write and the last word about it a card is right, though the ledger does not know.
    assert not starts(card.backing) or bench.is_right(card.backing, killed.code)
    bench.require_another(killed.code, ledger)


def _empty(path: Path) -> Path:
    """A card that had no name and no table."""
    blank(path, CARD)
    with path.open("r+b") as file:
        file.write(bytes(NAMED))
    return path


def test_a_card_whose_end_finds_no_room_in_the_ledger_does_not_go_out(bench: Bench, tmp_path: Path) -> None:
    require_fuse()
    with _small_disk(tmp_path / "disk") as disk:
        ledger = disk / "l.db"
        with sick(_empty(tmp_path / "card"), "slow", SLOW_MS) as card:
            argv = (bench.image, card.device, *bench.options(ledger))
            with flashing(*argv, until=lambda: is_named(ledger, card.backing)) as process:
                filler = _fill(disk)
                _, said = process.communicate()
        assert process.returncode == FlashFailed.exit_code
        assert f"{card.device}: failed while sealing: cannot write to the ledger {ledger}" in said
        assert not starts(card.backing)
        filler.unlink()
        (failed,) = attempts(ledger)
        assert failed.code
        assert failed.result == "unfinished", "there was no room for its end"
        bench.require_another(failed.code, ledger)


@contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place), check=True)
    try:
        yield place
    finally:
        subprocess.run(("umount", place), check=True)


def _fill(place: Path) -> Path:
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler

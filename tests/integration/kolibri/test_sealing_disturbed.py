"""Sealing a home that is killed at any moment, or that somebody else works on meanwhile."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from builder.errors import MasterError
from builder.kolibri.anonymise import anonymise
from builder.kolibri.search import found_in
from builder.kolibri.traces import ALLOWED_ROWS, unsealed
from builder.kolibri.used_home import look
from builder.progress import Reporter
from tests.used_school import FACILITY, LEARNER, PEER, make_school, rows

PLANTED = (LEARNER, FACILITY, PEER, "k" * 32, "3" * 32)


@pytest.fixture
def home(tmp_path):
    return make_school(tmp_path / "kolibri")


def everywhere(directory):
    return {text for _, text in found_in((path for path in directory.rglob("*") if path.is_file()), PLANTED)}


@pytest.fixture
def unclean(home, tmp_path):
    """The home after a power cut: its last user is only in a journal."""
    live = shutil.copytree(home, tmp_path / "live")
    with closing(sqlite3.connect(live / "db.sqlite3")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("INSERT INTO kolibriauth_facilityuser VALUES ('', 'baraka', 'Baraka Otieno', '')")
        database.commit()
        for name in ("db.sqlite3", "db.sqlite3-wal"):
            shutil.copy(live / name, home)
    return home


def test_a_kill_at_any_moment_leaves_the_old_home_or_one_that_is_finished_by_the_next_try(unclean, tmp_path):
    moments = 0
    while True:
        again = tmp_path / f"killed-{moments}"
        shutil.copytree(unclean, again)
        if not _killed(again, moments):
            break
        assert unsealed(again) or everywhere(again) == set(), moments
        users = rows(again, "db.sqlite3", "SELECT count(*) FROM kolibriauth_facilityuser")
        channels = rows(again, "db.sqlite3", "SELECT count(*) FROM content_channelmetadata")
        assert (users, channels) in [([(2,)], [(1,)]), ([(0,)], [(1,)])]
        anonymise(look(again), Reporter())
        assert unsealed(again) == ()
        assert everywhere(again) == set()
        moments += 1
    assert moments > 20


def _killed(home, moment):
    """Seal in another process, which dies without cleaning up before its n-th change to a directory or sync."""
    child = os.fork()
    if child == 0:
        left = moment

        def dying(function):
            def instead(*arguments, **options):
                nonlocal left
                if not left:
                    os._exit(9)
                left -= 1
                return function(*arguments, **options)

            return instead

        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (shutil, "rmtree")):
            setattr(owner, name, dying(getattr(owner, name)))
        try:
            anonymise(look(home), Reporter())
        finally:
            os._exit(0 if not unsealed(home) else 1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, 9}
    return code == 9


def test_nobody_gets_at_the_databases_while_they_are_sealed(home, tmp_path, monkeypatch):
    """Neither the proof nor the copy may give up the lock."""
    answers = []
    replace = Path.replace

    def replace_and_ask(path, target):
        answers.append(_asked_from_outside(target))
        return replace(path, target)

    used = look(home)
    monkeypatch.setattr(Path, "replace", replace_and_ask)
    anonymise(used, Reporter(), copy=tmp_path / "copy")
    assert answers == ["database is locked"] * len(ALLOWED_ROWS)


def _asked_from_outside(database):
    """What another process hears that wants to read the database."""
    code = (
        "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM sqlite_master').fetchall()"
    )
    asked = subprocess.run([sys.executable, "-c", code, database], capture_output=True, text=True, check=False)
    return asked.stderr.rpartition("OperationalError: ")[2].strip()


def test_a_server_is_noticed_by_its_port_when_its_process_is_another(home):
    (home / "server.pid").write_text("999999999\n1\n1\n0\n")
    assert "server.pid" in {left.path.name for left in look(home).leftovers}
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        (home / "server.pid").write_text(f"999999999\n{server.getsockname()[1]}\n1\n0\n")
        with pytest.raises(MasterError, match=r"port \d+ answers"):
            look(home)

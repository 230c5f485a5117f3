"""The allow-list of a sealed home, on databases made for the purpose."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from builder.errors import BuildFailed
from builder.kolibri.seal import require_sealed
from builder.kolibri.search import common_texts, needles_found
from builder.kolibri.traces import ALLOWED_ROWS, Kind, opened, traces, unsealed


@pytest.fixture
def home(tmp_path):
    for name, tables in ALLOWED_ROWS.items():
        with closing(sqlite3.connect(tmp_path / name)) as database, database:
            for table, limit in tables.items():
                if table != "sqlite_sequence":
                    database.execute(f"CREATE TABLE {table} (x)")
                    rows = [("row",)] * (3 if limit is None else limit)
                    database.executemany(f"INSERT INTO {table} VALUES (?)", rows)
            database.execute("CREATE TABLE a_future_table (x)")
    (tmp_path / ".data_version").write_text("0.19.5")
    (tmp_path / "content").mkdir()
    return tmp_path


def put(home, database, statement):
    with closing(sqlite3.connect(home / database)) as connection, connection:
        connection.execute(statement)


def test_allowed_rows_are_sealed(home):
    assert unsealed(home) == ()
    require_sealed(home)


def test_a_row_in_an_unknown_table_is_refused_by_name_and_count(home):
    put(home, "sessions.sqlite3", "INSERT INTO a_future_table VALUES ('learner')")
    with pytest.raises(BuildFailed, match=r"sessions.sqlite3: table a_future_table has 1 rows"):
        require_sealed(home)


def test_a_third_peer_is_one_too_many(home):
    put(home, "networklocation.sqlite3", "INSERT INTO discovery_networklocation VALUES ('10.0.0.7')")
    assert unsealed(home) == (
        "networklocation.sqlite3: table discovery_networklocation has 3 rows; at most 2 may be in an image",
    )


@pytest.mark.parametrize("name", ["db.sqlite3-wal", "server.pid", "logs", "automatic_provision.json"])
def test_a_strange_file_is_refused(home, name):
    (home / name).write_bytes(b"")
    (problem,) = unsealed(home)
    assert problem.startswith(f"{name} does not belong in a sealed home")


def test_every_trace_says_what_it_gives_away(home):
    for name in (".node_id", "media", "options.ini"):
        (home / name).write_bytes(b"")
    tables = (
        "morango_certificate",
        "kolibriauth_collection",
        "kolibriauth_facilityuser",
        "logger_masterylog",
        "new_one",
    )
    with closing(sqlite3.connect(home / "db.sqlite3")) as database, database:
        for table in tables:
            database.execute(f"CREATE TABLE IF NOT EXISTS {table} (id TEXT)")
            database.execute(f"INSERT INTO {table} (id) VALUES ('x')")
    told = {kind: " ".join(trace.what for trace in traces(home) if trace.kind is kind) for kind in Kind}
    assert all(word in told[Kind.IDENTITY] for word in (".node_id", "morango_certificate", "kolibriauth_collection"))
    assert all(word in told[Kind.PEOPLE] for word in ("media", "kolibriauth_facilityuser", "logger_masterylog"))
    assert all(word in told[Kind.OTHER] for word in ("options.ini", "new_one"))


def test_reading_a_journal_writes_nothing_beside_it(home, tmp_path_factory):
    live = tmp_path_factory.mktemp("live")
    with closing(sqlite3.connect(live / "sessions.sqlite3")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE kolibriauth_session (id TEXT)")
        database.execute("INSERT INTO kolibriauth_session VALUES ('x')")
        database.commit()
        for file in live.iterdir():
            if not file.name.endswith("-shm"):
                shutil.copy(file, home)
    before = sorted(home.iterdir())
    assert any("kolibriauth_session has 1 rows" in problem for problem in unsealed(home))
    assert sorted(home.iterdir()) == before


def test_missing_and_damaged_databases_are_refused(home):
    (home / "syncqueue.sqlite3").unlink()
    (home / "sessions.sqlite3").write_bytes(b"x" * 4096)
    problems = unsealed(home)
    assert "syncqueue.sqlite3 is missing" in problems
    assert any(problem.startswith("sessions.sqlite3 cannot be read") for problem in problems)


def test_half_done_imports_are_refused(home):
    left = home / "content" / "storage" / "a" / "b" / "ab.mp4.transfer"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"")
    assert unsealed(home) == ("content/storage/a/b/ab.mp4.transfer is left from an import",)


def test_texts_are_found_across_the_pieces_of_a_read(home):
    (home / "plugins.json").write_bytes(b"." * ((1 << 20) - 3) + b"Amina Okello" + b".")
    assert needles_found(home, ["Amina Okello", "Nobody"]) == ("plugins.json contains 'Amina Okello'",)
    with pytest.raises(BuildFailed, match="Amina Okello"):
        require_sealed(home, ["Amina Okello"])


def test_a_host_that_is_called_like_a_word_of_kolibri_proves_nothing(home):
    put(home, "db.sqlite3", "INSERT INTO content_channelmetadata VALUES ('learn to read')")
    assert common_texts([home], ["learn", "build-17"]) == {"learn"}


def test_a_database_that_is_written_to_meanwhile_is_read_as_it_was_at_one_moment(tmp_path, monkeypatch):
    path = tmp_path / "db.sqlite3"
    kolibri = sqlite3.connect(path, isolation_level=None)
    kolibri.execute("PRAGMA journal_mode = wal")
    kolibri.execute("PRAGMA wal_autocheckpoint = 0")
    kolibri.execute("CREATE TABLE one (x)")
    kolibri.execute("CREATE TABLE other (x)")
    writes, copyfile = 2, shutil.copyfile

    def copy(source, target):
        nonlocal writes
        copyfile(source, target)
        if source == path and writes:
            # All that we have of the database is older now than the journal that we are about to copy.
            writes -= 1
            for table in ("one", "other"):
                kolibri.execute(f"INSERT INTO {table} VALUES (1)")
                kolibri.execute("PRAGMA wal_checkpoint(RESTART)")

    monkeypatch.setattr("builder.kolibri.traces.shutil.copyfile", copy)
    with opened(path) as database:
        assert database.execute("SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM other)").fetchone() == (2, 2)
    writes = 1000
    with pytest.raises(sqlite3.OperationalError, match="written to all the time"), opened(path):
        pass
    kolibri.close()

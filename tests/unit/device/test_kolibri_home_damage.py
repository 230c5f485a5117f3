from __future__ import annotations

import getpass
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from device import kolibri_home
from device.errors import DeviceError
from firstboot import sealed_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with real databases, though with tables of our own."""
    home = tmp_path / "kolibri"
    home.mkdir()
    (home / ".data_version").write_text("0.19.5")
    for name in kolibri_home.DATABASES:
        with closing(sqlite3.connect(home / name)) as db:
            db.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (x TEXT);")
            db.executemany("INSERT INTO t VALUES (?)", [(f"{row:0200}",) for row in range(200)])
            db.commit()
            db.execute("CREATE INDEX i ON t (x)")
    return home


def test_a_whole_home(home: Path) -> None:
    assert kolibri_home.damage(home) == ()


@pytest.mark.parametrize("name", ["db.sqlite3", "sessions.sqlite3"])
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\0" * path.stat().st_size), "is not a database"),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "is not a database"),
        (lambda path: path.write_bytes(path.read_bytes()[:-4096]), "is cut off"),
    ],
)
def test_damaged_databases(home: Path, name: str, harm: object, words: str) -> None:
    assert callable(harm)
    harm(home / name)
    assert kolibri_home.damage(home) == (f"{name} {words}",)


def test_a_rotten_page_in_the_main_database(home: Path) -> None:
    path = home / "db.sqlite3"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 4] = b"\xa5" * 4096
    path.write_bytes(data)
    (problem,) = kolibri_home.damage(home)
    assert problem.startswith("db.sqlite3 ")


def test_a_database_without_tables(home: Path) -> None:
    (home / "job_storage.sqlite3").unlink()
    with closing(sqlite3.connect(home / "job_storage.sqlite3")) as db:
        db.executescript("PRAGMA user_version = 1")
    assert kolibri_home.damage(home) == ("job_storage.sqlite3 has no tables",)


@pytest.mark.parametrize("version", [b"", b"\0\0\0\0\0\0", b"0", b"None"])
def test_a_version_file_that_holds_none(home: Path, version: bytes) -> None:
    (home / ".data_version").write_bytes(version)
    assert kolibri_home.damage(home) == (".data_version does not hold a version",)


def test_options_of_zeros(home: Path) -> None:
    (home / "options.ini").write_text("# all comments\n")
    assert kolibri_home.damage(home) == ()
    (home / "options.ini").write_bytes(b"\0" * 100)
    assert kolibri_home.damage(home) == ("options.ini holds zeros",)


def test_a_home_without_an_owner_is_mended_and_nothing_is_lost(home: Path, tmp_path: Path) -> None:
    pristine = tmp_path / "pristine"
    shutil.copytree(home, pristine)
    (home / "db.sqlite3").write_bytes(b"broken")
    (home / "db.sqlite3-wal").write_bytes(b"stale")
    (home / "content").mkdir()
    sealed_home.restore(home, pristine, getpass.getuser())
    assert kolibri_home.damage(home) == ()
    assert (home / ".damaged/db.sqlite3-wal").read_bytes() == b"stale"
    assert (home / ".damaged/db.sqlite3").read_bytes() == b"broken"
    assert (home / "content").is_dir()


def test_a_home_with_an_owner_is_never_touched(home: Path, tmp_path: Path) -> None:
    pristine = tmp_path / "pristine"
    shutil.copytree(home, pristine)
    (home / kolibri_home.OWNER_MARK).touch()
    (home / "db.sqlite3").write_bytes(b"broken")
    with pytest.raises(DeviceError, match=r"db\.sqlite3 is not a database") as caught:
        sealed_home.restore(home, pristine, getpass.getuser())
    assert "Do not flash" in caught.value.advice
    assert (home / "db.sqlite3").read_bytes() == b"broken"


def test_without_a_copy_there_is_no_mending(home: Path, tmp_path: Path) -> None:
    (home / "db.sqlite3").write_bytes(b"broken")
    with pytest.raises(DeviceError, match="no copy"):
        sealed_home.restore(home, tmp_path / "missing", getpass.getuser())
    assert (home / "db.sqlite3").read_bytes() == b"broken"

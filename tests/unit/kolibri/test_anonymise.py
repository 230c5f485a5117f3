"""Sealing a home in place: what goes, what stays, what is refused, and what a kill at any moment leaves."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from builder.errors import MasterError
from builder.kolibri.anonymise import anonymise
from builder.kolibri.search import found_in
from builder.kolibri.traces import ALLOWED_ROWS, unsealed
from builder.kolibri.used_home import look
from builder.progress import Reporter
from tests.used_school import CHANNEL, FACILITY, KEY, LEARNER, PEER, make_school, put, rows

PLANTED = (LEARNER, "amina_7", FACILITY, PEER, "Ofisi", "sanduku", KEY.splitlines()[1], "k" * 32, "3" * 32,
           "203.0.113.9")  # fmt: skip


@pytest.fixture
def home(tmp_path):
    return make_school(tmp_path / "kolibri")


def seal(home, **options):
    return anonymise(look(home), Reporter(), **options)


def everywhere(directory, texts):
    return {text for _, text in found_in((path for path in directory.rglob("*") if path.is_file()), texts)}


def bytes_of(directory):
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_a_look_tells_what_would_go_and_writes_nothing(home):
    before = bytes_of(home)
    used = look(home)
    assert {(lost.table, lost.rows, lost.what) for lost in used.contents.rows} >= {
        ("kolibriauth_facilityuser", 1, "users"),
        ("logger_attemptlog", 3, "what learners did"),
        ("discovery_networklocation", 1, "other devices in the network"),
        ("a_future_table", 1, "other things"),
    }
    assert {left.path.name: left.files for left in used.leftovers} == {"logs": 1, "options.ini": 1, "ab.mp4.chunks": 1}
    assert used.settings == ("HTTP_PORT = 9090",)
    assert [(channel.id, channel.name, channel.resources) for channel in used.contents.channels] == [
        (CHANNEL, "Kusoma", 1)
    ]
    assert (used.sealed, used.elsewhere) == (False, False)
    assert bytes_of(home) == before


def test_people_go_and_content_stays(home):
    assert everywhere(home, PLANTED) == set(PLANTED)
    proof = seal(home)
    assert everywhere(home, PLANTED) == set()
    assert unsealed(home) == ()
    assert proof.searched >= len(PLANTED) - 1
    titles = rows(home, "db.sqlite3", "SELECT title FROM content_contentnode ORDER BY id")
    assert titles == [("Hadithi ya Sungura",), ("Mada",), ("Haipo",)]
    assert rows(home, "db.sqlite3", "SELECT key FROM device_contentcachekey") == [(17,)]
    assert rows(home, "db.sqlite3", "SELECT count(*) FROM sqlite_master WHERE name = 'by_name'") == [(1,)]
    assert rows(home, "db.sqlite3", "SELECT name FROM sqlite_sequence WHERE name LIKE 'logger%'") == []
    assert rows(home, "db.sqlite3", "PRAGMA user_version") == [(7,)]
    peers = rows(home, "networklocation.sqlite3", "SELECT nickname, connection_status FROM discovery_networklocation")
    assert peers == [("Kolibri Studio", "Unknown")]
    assert look(home).sealed


def test_owner_and_mode_of_a_database_stay(home):
    (home / "db.sqlite3").chmod(0o640)
    seal(home)
    assert (home / "db.sqlite3").stat().st_mode & 0o777 == 0o640


def test_what_only_a_journal_holds_is_found_and_goes(home, tmp_path):
    live = tmp_path / "live"
    shutil.copytree(home, live)
    with closing(sqlite3.connect(live / "db.sqlite3")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("INSERT INTO kolibriauth_facilityuser VALUES ('x', 'baraka', 'Baraka Otieno', '')")
        database.execute("INSERT INTO content_channelmetadata VALUES ('d', 'Hesabu')")
        database.commit()
        for name in ("db.sqlite3", "db.sqlite3-wal"):
            shutil.copy(live / name, home)
    assert "Baraka Otieno" in look(home).contents.names
    seal(home)
    assert everywhere(home, ["Baraka Otieno"]) == set()
    assert rows(home, "db.sqlite3", "SELECT count(*) FROM content_channelmetadata") == [(2,)]


def test_a_name_that_is_a_word_of_a_channel_or_of_kolibri_proves_nothing(home):
    for name in ("Hadithi", "Kusoma", "auth"):
        put(home, "db.sqlite3", f"INSERT INTO kolibriauth_facilityuser VALUES ('', '{name}', '', '')")
    proof = seal(home)
    assert proof.common == 4  # with the id of Studio, which was pinned and is in a row that Kolibri brings
    assert unsealed(home) == ()


def test_a_proof_that_fails_leaves_the_home_as_it_was(home):
    (home / "content" / "notes.txt").write_text(f"telephone of {LEARNER}")
    before = bytes_of(home)
    with pytest.raises(MasterError, match=r"is as it was(.|\n)*content/notes.txt contains 'Amina"):
        seal(home)
    assert bytes_of(home) == before


def test_too_many_rows_of_an_allowed_table_are_refused(home):
    put(home, "db.sqlite3", "INSERT INTO device_contentcachekey (key) VALUES (18)")
    before = bytes_of(home)
    with pytest.raises(MasterError, match="table device_contentcachekey has 2 rows"):
        seal(home)
    assert bytes_of(home) == before


def test_a_copy_holds_all_that_goes_for_its_owner_only(home, tmp_path):
    before = bytes_of(home)
    copy = tmp_path / "copy"
    seal(home, copy=copy)
    assert copy.stat().st_mode & 0o777 == 0o700
    assert rows(copy, "db.sqlite3", "SELECT full_name FROM kolibriauth_facilityuser") == [(LEARNER,)]
    assert (copy / "logs" / "kolibri.txt").read_bytes() == before[home / "logs" / "kolibri.txt"]
    assert not (copy / "content").exists()


def test_a_copy_is_not_put_over_anything_nor_into_the_home(home, tmp_path):
    before = bytes_of(home)
    for place in (tmp_path, home / "copy", tmp_path / "no" / "copy"):
        with pytest.raises(MasterError):
            seal(home, copy=place)
    assert bytes_of(home) == before


def test_what_is_open_elsewhere_is_refused(home):
    with closing(sqlite3.connect(home / "sessions.sqlite3")) as reader:
        reader.execute("PRAGMA journal_mode = WAL")
        reader.execute("SELECT * FROM kolibriauth_session").fetchall()
        with pytest.raises(MasterError, match=r"somebody has .*sessions.sqlite3 open"):
            seal(home)
    assert everywhere(home, [LEARNER]) == {LEARNER}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda home: [(home / name).unlink() for name in (*ALLOWED_ROWS, ".data_version")], "is no Kolibri home"),
        (lambda home: (home / "syncqueue.sqlite3").unlink(), "syncqueue.sqlite3 is missing"),
        (lambda home: (home / "db.sqlite3").write_bytes(b"x" * 4096), "file is not a database"),
        (lambda home: (home / "thesis.odt").write_text("mine"), "thesis.odt"),
        (lambda home: (home / "options.ini").write_text("DATABASE_ENGINE = postgres"), "DATABASE_ENGINE = postgres"),
        (lambda home: (home / "media").symlink_to("/srv/media"), "media is a link to /srv/media"),
        (
            lambda home: put(
                home, "networklocation.sqlite3", "ALTER TABLE discovery_networklocation DROP location_type"
            ),
            "no such column",
        ),
    ],
)
def test_what_satchel_does_not_know_is_refused_and_left(home, spoil, says):
    spoil(home)
    before = bytes_of(home)
    with pytest.raises(MasterError, match=says):
        look(home)
    assert bytes_of(home) == before


def test_content_that_only_a_setting_leads_to_is_said(home, tmp_path):
    (home / "options.ini").write_text(f'[Paths]\nCONTENT_DIR = "{tmp_path}/big"\n')
    used = look(home)
    assert (used.elsewhere, used.content) == (True, tmp_path / "big")
    seal(home)
    assert look(home).sealed

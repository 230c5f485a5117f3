"""The database server as a device makes it: TLS and passwords, what the recipe asks for, and a replica."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.golden.test_postgres import HERE
from tests.integration.conftest import _run_inside
from tests.integration.postgres.server import ran

PROGRAM = """
cluster.prepare(paths, WANTED)
data = cluster.place(paths, WANTED, 17)
seen["made"] = [sorted(path.name for path in data.parent.iterdir()), oct(data.stat().st_mode & 0o777), data.owner()]
server = start(WANTED)
seen["before"] = ask(WANTED, "SELECT 1", database="postgres")
settle.settle(paths, WANTED)
settle.settle(paths, WANTED)
seen["tls"] = ask(WANTED, "SELECT version, current_user FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
seen["extension"] = ask(WANTED, "SELECT 'A'::citext = 'a'")
ask(WANTED, "CREATE TABLE school (name text); INSERT INTO school VALUES ('x')")
seen["owner"] = ask(WANTED, "SELECT count(*) FROM school")
seen["collation"] = ask(WANTED, "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'kolibri'")
seen["checksums"] = ask(WANTED, "SHOW data_checksums")
seen["without tls"] = ask(WANTED, "SELECT 1", mode="disable")
seen["wrong password"] = ask(WANTED, "SELECT 1", password="guess")
seen["other name"] = ask(WANTED, "SELECT 1", host="127.0.0.1")
seen["socket"] = ask(WANTED, "SELECT 1", host="/run/postgresql")
seen["copies only"] = ask(WANTED, "SELECT * FROM school", user="copy")
seen["journal"] = Path("/tmp/log-5432").read_text()

# A new password, as after a secret was replaced.
secret_files.write(paths, "app-password", "another")
settle.settle(paths, WANTED)
seen["new password"] = ask(WANTED, "SELECT 1")

# A replica, on the same machine with another port.
COPY = replace(WANTED, port=5433, data="/srv/data/copy", replica=Replica(primary="localhost", port=5432, role="copy"))
secret_files.write(paths, "copy", "wrong")
seen["replica with a wrong password"] = refusal(lambda: cluster.prepare(paths, COPY))
seen["left behind"] = cluster.versions(paths, COPY)
secret_files.write(paths, "copy", "co:py")
cluster.prepare(paths, COPY)
replica = start(COPY)
settle.settle(paths, COPY)
ask(WANTED, "INSERT INTO school VALUES ('y')")
for _ in range(200):
    seen["copied"] = ask(COPY, "SELECT count(*) FROM school")
    if seen["copied"] == "2":
        break
    time.sleep(0.05)
seen["replica writes"] = ask(COPY, "INSERT INTO school VALUES ('z')")
stop(replica)
replica = start(COPY)
seen["again"] = ask(COPY, "SELECT pg_is_in_recovery(), count(*) FROM school")
stop(replica)
stop(server)

# What a power cut leaves, and data of another version.
OTHER = replace(WANTED, data="/srv/data/other")
half = Path("/srv/data/other/.17.new")
half.mkdir(parents=True)
(half / "PG_VERSION").write_text("17")
seen["unfinished is none"] = cluster.versions(paths, OTHER)
cluster.prepare(paths, OTHER)
seen["made again"] = [cluster.versions(paths, OTHER), half.exists()]
Path("/srv/data/other/17").rename("/srv/data/other/15")
seen["another version"] = refusal(lambda: cluster.prepare(paths, OTHER))
seen["untouched"] = sorted(path.name for path in Path("/srv/data/other").iterdir())
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened."""
    room = tmp_path_factory.mktemp("postgres")
    config = room / "config"
    config.mkdir()
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        text = (HERE / name).read_text()
        # Nothing in the tests' tree leads anywhere else.
        (config / name).write_text(text.replace("listen_addresses = '*'", "listen_addresses = 'localhost'"))

    def look() -> None:
        (room / "seen.json").write_text(json.dumps(ran(PROGRAM, room, config)))

    _run_inside(look)
    found: dict[str, Any] = json.loads((room / "seen.json").read_text())
    return found


def test_data_is_made_whole(seen: dict[str, Any]) -> None:
    assert seen["made"] == [["17"], "0o700", "postgres"]
    assert seen["unfinished is none"] == []
    assert seen["made again"] == [[17], False]
    assert seen["checksums"] == "on"
    assert seen["collation"] == "b|C.UTF-8"


def test_roles_and_databases_are_those_of_the_recipe(seen: dict[str, Any]) -> None:
    assert seen["before"].startswith("refused: ")
    assert seen["tls"] == "TLSv1.3|app"
    assert seen["extension"] == "t"
    assert seen["owner"] == "1"
    assert "permission denied" in seen["copies only"]
    assert seen["new password"] == "1"


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("without tls", "no pg_hba.conf entry"),
        ("wrong password", "password authentication failed"),
        ("other name", "does not match host name"),
        ("socket", "Peer authentication failed"),
    ],
)
def test_there_is_no_other_way_in(seen: dict[str, Any], way: str, words: str) -> None:
    assert words in seen[way]


def test_no_password_comes_into_the_journal(seen: dict[str, Any]) -> None:
    assert "FATAL" in seen["journal"], "something was written at all"
    assert "it's a" not in seen["journal"]
    assert "PASSWORD" not in seen["journal"]


def test_a_replica_follows_and_writes_nothing(seen: dict[str, Any]) -> None:
    assert "password authentication failed" in seen["replica with a wrong password"]
    assert seen["left behind"] == []
    assert seen["copied"] == "2"
    assert "read-only transaction" in seen["replica writes"]
    assert seen["again"] == "t|2"


def test_data_of_another_version_is_not_touched(seen: dict[str, Any]) -> None:
    assert seen["another version"] == "the data of this device is of PostgreSQL 15, and this system has 17"
    assert seen["untouched"] == ["15"]

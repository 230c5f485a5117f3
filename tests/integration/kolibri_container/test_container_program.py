"""What the container of Kolibri runs: by itself it is nobody; who it is lies in a database and a directory.

It runs with the Kolibri that the image has, beside a real PostgreSQL, reached by TLS that is verified. Each start is
another container: nothing but the two is handed on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builder.growth import grow, plan_growth
from builder.host.places import OVERLAYS, RECIPES
from builder.host.pool import Pool
from builder.host.tools import ensure_workshop
from builder.lock.model import Lock
from builder.progress import Reporter
from builder.recipe.load import load_recipe
from builder.supply import RecipeSupply
from tests.golden.test_postgres import HERE
from tests.integration.postgres.server import ran

pytestmark = pytest.mark.in_namespace

PROGRAM = OVERLAYS / "kolibri-container/usr/lib/satchel/kolibri_container.py"
VENV = "/opt/kolibri"

CONTAINER = r"""
import re, signal, urllib.error, urllib.request

HOME, PASSWORD = Path("/srv/data/kolibri"), Path("/run/secrets/kolibri-admin")
HOME.mkdir()
PASSWORD.parent.mkdir()
PASSWORD.write_text("a password of words")
WHO = {"FACILITY_NAME": "École du Lac", "FACILITY_PRESET": "formal", "FACILITY_LANGUAGE": "fr-fr",
       "FACILITY_ADMIN": "head"}
HERE = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "KOLIBRI_HOME": str(HOME), **WHO}
KEPT = {name: value for name, value in RECIPE.items() if "DATABASE" not in name} | HERE

def postgres():
    ours = {"KOLIBRI_DATABASE_USER": "app", "KOLIBRI_DATABASE_PASSWORD": secret_files.read(paths, "app-password"),
            "KOLIBRI_DATABASE_HOST": "localhost", "KOLIBRI_DATABASE_SSL_ROOT_CERT": cluster.AUTHORITY}
    return {name: value for name, value in RECIPE.items() if "DATABASE" in name} | ours

def container(database):
    log = open("/tmp/kolibri.log", "ab")
    argv = ("/opt/kolibri/bin/python", "-BI", "/kolibri_container.py")
    return subprocess.Popen(argv, env={**KEPT, **database}, stdout=log, stderr=log)

def answer(process):
    while True:
        try:
            with urllib.request.urlopen("http://127.0.0.1:8080/api/public/v1/facility/", timeout=60) as found:
                return json.load(found)
        except OSError as error:
            assert not isinstance(error, urllib.error.HTTPError), Path("/tmp/kolibri.log").read_text()[-4000:]
            assert process.poll() is None, Path("/tmp/kolibri.log").read_text()[-4000:]
            time.sleep(0.2)

def pages():
    with urllib.request.urlopen("http://127.0.0.1:8080/", timeout=60) as found:
        return found.status, re.search(r"__zipContentPort\W+(\d+)", found.read().decode())[1]

def end(process):
    process.send_signal(signal.SIGTERM)
    process.wait()

def lived(database):
    process = container(database)
    found = answer(process)
    seen["pages"] = pages()
    end(process)
    return [[each["id"], each["name"]] for each in found]
"""


def variables() -> dict[str, str]:
    """What the container of the recipe is told."""
    containers = load_recipe(RECIPES / "kolibri-cloud.yml").recipe.containers
    assert containers
    (image,), (unit,) = containers.images, containers.units
    assert image.build
    return {**image.build.environment, **unit.environment}


def kolibri() -> Path:
    """The environment with Kolibri that the image has, made if it is not in the cache."""
    loaded, pool, reporter = load_recipe(RECIPES / "kolibri-cloud.yml"), Pool(), Reporter()
    lock = RecipeSupply(loaded=loaded, locked=True, offline=False, reporter=reporter).supplied(Lock.files)
    tools = ensure_workshop(lock.tools, pool, reporter)
    (image,) = plan_growth(loaded, lock, overlays=OVERLAYS, foundation=tools.identity).images
    grow(image, tools=tools, reporter=reporter)
    return next(tree for layer, tree in image.trees() if layer.name == f"pip {VENV}") / VENV.lstrip("/")


def seen_in(program: str, room: Path) -> dict[str, Any]:
    config = room / "config"
    config.mkdir()
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        text = (HERE / name).read_text()
        (config / name).write_text(text.replace("listen_addresses = '*'", "listen_addresses = 'localhost'"))
    (room / "data").mkdir()
    places = {VENV: kolibri(), "/kolibri_container.py": PROGRAM, "/srv/data": room / "data"}
    found = ran(f"RECIPE = {variables()!r}\n{CONTAINER}{program}", room, config, places=places)
    return json.loads(json.dumps(found))


def test_another_container_finds_facility_users_and_content_in_postgresql(tmp_path: Path) -> None:
    seen = seen_in(
        r"""
cluster.prepare(paths, WANTED)
server = start(WANTED)
settle.settle(paths, WANTED)
users = "SELECT string_agg(id || username, ' ' ORDER BY id) FROM kolibriauth_facilityuser"
seen["first"] = lived(postgres())
seen["users"] = [ask(WANTED, users)]
(HOME / "content/storage/a").mkdir(parents=True, exist_ok=True)
(HOME / "content/storage/a/lesson.txt").write_text("a lesson")
PASSWORD.write_text("another word")
seen["second"] = lived(postgres())
seen["users"].append(ask(WANTED, users))
seen["content"] = (HOME / "content/storage/a/lesson.txt").read_text()
seen["sqlite"] = (HOME / "db.sqlite3").exists()
ask(WANTED, "DELETE FROM device_devicepermissions")
closed = container(postgres())
seen["nobody's"] = closed.wait(), Path("/tmp/kolibri.log").read_text()[-300:]
stop(server)
""",
        tmp_path,
    )
    ((id_, name),) = seen["first"]
    assert (len(id_), name) == (32, "École du Lac")
    assert seen["pages"] == [200, "8443"], "pages look for interactive content where the recipe has HTTPS for it"
    assert seen["second"] == seen["first"]
    before, after = seen["users"]
    assert before == after
    assert before.endswith("head")
    assert seen["content"] == "a lesson"
    assert not seen["sqlite"], "everything that is learnt is in PostgreSQL"
    status, said = seen["nobody's"]
    assert status == 1
    assert "the database has 1 facilities and 0 administrators" in said


def test_without_a_database_all_of_it_lies_in_the_directory(tmp_path: Path) -> None:
    seen = seen_in(
        r"""
first = container({})
while not (HOME / "db.sqlite3").exists():
    assert first.poll() is None
    time.sleep(0.05)
# While it makes its tables, and what it makes then.
first.kill()
first.wait()
seen["first"], seen["second"] = lived({}), lived({})
""",
        tmp_path,
    )
    ((_, name),) = seen["first"]
    assert name == "École du Lac"
    assert seen["second"] == seen["first"]

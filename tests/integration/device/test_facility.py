"""The facility step against a real Kolibri: whatever happens, there is one facility that its administrator can open."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from device import environment, files, kolibri_db, kolibri_home, login_prompt
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Facility, Kolibri, Settings
from firstboot.device import Device
from firstboot.steps import facility, kolibri_identity

PASSWORD = "lusab-babad-gutih-tugad"
READY = Path(__file__).resolve().parents[3] / "overlays/kolibri/usr/lib/satchel/bin/satchel-kolibri-ready"
LIBRARY = Path(__file__).resolve().parents[3] / "overlays/firstboot/usr/lib/satchel"


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture
def device(tmp_path: Path, kolibri_venv: Path) -> Device:
    return sealed_device(tmp_path, kolibri_venv)


def sealed_device(tmp_path: Path, kolibri_venv: Path) -> Device:
    """A device on which every step before the facility is done, with the databases that Kolibri brings."""
    paths = Paths(root=tmp_path)
    for directory in ("opt", "run", "proc/self", "srv/data", "srv/content/kolibri", "etc/satchel"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "opt/kolibri").symlink_to(kolibri_venv)
    paths.mountinfo.write_text(
        "1 0 0:1 / / rw - btrfs /dev/vda3 rw\n"
        "2 1 254:4 / /srv/content ro - ext4 /dev/vda4 ro\n"
        "3 1 254:5 / /srv/data rw - ext4 /dev/vda5 rw\n"
    )
    (tmp_path / "srv/content/.satchel-content.json").write_text("{}")
    (software,) = kolibri_venv.glob("lib/python3.*/site-packages/kolibri")
    sealed = tmp_path / "usr/share/satchel/sealed-home"
    shutil.copytree(software / "dist/home", sealed)
    (sealed / ".data_version").write_text("0.19.5")
    shutil.copytree(sealed, tmp_path / "srv/data/kolibri")
    port, zip_port = free_ports()
    variables = {
        "KOLIBRI_HOME": tmp_path / "srv/data/kolibri",
        "KOLIBRI_HTTP_PORT": port,
        "KOLIBRI_ZIP_CONTENT_PORT": zip_port,
        "KOLIBRI_LISTEN_ADDRESS": "127.0.0.1",
        "KOLIBRI_ZEROCONF_ENABLED": False,
        "KOLIBRI_DISABLE_PING": True,
        "KOLIBRI_CHERRYPY_THREAD_POOL": 5,
        "KOLIBRI_CONTENT_FALLBACK_DIRS": tmp_path / "srv/content/kolibri",
    }
    paths.kolibri_environment[0].write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    files.write(paths.admin_password, f"{PASSWORD}\n", mode=0o600)
    settings = Settings(
        recipe="kolibri-pc",
        hostname="kolibri-{code}",
        facility=Facility(name="École {code}", preset="nonformal", language="fr-fr", admin="admin"),
        kolibri=Kolibri(
            venv="/opt/kolibri",
            user=getpass.getuser(),
            home="/srv/data/kolibri",
            content="/srv/content/kolibri",
            port=port,
            zip_port=zip_port,
        ),
        secrets=(),
        tls=None,
        console_users=(),
        minutes=30,
        on_new_machine="record",
        grow=None,
        esp=None,
        keep=None,
        mounts=("/", "/srv/content", "/srv/data"),
    )
    facts = {"machine_id": "ab" * 16, "code": "K7M3-Q2X1", "hostname": "kolibri-k7m3-q2x1"}
    made = Device(paths=paths, settings=settings, facts=facts)
    kolibri_identity.run(made)
    return made


def home(device: Device) -> Path:
    return device.paths.at("/srv/data/kolibri")


def variables(device: Device) -> dict[str, str]:
    """The environment of the service."""
    texts = [path.read_text() for path in device.paths.kolibri_environment]
    return {"PATH": os.environ["PATH"], "HOME": str(home(device)), **environment.parse("".join(texts))}


def setup(device: Device, **more: str) -> None:
    argv = (device.paths.at("/opt/kolibri/bin/kolibri"), "configure", "setup")
    subprocess.run(argv, env={**variables(device), **more}, check=True, capture_output=True)


def with_facility(device: Device, **changes: str) -> Device:
    assert device.settings.facility is not None
    changed = replace(device.settings.facility, **changes)
    return replace(device, settings=replace(device.settings, facility=changed))


def test_one_facility_with_its_administrator_and_no_trace_of_the_password(device: Device) -> None:
    facts = facility.run(device)
    state = kolibri_db.provisioning(home(device))
    assert state.complete("admin")
    assert state.facilities == ((facts["facility_id"], facts["dataset_id"], "École K7M3-Q2X1"),)
    assert facts["instance_id"] == state.instance_id
    assert facts["kolibri_version"] == "0.19.5"
    assert list(device.paths.at("/run").iterdir()) == []
    carriers = [path for path in home(device).rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert carriers == []
    assert PASSWORD not in json.dumps(facts)
    assert facility.run(device) == facts


def test_the_service_is_the_same_instance_whatever_network_card_it_has(device: Device) -> None:
    facts = facility.run(device)
    setup(device)
    assert kolibri_db.provisioning(home(device)).instance_id == facts["instance_id"]
    known = variables(device)
    device.paths.kolibri_environment[1].write_text("MORANGO_SYSTEM_ID=other\nMORANGO_NODE_ID=other\n")
    assert variables(device) != known
    setup(device)
    assert kolibri_db.provisioning(home(device)).instance_id != facts["instance_id"], "the ids are not what decides"


def test_a_cache_that_says_provisioned_is_not_believed(device: Device) -> None:
    """What a kill inside Kolibri's transaction leaves: the cache on disk knows of it, the database does not."""
    sealed = device.paths.at("/usr/share/satchel/sealed-home")
    facility.run(device)
    cache = home(device) / "process_cache"
    assert cache.is_dir()
    for path in home(device).glob("*.sqlite3*"):
        path.unlink()
    shutil.copytree(sealed, home(device), dirs_exist_ok=True)
    (home(device) / kolibri_home.OWNER_MARK).unlink()
    file = device.paths.at("/run/provision.json")
    file.write_text('{"facility_name": "Trap"}')
    setup(device, KOLIBRI_AUTOMATIC_PROVISION_FILE=str(file))
    assert kolibri_db.provisioning(home(device)).facilities == (), "this Kolibri has no such trap any more"
    file.unlink()
    facility.run(device)
    assert kolibri_db.provisioning(home(device)).complete("admin")


@pytest.mark.parametrize("delay", [0.3, 0.8, 1.2, 1.5, 1.8, 2.1])
def test_killed_anywhere_and_run_again(device: Device, delay: float) -> None:
    child = os.fork()
    if child == 0:
        os.setsid()
        facility.run(device)
        os._exit(0)
    time.sleep(delay)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    facts = facility.run(device)
    state = kolibri_db.provisioning(home(device))
    assert state.complete("admin")
    assert state.facilities[0][0] == facts["facility_id"]
    assert kolibri_home.damage(home(device)) == ()
    assert list(device.paths.at("/run").iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"admin": "head teacher"},
        {"admin": ""},
        {"name": ""},
        {"name": "x" * 101},
        {"preset": "club"},
        {"language": "x"},
    ],
)
def test_what_kolibri_would_swallow_is_refused_first(device: Device, changes: dict[str, str]) -> None:
    with pytest.raises(DeviceError, match="Kolibri cannot use this"):
        facility.run(with_facility(device, **changes))
    assert kolibri_db.provisioning(home(device)).untouched


def test_success_without_an_administrator_is_a_failure(device: Device) -> None:
    """Kolibri exits with 0 here; so does it when it finds a device that somebody else has provisioned."""
    file = device.paths.at("/run/provision.json")
    file.write_text(json.dumps({"facility_name": "Half", "superuser": {"username": "not valid!", "password": "x"}}))
    setup(device, KOLIBRI_AUTOMATIC_PROVISION_FILE=str(file))
    with pytest.raises(DeviceError, match="not properly provisioned: 1 facilities, super admins: none"):
        facility.run(device)


def test_a_failing_kolibri_leaves_no_password_and_says_why(device: Device) -> None:
    with device.paths.kolibri_environment[0].open("a") as file:
        file.write("KOLIBRI_HTTP_PORT=eighty\n")
    with pytest.raises(DeviceError, match="Kolibri could not be set up") as caught:
        facility.run(device)
    assert PASSWORD not in caught.value.reason
    assert list(device.paths.at("/run").iterdir()) == []


def test_the_content_must_be_there(device: Device) -> None:
    device.paths.at("/srv/content/.satchel-content.json").unlink()
    with pytest.raises(DeviceError, match="content"):
        facility.run(device)
    assert kolibri_db.provisioning(home(device)).untouched


@pytest.mark.parametrize("name", ["db.sqlite3", "sessions.sqlite3", ".data_version"])
def test_a_home_damaged_before_it_had_an_owner_is_mended(device: Device, name: str) -> None:
    (home(device) / name).write_bytes(b"")
    facility.run(device)
    assert kolibri_home.damage(home(device)) == ()
    assert kolibri_db.provisioning(home(device)).complete("admin")


def test_a_home_damaged_later_stays_closed_and_untouched(device: Device) -> None:
    facility.run(device)
    (home(device) / "sessions.sqlite3").write_bytes(b"")
    before = (home(device) / "db.sqlite3").read_bytes()
    with pytest.raises(DeviceError, match=r"sessions\.sqlite3 is empty") as caught:
        facility.run(device)
    assert "Do not flash" in caught.value.advice
    assert (home(device) / "db.sqlite3").read_bytes() == before


@contextmanager
def serving(device: Device) -> Iterator[str]:
    """A running server, ready by its own word to the service manager."""
    notify = device.paths.at("/run/notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(notify))
        ready.settimeout(300)
        argv = (device.paths.at("/opt/kolibri/bin/kolibri"), "start", "--foreground")
        with subprocess.Popen(
            argv, env={**variables(device), "NOTIFY_SOCKET": str(notify)}, stdout=subprocess.DEVNULL, stderr=-3
        ) as server:
            try:
                while b"READY=1" not in ready.recv(4096):
                    pass
                yield f"http://127.0.0.1:{variables(device)['KOLIBRI_HTTP_PORT']}"
            finally:
                server.terminate()
                try:
                    server.wait(30)
                except subprocess.TimeoutExpired:
                    server.kill()


def log_in(base: str, facility_id: str, password: str) -> int:
    body = json.dumps({"username": "admin", "password": password, "facility": facility_id}).encode()
    request = urllib.request.Request(f"{base}/api/auth/session/", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_the_administrators_first_login_takes_the_password_off_the_prompt(device: Device) -> None:
    facts = {**device.facts, **facility.run(device)}
    with serving(device) as base:
        assert log_in(base, facts["facility_id"], "wrong") == 401
        assert PASSWORD in login_prompt.current(device.paths, device.settings, facts)
        assert log_in(base, facts["facility_id"], PASSWORD) == 200
        assert PASSWORD not in login_prompt.current(device.paths, device.settings, facts)
    shutil.rmtree(home(device))
    assert PASSWORD not in login_prompt.current(device.paths, device.settings, facts)


def test_the_service_starts_only_on_a_whole_home(device: Device) -> None:
    facility.run(device)
    overlay = device.paths.at("/usr/lib/satchel")
    shutil.copytree(LIBRARY / "device", overlay / "device")
    program = overlay / "bin" / READY.name
    program.parent.mkdir()
    shutil.copy(READY, program)

    def ready() -> subprocess.CompletedProcess[str]:
        argv = (sys.executable, "-BI", program, home(device))
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    assert (home(device) / "process_cache").exists()
    assert ready().returncode == 0
    assert not (home(device) / "process_cache").exists()
    (home(device) / "db.sqlite3").write_bytes(b"")
    refused = ready()
    assert refused.returncode == 1
    assert "db.sqlite3 is empty" in refused.stderr

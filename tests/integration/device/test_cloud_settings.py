"""What the real cloud-init and Azure's real agent make of the settings that images have for them."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pycdlib
import pytest

from builder.host.places import OVERLAYS
from builder.host.sandbox import Mount
from builder.host.tools import Tools, ensure_lab
from builder.identity.iso import write_iso
from builder.identity.seed_file import EMPTY
from builder.progress import Reporter

pytestmark = pytest.mark.in_namespace

AGENTS = ("cloud-init", "waagent")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGK0pOnGqEfyIEyRcNGMZJtQ1zkOq4AJIbNmQd2MxJ4r operator@here"

READ_CLOUD_INIT = """\
import importlib, json
from cloudinit import util
from cloudinit.config import modules
from cloudinit.distros import debian, ug_util
from cloudinit.helpers import Paths
read = util.read_conf_with_confd("/job/at/cloud.cfg")
names = [each for stage in ("init", "config", "final") for each in read[f"cloud_{stage}_modules"]]
for name in names:
    importlib.import_module(f"cloudinit.config.{modules.form_module_name(name)}")
distro = debian.Distro("debian", read["system_info"], Paths({}))
(user, _) = ug_util.extract_default(ug_util.normalize_users_groups(read, distro)[0])
print(json.dumps({"settings": read, "modules": names, "user": user}))
"""

READ_WAAGENT = """\
import json
from azurelinuxagent.common import conf
conf.load_conf_from_file("/job/at")
tables = [each for name, each in vars(conf).items() if name.startswith("__") and isinstance(each, dict)]
print(json.dumps({
    "known": sorted({key for table in tables for key in table if "." in key or key[0].isupper()}),
    "host key": conf.get_ssh_key_public_path(),
    "provisions": conf.get_provisioning_agent(),
    "on": [name for name, value in {
        "extensions": conf.get_extensions_enabled(),
        "resource disk": conf.get_resourcedisk_format() or conf.get_resourcedisk_enable_swap(),
        "updates": conf.get_autoupdate_enabled() or conf.get_auto_update_to_latest_version(),
        "root's password": conf.get_delete_root_password() or conf.get_allow_reset_sys_user(),
        "host keys": conf.get_regenerate_ssh_host_key(),
        "host name": conf.get_monitor_hostname(),
        "custom data": conf.get_decode_customdata() or conf.get_execute_customdata(),
    }.items() if value],
}))
"""


@pytest.fixture
def agents() -> Tools:
    return ensure_lab(Reporter(), AGENTS)


def asked(agents: Tools, at: Path, program: str) -> dict[str, Any]:
    said = agents.sandbox(Mount(target="/job/at", source=at)).run(("python3", "-c", program), why="ask an agent")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def settings(agents: Tools, directory: Path, *overlays: str) -> dict[str, Any]:
    """What cloud-init reads on a device with these overlays."""
    (directory / "cloud.cfg.d").mkdir()
    shutil.copy(agents.tree / "etc/cloud/cloud.cfg", directory)
    for overlay in overlays:
        for path in (OVERLAYS / overlay / "etc/cloud/cloud.cfg.d").iterdir():
            shutil.copy(path, directory / "cloud.cfg.d")
    return asked(agents, directory, READ_CLOUD_INIT)


def test_cloud_init_brings_files_and_keys_and_leaves_the_device_alone(agents: Tools, tmp_path: Path) -> None:
    found = settings(agents, tmp_path, "cloud")
    assert found["modules"] == ["write-files", "ssh"]
    assert found["user"] == "technician"
    read = found["settings"]
    assert read["datasource_list"] == ["NoCloud", "None"]
    assert read["preserve_hostname"] is True
    assert (read["ssh_deletekeys"], read["ssh_genkeytypes"]) == (False, [])
    assert read["network"] == {"config": "disabled"}
    # Nothing that cloud-init itself knows of a password.
    assert "password" not in read
    assert read["system_info"]["default_user"]["lock_passwd"] is False


def test_azure_is_another_place_to_hear_from_and_nothing_else(agents: Tools, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    one = settings(agents, tmp_path / "one", "cloud")
    other = settings(agents, tmp_path / "other", "cloud", "azure")
    differs = {key for key in other["settings"] if other["settings"][key] != one["settings"].get(key)}
    assert differs == {"datasource_list", "datasource"}
    assert other["settings"]["datasource_list"] == ["Azure", "NoCloud", "None"]


def test_azures_agent_only_says_that_the_machine_is_ready(agents: Tools) -> None:
    path = OVERLAYS / "azure/etc/waagent.conf"
    found = asked(agents, path, READ_WAAGENT)
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert {line.partition("=")[0] for line in lines} - set(found["known"]) == set(), "options that it does not know"
    assert found["provisions"] == "cloud-init"
    assert found["host key"] == "/etc/ssh/ssh_host_ed25519_key.pub"
    assert found["on"] == []


def test_cloud_init_understands_what_the_seed_disk_tells_it(agents: Tools, tmp_path: Path) -> None:
    disk = tmp_path / "seed.iso"
    write_iso(disk, EMPTY, instance="K7M3-Q2XC", ssh_keys=(KEY,))
    told = {name: on_disk(disk, name) for name in ("user-data", "meta-data")}
    path = tmp_path / "user-data"
    path.write_text(told["user-data"])
    sandbox = agents.sandbox(Mount(target="/job/at", source=path))
    assert "Valid" in sandbox.run(("cloud-init", "schema", "--config-file", "/job/at"), why="ask cloud-init")
    assert json.loads(told["user-data"].removeprefix("#cloud-config\n")) == {"ssh_authorized_keys": [KEY]}
    assert told["meta-data"].startswith("instance-id: K7M3-Q2XC-")


def test_a_disk_with_other_keys_is_another_instance(tmp_path: Path) -> None:
    told = []
    for number, keys in enumerate(((), (KEY,), (f"{KEY}-again",), (KEY,))):
        disk = tmp_path / f"{number}.iso"
        write_iso(disk, EMPTY, instance="box", ssh_keys=keys)
        told.append(on_disk(disk, "meta-data"))
    assert told[0] == "instance-id: box\n"
    assert told[1] == told[3]
    assert len(set(told)) == 3


def on_disk(disk: Path, name: str) -> str:
    iso, found = pycdlib.PyCdlib(), io.BytesIO()
    iso.open(str(disk))
    iso.get_file_from_iso_fp(found, joliet_path=f"/{name}")
    iso.close()
    return found.getvalue().decode()

"""The overlays as the builder lays them down: rendered from the shipped recipe, complete, of the right modes."""

from __future__ import annotations

import ast
import configparser
import json
import sys
from pathlib import Path, PurePosixPath

import pytest
from device import environment, settings

from builder.layers.overlay import OverlayLayer, Placed
from builder.recipe.load import Loaded, load_recipe

ROOT = Path(__file__).resolve().parents[3]
OVERLAYS = ROOT / "overlays"
PROGRAMS = {
    "access_point",
    "agent",
    "backup",
    "checks",
    "clones",
    "containers",
    "device",
    "firstboot",
    "postgres",
    "seed",
    "stick",
    "tls",
}


@pytest.fixture(scope="module", params=["kolibri-pc", "kolibri-pi"])
def loaded(request: pytest.FixtureRequest) -> Loaded:
    return load_recipe(ROOT / f"recipes/{request.param}.yml")


@pytest.fixture(scope="module")
def placed(loaded: Loaded) -> dict[str, Placed]:
    """Every file of every overlay of the recipe, by its path on the device."""
    return placed_by(loaded)


def placed_by(loaded: Loaded) -> dict[str, Placed]:
    layers = [
        OverlayLayer(overlay=overlay, loaded=loaded, directory=OVERLAYS / overlay.name)
        for overlay in loaded.recipe.overlays
    ]
    return {file.path: file for layer in layers for file in layer.files()}


def test_first_boot_understands_its_settings(loaded: Loaded, placed: dict[str, Placed], tmp_path: Path) -> None:
    path = tmp_path / "firstboot.json"
    path.write_bytes(placed["usr/lib/satchel/firstboot.json"].data)
    esp = next(partition for partition in loaded.recipe.disk.partitions if partition.type == "esp")
    known = settings.load(path)
    assert known.recipe == loaded.recipe.name
    assert known.facility is not None
    assert known.kolibri is not None
    assert known.kolibri.home == "/srv/data/kolibri"
    assert known.console_users == ("technician",)
    assert (known.grow, known.esp, known.keep) == ("/srv/data", esp.mount, "/srv/data")
    assert set(known.mounts) == {"/", "/home", "/var/log", esp.mount, "/srv/content", "/srv/data"}


def test_a_partition_of_nothing_but_valuable_subvolumes_keeps_who_the_device_is(tmp_path: Path) -> None:
    recipe = tmp_path / "subvolumes.yml"
    recipe.write_text(
        f"""\
version: 1
name: subvolumes
description: What is valuable is a subvolume
extends: [{ROOT}/recipes/lib/debian-pc.yml]
disk:
  partitions:
    - name: data
      size: 512MiB
      grow: true
      filesystem: btrfs
      subvolumes:
        - {{name: "@one", mount: /srv/one, data: valuable}}
        - {{name: "@two", mount: /srv/two, data: valuable}}
"""
    )
    path = tmp_path / "firstboot.json"
    path.write_bytes(placed_by(load_recipe(recipe))["usr/lib/satchel/firstboot.json"].data)
    assert settings.load(path).keep == "/srv/one"


def test_the_checks_are_those_of_the_recipe(placed: dict[str, Placed], loaded: Loaded) -> None:
    claims = json.loads(placed["usr/lib/satchel/checks.json"].data)
    assert [claim["name"] for claim in claims] == [check.name for check in loaded.recipe.checks]
    assert all(len(claim) == 2 for claim in claims)


def test_first_boot_and_service_share_kolibris_environment(placed: dict[str, Placed]) -> None:
    variables = environment.parse(placed["etc/satchel/kolibri.env"].data.decode())
    assert variables == {
        "KOLIBRI_HOME": "/srv/data/kolibri",
        "KOLIBRI_HTTP_PORT": "8080",
        "KOLIBRI_ZIP_CONTENT_PORT": "8081",
        "KOLIBRI_CONTENT_FALLBACK_DIRS": "/srv/content/kolibri",
        "KOLIBRI_DISABLE_PING": "True",
    }
    service = placed["usr/lib/systemd/system/kolibri.service"].data.decode()
    assert "EnvironmentFile=/etc/satchel/kolibri.env\n" in service
    assert "EnvironmentFile=/var/lib/satchel/kolibri-identity.env\n" in service


@pytest.mark.parametrize(
    "unit",
    [
        "usr/lib/systemd/system/kolibri.service",
        "usr/lib/systemd/system/satchel-login-prompt.service",
        "etc/systemd/system/ssh.service.d/satchel.conf",
    ],
)
def test_what_serves_is_closed_until_first_boot_is_done(placed: dict[str, Placed], unit: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.read_string(placed[unit].data.decode())
    assert "satchel-firstboot.service" in parser["Unit"]["Requires"].split()
    assert "satchel-firstboot.service" in parser["Unit"]["After"].split()


def test_the_agent_depends_on_nothing_that_may_fail(placed: dict[str, Placed]) -> None:
    unit = placed["usr/lib/systemd/system/satchel-agent.service"].data.decode()
    keys = {line.partition("=")[0] for line in unit.splitlines() if "=" in line and not line.startswith("#")}
    assert not keys & {"Requires", "Requisite", "BindsTo", "After", "Wants"}


def test_units_name_programs_that_exist_and_can_be_run(placed: dict[str, Placed]) -> None:
    for path, file in placed.items():
        if path.startswith("usr/lib/systemd/system/"):
            commands = [line.partition("=")[2] for line in file.data.decode().splitlines() if line.startswith("Exec")]
            programs = [command.split()[0].lstrip("-+/") for command in commands]
            assert all(placed[program].mode == 0o755 for program in programs if "/satchel/" in program), path


def test_scripts_can_be_run_and_nothing_else(placed: dict[str, Placed]) -> None:
    for path, file in placed.items():
        if not file.link:
            assert (file.mode == 0o755) == file.data.startswith(b"#!"), path


def test_units_of_ours_that_the_recipe_enables_exist(placed: dict[str, Placed], loaded: Loaded) -> None:
    shipped = {PurePosixPath(path).name for path in placed}
    ours = [unit for unit in loaded.recipe.units.enable if unit.startswith(("satchel-", "kolibri"))]
    assert ours
    assert set(ours) <= shipped
    assert "systemd-networkd-wait-online.service" in loaded.recipe.units.mask


def test_programs_need_nothing_but_python() -> None:
    sources = [path for path in OVERLAYS.rglob("usr/lib/satchel/**/*") if path.is_file() and path.suffix == ".py"]
    sources += [path for path in OVERLAYS.rglob("usr/lib/satchel/bin/*") if b"python3" in path.read_bytes()[:30]]
    # They run inside Kolibri's environment, with all that it brings.
    sources.remove(OVERLAYS / "kolibri/usr/lib/satchel/kolibri/recreate_facility.py")
    sources.remove(OVERLAYS / "kolibri-container/usr/lib/satchel/kolibri_container.py")
    assert len(sources) > 30
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            top = {name.partition(".")[0] for name in names}
            assert top <= {*sys.stdlib_module_names, *PROGRAMS}, source

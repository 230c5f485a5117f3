"""What a container gets when it starts: directories, variables and secrets, or a word about what is missing."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from containers import prepare, replacing, reset, settings
from device.errors import DeviceError
from device.paths import Paths

from builder.recipe.load import load_recipe
from builder.templates import compiled

OVERLAY = Path(__file__).parents[3] / "overlays/podman/usr/lib/satchel/containers.json.j2"
RECIPE = Path(__file__).parents[2] / "golden/quadlets/recipe.yml"


def described(name: str = "web", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": "localhost/web:1",
        "env_files": [],
        "require": [],
        "secrets": [],
        "volumes": [],
        **more,
    }


def written(root: Path, *units: dict[str, Any]) -> tuple[Paths, settings.Settings]:
    paths = Paths(root=root)
    file = paths.at(settings.FILE)
    file.parent.mkdir(parents=True)
    facts = {"store": "/store", "label": None, "images": [], "copies": None, "units": units}
    file.write_text(json.dumps(facts))
    return paths, settings.load(file)


def variables(root: Path) -> str:
    return (root / "run/satchel/containers/web.env").read_text()


def secret(root: Path, text: str = "hush\n", mode: int = 0o600) -> None:
    path = root / "etc/satchel/secrets/key"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_the_device_reads_what_the_builder_writes(tmp_path: Path) -> None:
    file = tmp_path / "containers.json"
    file.write_text(compiled(OVERLAY.read_text()).render(recipe=load_recipe(RECIPE).recipe))
    found = settings.load(file)
    most = next(unit for unit in found.units if unit.name == "most")
    assert (found.store, found.label) == ("/var/lib/containers", "containers")
    assert found.images == ("docker.io/library/postgres:17", "localhost/web:1")
    assert most.require == ("DATABASE_HOST",)
    assert most.volumes[0] == settings.Volume(path="/data", source="/srv/data/web", user=999, group=999)
    assert most.secrets[0] == settings.SecretUse(name="database", variable="DATABASE_PASSWORD", file=None)


def test_variables_come_from_files_and_secrets_and_the_last_one_wins(tmp_path: Path) -> None:
    uses = [{"name": "key", "variable": "KEY", "file": None}]
    paths, known = written(tmp_path, described(env_files=["/a.env", "/b.env"], require=["A", "KEY"], secrets=uses))
    (tmp_path / "a.env").write_text("# a comment\nA=1\nB=1\n")
    (tmp_path / "b.env").write_text("B=two words\n")
    secret(tmp_path)
    prepare.prepare(paths, known, "web")
    assert variables(tmp_path) == "A=1\nB=two words\nKEY=hush\n"
    assert stat.S_IMODE((tmp_path / "run/satchel/containers").stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", "A=\n"])
def test_a_variable_that_is_missing_or_empty_is_named(tmp_path: Path, text: str) -> None:
    paths, known = written(tmp_path, described(env_files=["/a.env"], require=["A"]))
    (tmp_path / "a.env").write_text(text)
    with pytest.raises(DeviceError, match="web is not started: A is not set") as caught:
        prepare.prepare(paths, known, "web")
    assert "/a.env" in caught.value.advice


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    paths, known = written(tmp_path, described(env_files=["/a.env"]))
    with pytest.raises(DeviceError, match=r"/a\.env is missing"):
        prepare.prepare(paths, known, "web")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_secret_that_others_can_read_is_none(tmp_path: Path, mode: int) -> None:
    paths, known = written(tmp_path, described(secrets=[{"name": "key", "variable": "KEY", "file": None}]))
    secret(tmp_path, mode=mode)
    with pytest.raises(DeviceError, match="can be read by others than root"):
        prepare.prepare(paths, known, "web")
    assert not (tmp_path / "run/satchel/containers/web.env").exists()


def test_a_secret_may_be_a_file_that_only_the_container_reaches(tmp_path: Path) -> None:
    paths, known = written(tmp_path, described(secrets=[{"name": "key", "variable": None, "file": "/key"}]))
    secret(tmp_path)
    prepare.prepare(paths, known, "web")
    assert (tmp_path / "run/satchel/containers/web/key").read_text() == "hush"
    assert variables(tmp_path) == ""


def test_directories_of_volumes_are_made_once(tmp_path: Path) -> None:
    volume = {"path": "/data", "source": "/srv/data/web", "owner": f"{os.getuid()}:{os.getgid()}"}
    paths, known = written(tmp_path, described(volumes=[volume]))
    prepare.prepare(paths, known, "web")
    directory = tmp_path / "srv/data/web"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o750
    directory.chmod(0o700)
    prepare.prepare(paths, known, "web")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_without_a_copy_of_the_images_nothing_is_reset(tmp_path: Path) -> None:
    paths, known = written(tmp_path, described())
    with pytest.raises(DeviceError, match="keeps no copy of its images"):
        reset.reset(paths, known, started=True)
    assert not reset.wanted(paths)


def test_what_is_mounted_is_looked_up_in_the_table() -> None:
    table = "# a comment\nUUID=1 / btrfs defaults 0 0\n/dev/satchel/containers /var/lib/containers btrfs noatime 0 0\n"
    assert reset.source_of(table, "/var/lib/containers") == "/dev/satchel/containers"
    with pytest.raises(DeviceError, match="no line for /other"):
        reset.source_of(table, "/other")


def test_a_container_runs_from_the_image_of_the_recipe_until_a_drop_in_names_another(tmp_path: Path) -> None:
    paths, known = written(tmp_path, described())
    unit = replacing.unit_of(known, "web")
    assert replacing.running(paths, unit) == replacing.Running(name="web", image="localhost/web:1", before=None)
    drop_in = tmp_path / "etc/containers/systemd/web.container.d/90-replaced.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Container]\nImage=localhost/web:2\n")
    record = tmp_path / "var/lib/satchel/containers/web.json"
    record.parent.mkdir(parents=True)
    record.write_text('"localhost/web:1"')
    now = replacing.running(paths, unit)
    assert (now.image, now.before) == ("localhost/web:2", "localhost/web:1")


def test_what_cannot_be_replaced_is_said_before_anything_is_done(tmp_path: Path) -> None:
    paths, known = written(tmp_path, described())
    with pytest.raises(DeviceError, match="there is no container db") as caught:
        replacing.replace(paths, known, "db", "localhost/db:2", None)
    assert "web" in caught.value.advice
    with pytest.raises(DeviceError, match="runs from localhost/web:1 already"):
        replacing.replace(paths, known, "web", "localhost/web:1", None)
    with pytest.raises(DeviceError, match="there is no file"):
        replacing.replace(paths, known, "web", "localhost/web:2", tmp_path / "absent.tar")
    with pytest.raises(DeviceError, match="was not replaced"):
        replacing.back(paths, known, "web")

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from builder.errors import BuildFailed
from builder.layers.overlay import OverlayLayer
from builder.recipe.load import Loaded, load_recipe
from builder.recipe.software import Overlay, Ownership

RECIPE = """\
version: 1
name: trial
description: a trial
firstboot: {hostname: "trial-{code}"}
disk:
  partitions:
    - {name: bios, type: bios-boot, size: 4MiB}
    - {name: esp, type: esp, size: 64MiB, filesystem: vfat, label: ESP, mount: /boot/efi}
    - {name: root, size: 1GiB, filesystem: ext4, mount: /}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    path = tmp_path / "trial.yml"
    path.write_text(RECIPE)
    return load_recipe(path)


def layer(loaded: Loaded, directory: Path, *ownership: dict[str, Any]) -> OverlayLayer:
    rules = tuple(Ownership(**rule) for rule in ownership)
    return OverlayLayer(overlay=Overlay(name="trial", ownership=rules), loaded=loaded, directory=directory)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_modes_are_declared_and_not_inherited(loaded: Loaded, tmp_path: Path) -> None:
    files = tmp_path / "files"
    write(files / "etc/secret", "x", mode=0o777)
    write(files / "usr/bin/tool", "x", mode=0o600)
    made = layer(
        loaded,
        files,
        {"match": "usr/bin/*", "mode": "0755"},
        {"match": "etc/**", "mode": "0600", "owner": "kolibri"},
    )
    found = {file.path: (oct(file.mode), file.owner, file.group) for file in made.files()}
    assert found == {"etc/secret": ("0o600", "kolibri", "root"), "usr/bin/tool": ("0o755", "root", "root")}


def test_templates_are_rendered_and_lose_their_ending(loaded: Loaded, tmp_path: Path) -> None:
    files = tmp_path / "files"
    write(files / "etc/name.j2", "{{ recipe.name }} {{ recipe.firstboot | tojson }}\n")
    (file,) = layer(loaded, files).files()
    assert file.path == "etc/name"
    assert file.data.startswith(b'trial {"facility": null')


def test_a_wrong_template_names_its_place(loaded: Loaded, tmp_path: Path) -> None:
    files = tmp_path / "files"
    write(files / "etc/name.j2", "a\n{{ recipe.nmae }}\n")
    with pytest.raises(BuildFailed, match=r"name\.j2.*nmae"):
        layer(loaded, files).parts()


def test_key_parts_follow_content_mode_and_parameters(loaded: Loaded, tmp_path: Path) -> None:
    files = tmp_path / "files"
    write(files / "etc/a", "1")
    before = layer(loaded, files).parts()
    write(files / "etc/a", "1", mode=0o700)
    assert layer(loaded, files).parts() == before, "a mode of the checkout is not a mode of the device"
    assert layer(loaded, files, {"match": "etc/a", "mode": "0600"}).parts() != before
    write(files / "etc/a", "2")
    assert layer(loaded, files).parts() != before
    write(files / "etc/b.j2", "{{ params.colour }}")
    red, blue = (
        layer(Loaded(recipe=loaded.recipe, params=MappingProxyType({"colour": colour}), source=loaded.source,
                     files=loaded.files, tree=loaded.tree), files).parts()
        for colour in ("red", "blue")
    )  # fmt: skip
    assert red["overlays/trial/etc/b"] != blue["overlays/trial/etc/b"]

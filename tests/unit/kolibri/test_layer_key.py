"""What the Kolibri layer's key covers: everything that its result follows from, and nothing else."""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.host.places import RECIPES
from builder.kolibri.channels import find_channels
from builder.kolibri.demo.channel import make_demo_channel
from builder.layers.kolibri import KolibriLayer
from builder.recipe.load import Loaded, load_recipe
from builder.recipe.model import ContentSource, DriveContent, Recipe

LOADED = load_recipe(RECIPES / "kolibri-pc.yml")


def changed(loaded: Loaded, **fields: Any) -> Loaded:
    return replace(loaded, recipe=loaded.recipe.model_copy(update=fields))


def parts(loaded: Loaded) -> dict[str, str]:
    assert loaded.recipe.kolibri is not None
    return dict(KolibriLayer(kolibri=loaded.recipe.kolibri, loaded=loaded).parts())


def kolibri(**fields: Any) -> Loaded:
    assert LOADED.recipe.kolibri is not None
    return changed(LOADED, kolibri=LOADED.recipe.kolibri.model_copy(update=fields))


@pytest.mark.parametrize(
    "other",
    [
        changed(LOADED, name="another-school", description="Another"),
        kolibri(port=80, zip_port=81, telemetry=True),
        changed(LOADED, overlays=(), checks=(), firstboot=None),
    ],
    ids=["name", "service", "overlays"],
)
def test_what_changes_nothing_is_not_covered(other: Loaded) -> None:
    assert parts(other) == parts(LOADED)


def test_neither_the_host_nor_the_place_of_a_drive_is_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_demo_channel(tmp_path / "one" / "content", languages=("en",), lessons=1)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    before = parts(with_drives(tmp_path / "one"))
    monkeypatch.setattr(socket, "gethostname", lambda: "far-away")
    monkeypatch.chdir(tmp_path)
    assert parts(with_drives(tmp_path / "two")) == before


def test_where_things_lie_is_covered() -> None:
    assert difference(parts(LOADED), parts(kolibri(home="/srv/data/other"))) == {"places"}
    assert difference(parts(LOADED), parts(changed(LOADED, disk=mounted_elsewhere(LOADED.recipe)))) == {"mount"}


def test_each_source_is_covered_at_its_place(tmp_path: Path) -> None:
    for name, languages in (("one", ("en",)), ("two", ("sw",))):
        make_demo_channel(tmp_path / name / "content", languages=languages, lessons=1)
    first = parts(with_drives(tmp_path / "one", tmp_path / "two"))
    second = parts(with_drives(tmp_path / "two", tmp_path / "one"))
    assert difference(first, second) == {"content 0", "content 1"}


def test_the_offer_of_a_drive_is_covered_even_when_the_files_are_the_same(tmp_path: Path) -> None:
    """Two nodes can share all their files; the one that is not offered is not imported."""
    channel = make_demo_channel(tmp_path / "content", languages=("en",), lessons=1)
    whole = parts(with_drives(tmp_path))
    offer = {"id": channel.id, "version": 1, "include_node_ids": [channel.root_id]}
    manifest = tmp_path / "content" / "manifest.json"
    manifest.write_text(json.dumps({"channels": [offer]}))
    assert parts(with_drives(tmp_path)) == whole, "an offer of everything says nothing"
    offer["include_node_ids"] = ["0" * 32]
    manifest.write_text(json.dumps({"channels": [offer]}))
    nothing = parts(with_drives(tmp_path))
    offer["include_node_ids"] = ["1" * 32]
    manifest.write_text(json.dumps({"channels": [offer]}))
    assert find_channels(tmp_path)[0].files == ()
    assert difference(nothing, parts(with_drives(tmp_path))) == {"content 0"}


def with_drives(*directories: Path) -> Loaded:
    drives = (ContentSource(drive=DriveContent(directory=str(directory))) for directory in directories)
    return changed(LOADED, content=tuple(drives))


def mounted_elsewhere(recipe: Recipe) -> Any:
    content = [{**each.model_dump(), "mount": "/srv"} if each.name == "content" else each.model_dump()
               for each in recipe.disk.partitions]  # fmt: skip
    partitions = tuple(type(recipe.disk.partitions[0]).model_validate(each) for each in content)
    return recipe.disk.model_copy(update={"partitions": partitions})


def difference(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one | other if one.get(name) != other.get(name)}

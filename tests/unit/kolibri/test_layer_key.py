"""What the keys of content and of Kolibri's home cover: everything that decides the result, and nothing else."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.host.places import RECIPES
from builder.layers.content import ContentLayer
from builder.layers.files import FilesLayer
from builder.layers.kolibri import KolibriLayer
from builder.lock.model import LockedChannel, LockedTree
from builder.recipe.content import ContentSource, Files
from builder.recipe.load import Loaded, load_recipe
from builder.recipe.model import Recipe

LOADED = load_recipe(RECIPES / "kolibri-pc.yml")


def changed(loaded: Loaded, **fields: Any) -> Loaded:
    return replace(loaded, recipe=loaded.recipe.model_copy(update=fields))


def parts(loaded: Loaded) -> dict[str, str]:
    assert loaded.recipe.kolibri is not None
    return dict(KolibriLayer(kolibri=loaded.recipe.kolibri, mount="/srv/content").parts())


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


def test_the_host_is_not_covered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = parts(LOADED), content_parts(LOADED)
    monkeypatch.setattr(socket, "gethostname", lambda: "far-away")
    monkeypatch.chdir(tmp_path)
    assert (parts(LOADED), content_parts(LOADED)) == before


def test_where_things_lie_is_covered() -> None:
    assert difference(parts(LOADED), parts(kolibri(home="/srv/data/other"))) == {"places"}
    assert difference(content_parts(LOADED), content_parts(kolibri(content="/srv/content/other"))) == {"place"}
    elsewhere = changed(LOADED, disk=mounted_elsewhere(LOADED.recipe))
    assert difference(content_parts(LOADED), content_parts(elsewhere)) == {"mount"}


def test_content_depends_on_nothing_of_kolibri_but_its_place() -> None:
    assert content_parts(kolibri(home="/srv/data/other", venv="/opt/newer")) == content_parts(LOADED)


def test_each_channel_is_covered_and_not_where_it_was_asked_for() -> None:
    one = locked("1" * 32)
    assert content_parts(LOADED, one) == content_parts(LOADED, one.model_copy(update={"source": 7}))
    part = one.model_copy(update={"nodes": ("3" * 32,)})
    assert difference(content_parts(LOADED, one), content_parts(LOADED, part)) == {f"channel {one.id}"}
    assert difference(content_parts(LOADED, one), content_parts(LOADED, one, locked("2" * 32))) == {
        f"channel {'2' * 32}"
    }


def content_parts(loaded: Loaded, *channels: LockedChannel) -> dict[str, str]:
    assert loaded.recipe.kolibri is not None
    return dict(ContentLayer(kolibri=loaded.recipe.kolibri, loaded=loaded, locked=channels).parts())


def locked(channel: str) -> LockedChannel:
    return LockedChannel(
        source=0, id=channel, name="Primary", version=1, nodes=(channel,), unrenderable=False, all_thumbnails=False,
        resources=1, files=1, bytes=1, languages=(), licences=(), digest="0" * 64, size_bytes=1, sha256="0" * 64,
    )  # fmt: skip


def mounted_elsewhere(recipe: Recipe) -> Any:
    content = [{**each.model_dump(), "mount": "/srv"} if each.name == "content" else each.model_dump()
               for each in recipe.disk.partitions]  # fmt: skip
    partitions = tuple(type(recipe.disk.partitions[0]).model_validate(each) for each in content)
    return recipe.disk.model_copy(update={"partitions": partitions})


def difference(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {name for name in one | other if one.get(name) != other.get(name)}


def tree(sha256: str = "a" * 64, **fields: Any) -> LockedTree:
    facts = {"source": 0, "name": "library", "files": 1, "bytes": 1, "size_bytes": 1, "sha256": sha256, **fields}
    return LockedTree.model_validate(facts)


def files_parts(*locked: LockedTree, to: str = "/srv/content/library", origin: str = "library") -> dict[str, str]:
    recipe = changed(LOADED, content=(ContentSource(files=Files(tree=origin, to=to)),)).recipe
    return dict(FilesLayer(recipe=recipe, locked=locked).parts())


def test_a_tree_is_its_listing_and_its_place() -> None:
    before = files_parts(tree())
    assert files_parts(tree(name="films"), origin="elsewhere") == before
    assert difference(before, files_parts(tree("b" * 64))) == {"tree /srv/content/library"}
    assert difference(before, files_parts(tree(), to="/srv/content/films")) == {
        "tree /srv/content/library",
        "tree /srv/content/films",
    }

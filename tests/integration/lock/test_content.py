"""Channels in a lock: what the sources have on the day, kept until somebody asks for more."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from builder.content.pool.pool import ContentPool
from builder.errors import PlanError
from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.kolibri.channels import Channel
from builder.kolibri.demo.channel import make_demo_channel
from builder.lock.apt import Upgrade
from builder.lock.content import fetch_channels, local_marks, locked_channel, resolve_channels
from builder.lock.inputs import inputs_of
from builder.lock.model import Lock
from builder.lock.text import lock_text, parse_lock
from builder.progress import Reporter
from builder.recipe.load import Loaded, load_recipe

Load = Callable[[str], Loaded]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SATCHEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    return make_demo_channel(tmp_path / "drive/content", languages=("en", "sw"), lessons=1)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def loaded(channels: str) -> Loaded:
        recipe = tmp_path / "school.yml"
        recipe.write_text(
            f"version: 1\nname: school\ndescription: d\nextends: [{RECIPES}/kolibri-pc.yml]\n"
            f"content: !replace\n  - channels: {channels}\n"
        )
        return load_recipe(recipe)

    return loaded


def resolved(loaded: Loaded, earlier: Lock | None = None, *, upgrade: Upgrade | None = None) -> Lock:
    locked = resolve_channels(
        loaded,
        earlier=earlier,
        as_before=lambda number: (
            bool(earlier) and earlier.inputs[f"content {number}"] == inputs_of(loaded)[f"content {number}"]
        ),
        upgrade=upgrade or Upgrade(),
        pool=Pool(),
        reporter=Reporter(),
    )
    return Lock(
        recipe="school", date=0, inputs=inputs_of(loaded), tools=(), base=(), apt=(), wheels=(), content=(),
        channels=tuple(locked),
    )  # fmt: skip


def renumber(drive: Path, channel: Channel, version: int) -> None:
    path = drive / "content/databases" / f"{channel.id}.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE content_channelmetadata SET version = ?, name = 'Two' || char(10) || 'lines'", (version,)
        )


def test_the_lock_says_all_about_a_channel(load: Load, channel: Channel) -> None:
    (locked,) = resolved(load("{sources: [{drive: drive}]}")).channels
    assert (locked.id, locked.version, locked.nodes) == (channel.id, 1, (channel.root_id,))
    assert (locked.resources, locked.files) == (channel.resources, len(channel.files))
    assert locked.bytes == sum(file.size for file in channel.files)
    assert (locked.languages, locked.licences) == (("en", "sw"), ("CC BY",))
    assert locked_channel(locked, Pool()) == channel


def test_a_lock_is_read_as_it_was_written(load: Load, channel: Channel) -> None:
    lock = resolved(load("{languages: [sw], sources: [{drive: drive}]}"))
    assert lock.channels[0].languages == ("sw",)
    assert channel.root_id not in lock.channels[0].nodes
    assert parse_lock(lock_text(lock), Path("school.lock")) == lock


def test_a_newer_version_waits_until_it_is_asked_for(load: Load, channel: Channel, tmp_path: Path) -> None:
    loaded = load("{sources: [{drive: drive}]}")
    first, marks = resolved(loaded), local_marks(loaded)
    renumber(tmp_path / "drive", channel, 7)
    assert local_marks(loaded) != marks, "a recipe without a lock sees it at once"
    assert resolved(loaded, first) == first
    assert resolved(loaded, first, upgrade=Upgrade(names=frozenset({"another"}))) == first
    (newer,) = resolved(loaded, first, upgrade=Upgrade(names=frozenset({channel.id}))).channels
    assert (newer.version, newer.name) == (7, "Two lines")
    (all_new,) = resolved(loaded, first, upgrade=Upgrade(everything=True)).channels
    assert all_new == newer


def test_another_choice_is_looked_up_anew(load: Load, channel: Channel) -> None:
    first = resolved(load("{sources: [{drive: drive}]}"))
    (part,) = resolved(load("{languages: [en], sources: [{drive: drive}]}"), first).channels
    assert part.resources == channel.resources // 2


def test_what_is_locked_needs_no_source_once_it_is_in_the_pools(load: Load, channel: Channel, tmp_path: Path) -> None:
    loaded = load("{sources: [{drive: drive}]}")
    lock = resolved(loaded)
    fetch_channels(loaded, lock.channels, offline=False, reporter=Reporter())
    shutil.rmtree(tmp_path / "drive")
    fetch_channels(loaded, lock.channels, offline=True, reporter=Reporter())
    assert ContentPool().missing(channel.files) == ()


def test_the_next_source_has_what_the_first_lacks(load: Load, channel: Channel, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "drive", tmp_path / "spare")
    gone, spoilt = (tmp_path / "drive/content" / file.path for file in channel.files[:2])
    gone.unlink()
    spoilt.write_bytes(b"\0" * channel.files[1].size)
    loaded = load("{sources: [{drive: drive}, {drive: spare}]}")
    lock = resolved(loaded)
    fetch_channels(loaded, lock.channels, offline=False, reporter=Reporter())
    assert ContentPool().missing(channel.files) == ()
    known = ContentPool().known()
    assert str(tmp_path / "spare") in known[channel.files[1].name].origin
    assert str(tmp_path / "drive") in known[channel.files[2].name].origin


def test_the_version_that_is_locked_and_gone_is_named(
    load: Load, channel: Channel, tmp_path: Path, cache: Path
) -> None:
    loaded = load("{sources: [{drive: drive}]}")
    lock = resolved(loaded)
    shutil.rmtree(cache / "pool")
    renumber(tmp_path / "drive", channel, 0)
    with pytest.raises(PlanError, match=r"in version 1, which the lock names") as caught:
        fetch_channels(loaded, lock.channels, offline=False, reporter=Reporter())
    assert "version 0" in str(caught.value.details)


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        (f"{{ids: [{'f' * 32}], sources: [{{drive: drive}}]}}", "no source has ffff"),
        ("{ids: [kulib-mapoz], sources: [{drive: drive}]}", "no source has kulib-mapoz"),
        ("{ids: [kulib-mapoz], sources: [{drive: lost}]}", "no source has kulib-mapoz"),
    ],
)
def test_what_no_source_has_is_told_with_its_place(load: Load, channel: Channel, channels: str, said: str) -> None:
    with pytest.raises(PlanError, match=said) as caught:
        resolved(load(channels))
    assert "school.yml:6:22" in str(caught.value)
    assert caught.value.details


def test_offline_says_how_much_is_missing(load: Load, channel: Channel) -> None:
    loaded = load("{sources: [{drive: drive}]}")
    lock = resolved(loaded)
    with pytest.raises(PlanError, match="may not be used"):
        fetch_channels(loaded, lock.channels, offline=True, reporter=Reporter())


def test_a_lock_of_another_selection_is_refused(load: Load, channel: Channel) -> None:
    (locked,) = resolved(load("{sources: [{drive: drive}]}")).channels
    with pytest.raises(PlanError, match="has other files now than when it was locked"):
        locked_channel(locked.model_copy(update={"digest": "0" * 64}), Pool())

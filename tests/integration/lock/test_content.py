"""Content in a lock: a drive that holds something else than before does not fit."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from builder.host.places import RECIPES
from builder.kolibri.demo.channel import make_demo_channel
from builder.lock.content import contents
from builder.lock.current import misfits
from builder.lock.inputs import inputs_of
from builder.lock.model import Lock
from builder.recipe.load import Loaded, load_recipe


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    make_demo_channel(tmp_path / "drive/content", languages=("en",), lessons=1)
    recipe = tmp_path / "school.yml"
    recipe.write_text(
        f"version: 1\nname: school\ndescription: d\nextends: [{RECIPES}/kolibri-pc.yml]\n"
        "content: !replace\n  - drive: {directory: drive}\n"
    )
    return load_recipe(recipe)


def test_a_drive_that_changed_is_told(loaded: Loaded, tmp_path: Path) -> None:
    lock = Lock(
        recipe="school",
        date=0,
        inputs=inputs_of(loaded),
        tools=(),
        base=(),
        apt=(),
        wheels=(),
        content=contents(loaded),
    )
    assert misfits(lock, loaded) == ()
    (database,) = (tmp_path / "drive/content/databases").glob("*.sqlite3")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE content_channelmetadata SET version = 7, name = 'Two' || char(10) || 'lines'")
    (sentence,) = misfits(lock, loaded)
    assert sentence.startswith("content[0] is now Two lines (version 7); ")
    assert f"the lock has {lock.content[0].description}" in sentence

"""What `satchel content list` shows of a drive. SATCHEL_UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import sqlite3
from argparse import Namespace
from contextlib import closing
from pathlib import Path

import pytest

from builder.kolibri.demo.channel import make_demo_channel
from builder.verbs.content_listing import listing

from .test_bad_recipes import assert_golden

_HERE = Path(__file__).parent / "content"


def test_channels_and_their_topics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SATCHEL_CACHE", str(tmp_path / "cache"))
    make_demo_channel(tmp_path / "drive", languages=("en", "sw"), lessons=2)
    newer = make_demo_channel(tmp_path / "drive", languages=("fr",), lessons=1)
    with closing(sqlite3.connect(tmp_path / "drive" / "databases" / f"{newer.id}.sqlite3")) as database, database:
        database.execute("UPDATE content_channelmetadata SET min_schema_version = '9'")
    asked = Namespace(recipe=str(tmp_path / "drive"), set=[], channel=[], nodes=True, depth=None, json=False)
    assert listing(asked) == 0
    assert_golden(_HERE / "list-nodes.txt", capsys.readouterr().out)

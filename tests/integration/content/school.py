"""A school's recipe with channels from a drive, its lock, and `satchel` as a person calls it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.kolibri.channels import Channel
from builder.kolibri.demo.channel import make_demo_channel
from builder.lock.apt import Upgrade
from builder.lock.content import resolve_channels
from builder.lock.inputs import inputs_of
from builder.lock.model import Lock
from builder.lock.text import write_lock
from builder.lock.trees import resolve_trees
from builder.progress import Reporter
from builder.recipe.load import load_recipe


@dataclass(frozen=True)
class Said:
    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True)
class School:
    """A directory with recipes and drives, and a cache."""

    directory: Path
    cache: Path
    channel: Channel

    @property
    def drive(self) -> Path:
        return self.directory / "drive"

    @property
    def storage(self) -> Path:
        return self.cache / "content" / "storage"

    def pooled(self) -> list[str]:
        return sorted(path.name for path in self.storage.rglob("*") if path.is_file())

    def satchel(self, *words: str | Path, **variables: str) -> Said:
        command = [sys.executable, "-m", "builder", *map(str, words)]
        environment = {**os.environ, "SATCHEL_CACHE": str(self.cache), **variables}
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=False, env=environment)
        return Said(done.returncode, done.stdout, done.stderr)

    def recipe(self, name: str, content: str) -> Path:
        path = self.directory / f"{name}.yml"
        path.write_text(
            f"version: 1\nname: {path.stem}\ndescription: d\nextends: [{RECIPES}/kolibri-pc.yml]\n"
            f"content: !replace\n{content}"
        )
        return path

    def lock(self, name: str) -> Path:
        """Lock a recipe's content, and nothing else: no package is needed here."""
        loaded = load_recipe(self.directory / f"{name}.yml")
        channels, trees = (
            tuple(
                resolve(
                    loaded,
                    earlier=None,
                    as_before=lambda _number: False,
                    upgrade=Upgrade(),
                    pool=Pool(self.cache / "pool"),
                    reporter=Reporter(),
                )
            )
            for resolve in (resolve_channels, resolve_trees)
        )
        path = self.directory / f"{name}.lock"
        lock = Lock(
            recipe=name, date=0, inputs=inputs_of(loaded), tools=(), base=(), apt=(), wheels=(), content=(),
            channels=channels, trees=trees,
        )  # fmt: skip
        write_lock(path, lock)
        return path


def make_school(directory: Path) -> School:
    """A school with one drive and one recipe of it, locked."""
    channel = make_demo_channel(directory / "drive" / "content", languages=("en", "sw"), lessons=2)
    school = School(directory=directory, cache=directory / "cache", channel=channel)
    school.recipe("school", "  - channels: {sources: [{drive: drive}]}\n")
    school.lock("school")
    return school


def sql(database: Path, query: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection, connection:
        return connection.execute(query, values).fetchall()


def retitle(school: School, title: str) -> None:
    """Give the drive's channel another name."""
    (database,) = (school.drive / "content" / "databases").glob("*.sqlite3")
    sql(database, "UPDATE content_channelmetadata SET name = ?", title)


Made = Callable[..., School]

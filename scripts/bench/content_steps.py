#!/usr/bin/env python3
"""One measured step of content.py, in a process of its own; prints its own time, in seconds, as JSON."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

from channel import SHAPES, make_channel

from builder.content.fetch import Wanted, fetch_files
from builder.content.pool.pool import DATE_S, ContentPool
from builder.content.source.server import CONNECTIONS, ServerSource
from builder.disk.ext4 import make_ext4, needed_bytes
from builder.disk.source import Source
from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.host.tools import ensure_workshop
from builder.host.whole import write_out
from builder.kolibri.channels import find_channels, read_channel
from builder.kolibri.selection import Choice
from builder.lock.text import read_lock
from builder.plan.layout import plan_layout
from builder.progress import Reporter
from builder.recipe.disk import Disk

SEED: Final = UUID("1bd1b3d4-6d1e-4a50-8c1e-7a3a3f0ee001")


def make(drive: str, name: str) -> None:
    """Make a channel. Not in the process that measures: what is started begins with the peak of whoever starts it."""
    make_channel(Path(drive), SHAPES[name])


def fetch(address: str, channel: str, room: str, connections: str = str(CONNECTIONS)) -> float:
    """A channel from a server into a new pool: what is in it, and then its files; until they are on the disk."""
    began = time.monotonic()
    source = ServerSource(address, connections=int(connections))
    with TemporaryDirectory() as scratch:
        database = Path(scratch) / "database"
        offered = source.database(channel, database)
        read = read_channel(database, Choice(), offered=offered, named=channel)
    wanted = Wanted(name=read.name, files=read.files, sources=(lambda: source,))
    fetch_files([wanted], ContentPool(Path(room)), offline=False, reporter=Reporter())
    return time.monotonic() - began


def kolibri(venv: str, address: str, channel: str, home: str) -> float:
    """The same by Kolibri, into a home that has its tables already."""
    command = [f"{venv}/bin/kolibri", "manage"]
    network = ["network", channel, "--baseurl", address]
    environment = {**os.environ, "KOLIBRI_HOME": home, "KOLIBRI_DISABLE_PING": "1", "PYTHONWARNINGS": "ignore"}
    began = time.monotonic()
    for argv in (["importchannel", *network], ["importcontent", "--fail-on-error", *network]):
        subprocess.run([*command, *argv], check=True, env=environment, stdout=sys.stderr)
    write_out(Path(home))
    return time.monotonic() - began


def again(drive: str, room: str) -> dict[str, float]:
    """Look whether all files of a channel are in the pool still, against a bare stat of each; medians of nine."""
    (channel,) = find_channels(Path(drive))
    pool = ContentPool(Path(room))
    paths = [str(pool.path(file)) for file in channel.files]
    assert pool.missing(channel.files) == ()

    def bare() -> None:
        for path in paths:
            os.stat(path)  # noqa: PTH116

    nothing = [Wanted(name=channel.name, files=channel.files, sources=())]
    return {
        "bare": _timed(bare),
        "pool": _timed(lambda: pool.missing(channel.files)),
        "fetch": _timed(lambda: fetch_files(nothing, pool, offline=False, reporter=Reporter())),
    }


def lay(drive: str, pool: str, tree: str) -> int:
    """Fill the pool from a drive and lay its content out by links; returns the bytes."""
    (channel,) = find_channels(Path(drive))
    kept = ContentPool(Path(pool))
    (Path(tree) / "content" / "databases").mkdir(parents=True)
    for file in kept.missing(channel.files):
        kept.take(Path(drive) / "content" / file.path, file, origin="bench", advance=lambda _: None)
    kept.settle()
    for file in channel.files:
        target = Path(tree) / "content" / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        kept.link(file, target)
    return sum(file.size for file in channel.files)


def ext4(tree: str, out: str) -> float:
    """The content file system from a tree of links."""
    lock = read_lock(RECIPES / "kolibri-pc.lock")
    assert lock is not None
    tools = ensure_workshop(lock.tools, Pool(), Reporter())
    began = time.monotonic()
    source = Source(path=Path(tree))
    wanted = {"name": "content", "mount": "/srv", "size": "fit", "filesystem": "ext4"}
    disk = Disk.model_validate({"partitions": [wanted], "card": 10**15})
    needed = needed_bytes(source, read_only=True)
    partition = plan_layout(disk, needed={"content": needed}, seed=SEED).partitions[0]
    make_ext4(tools, source, partition, out=Path(out), epoch=DATE_S, read_only=True)
    write_out(Path(out).parent)
    return time.monotonic() - began


def copy(tree: str, out: str) -> float:
    """The same files by cp."""
    began = time.monotonic()
    subprocess.run(["cp", "-r", tree, out], check=True)
    write_out(Path(out))
    return time.monotonic() - began


def _timed(work: Callable[[], object]) -> float:
    times = []
    for _ in range(9):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return median(times)


STEPS: Final = {step.__name__: step for step in (make, fetch, kolibri, again, lay, ext4, copy)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    print(json.dumps(STEPS[options.step](*options.arguments)))

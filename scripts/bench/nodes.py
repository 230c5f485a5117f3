#!/usr/bin/env python3
"""Measure what the node size of a btrfs costs: making the file system, and what a server's days write to its card.

Writes results/nodes.json and results/nodes.md beside this file. Wants root and loop devices; takes about a minute. The
tree is that of the workshop. The days of a server: a database that commits, a log that grows, small files made sure,
packages that are replaced. What was written is counted by the kernel at the block device.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from build import RESULTS, machine

from builder.disk.btrfs import FEATURES, NODE
from builder.host.namespace import enter
from builder.host.places import RECIPES, cache_directory
from builder.host.pool import Pool
from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools, ensure_workshop
from builder.lock.text import read_lock
from builder.progress import Reporter
from builder.units import GIB, KIB, MIB, SECTOR

DEFAULT: Final = 16 * KIB
"""What mkfs.btrfs takes without being asked."""

COMMITS: Final = 1000


def main() -> None:
    """Measure, show, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only-make", type=Path, metavar="DIR", help="leave the two images in DIR, and use none")
    options = parser.parse_args()
    if options.only_make:
        enter()
        _make_both(options.only_make)
        return
    facts = {}
    with TemporaryDirectory(dir=cache_directory(), prefix="bench-nodes-") as name:
        room = Path(name)
        # A namespace of ours makes file systems, but only the machine's own root mounts them.
        subprocess.run([sys.executable, __file__, "--only-make", room], check=True)
        made = json.loads((room / "seconds.json").read_text())
        for node in (DEFAULT, NODE):
            written = _written_by_use(room / f"{node}.img", room)
            facts[node] = {"made_seconds": made[str(node)], "written_bytes": written}
    ratios = {name: round(facts[NODE][name] / facts[DEFAULT][name], 2) for name in facts[NODE]}
    lines = [
        f"| {node // KIB} KiB | {found['made_seconds']:.1f} s | {found['written_bytes'] / MIB:.0f} MiB |"
        for node, found in facts.items()
    ]
    page = (
        f"# Nodes of {NODE // KIB} KiB against the default of mkfs.btrfs\n\n"
        f"{machine()}. One run; {COMMITS} commits.\n\n"
        "| nodes | making the file system | written by its use |\n|---|---|---|\n"
        + "\n".join(lines)
        + f"\n\nRatios: {ratios['made_seconds']:.2f} of the time, {ratios['written_bytes']:.2f} of the bytes.\n"
    )
    RESULTS.mkdir(exist_ok=True)
    record = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "nodes": facts, "ratios": ratios}
    (RESULTS / "nodes.json").write_text(json.dumps(record, indent=1) + "\n")
    (RESULTS / "nodes.md").write_text(page)
    print(f"{page}\nwritten to {RESULTS}")


def _make_both(room: Path) -> None:
    lock = read_lock(RECIPES / "kolibri-pc.lock")
    assert lock is not None
    tools = ensure_workshop(lock.tools, Pool(), Reporter())
    # Once for nothing: whoever comes first reads the tree from the disk.
    _made(tools, room / "first.img", NODE)
    seconds = {node: round(_made(tools, room / f"{node}.img", node), 2) for node in (DEFAULT, NODE)}
    (room / "seconds.json").write_text(json.dumps(seconds))


def _made(tools: Tools, image: Path, node: int) -> float:
    """Make a btrfs of the workshop's own tree; how long that took, in seconds."""
    with image.open("wb") as file:
        file.truncate(3 * GIB)
    disk = Mount(target=f"{WORK}/disk", source=image, writable=True)
    tree = Mount(target=f"{WORK}/tree", source=tools.tree)
    argv = ["mkfs.btrfs", "--quiet", "--rootdir", f"{WORK}/tree", "--compress", "zstd:1", "--metadata", "dup"]
    argv += ["--data", "single", "--features", FEATURES, "--nodesize", str(node), f"{WORK}/disk"]
    started = time.monotonic()
    tools.sandbox(disk, tree).run(argv, why="make a btrfs")
    return time.monotonic() - started


def _written_by_use(image: Path, room: Path) -> int:
    """Bytes that reach the device while it is used."""
    with _mounted(image, room / "mnt") as (device, top):
        before = _written(device)
        _use(top)
        os.sync()
        return _written(device) - before


def _use(top: Path) -> None:
    work = top / "work"
    work.mkdir()
    with closing(sqlite3.connect(work / "db.sqlite3")) as database, (work / "log").open("w") as log:
        database.execute("pragma journal_mode = wal")
        database.execute("create table lesson (number, text)")
        for number in range(COMMITS):
            with database:
                database.execute("insert into lesson values (?, ?)", (number, "x" * 200))
            log.write(f"line {number}\n")
            if number % 10 == 0:
                with (work / f"small {number}").open("w") as small:
                    small.write("y" * 1500)
                    small.flush()
                    os.fsync(small.fileno())
            if number % 50 == 0:
                os.sync()
    files = sorted(path for path in (top / "usr/lib").rglob("*") if path.is_file() and not path.is_symlink())
    for path in [path for path in files if path.stat().st_size < 20 * KIB][::5]:
        new = path.with_name(f"{path.name}.dpkg-new")
        new.write_bytes(path.read_bytes())
        new.rename(path)


@contextmanager
def _mounted(image: Path, where: Path) -> Iterator[tuple[str, Path]]:
    where.mkdir()
    device = subprocess.check_output(["losetup", "--find", "--show", image], text=True).strip()
    try:
        subprocess.run(["mount", "-o", "noatime,compress=zstd:1", device, where], check=True)
        try:
            yield device.removeprefix("/dev/"), where
        finally:
            subprocess.run(["umount", where], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
        where.rmdir()


def _written(device: str) -> int:
    """Bytes written to a block device so far (Documentation/block/stat.rst of the kernel)."""
    return int(Path("/sys/block", device, "stat").read_text().split()[6]) * SECTOR


if __name__ == "__main__":
    main()

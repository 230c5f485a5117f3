#!/usr/bin/env python3
"""Measure content: fetching it against Kolibri's own import, looking again, and its file system against cp.

Writes results/content.json and results/content.md beside this file; parts that were not measured keep their last
figures. Needs a machine that does nothing else, root or a subuid range, about 20 GB beside the cache, and a virtual
environment with Kolibri (the integration tests make one). Takes about ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from build import RESULTS, machine
from channel import LARGE, MIXED, SMALL, Shape
from content_steps import __file__ as STEPS
from measure import Cost, measure

# The Kolibri that serves belongs to the tests, and those are not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from builder.content.source.server import CONNECTIONS
from builder.host.namespace import enter
from builder.host.places import REPOSITORY, cache_directory
from builder.kolibri.channels import Channel, find_channels
from builder.units import GIB, MIB, format_size
from tests.integration.content.peers import Peer

FETCHED: Final = (MIXED, SMALL)
BUILT: Final = (SMALL, LARGE)

Facts = dict[str, Any]


def main() -> None:
    """Measure, show, write."""
    options = _options()
    if options.inside:
        enter()
        print(json.dumps(_built(options.room, options.rounds)))
        return
    record = RESULTS / "content.json"
    facts: Facts = json.loads(record.read_text()) if record.exists() else {}
    facts |= {"date": datetime.now(UTC).date().isoformat(), "machine": machine()}
    with TemporaryDirectory(dir=cache_directory(), prefix="bench-content-") as name:
        room = Path(name)
        if "fetch" in options.only:
            facts["fetch"] = _fetched(room, options.kolibri or _kolibri(), options.rounds)
        if "build" in options.only:
            argv = [sys.executable, __file__, "--inside", "--room", str(room), "--rounds", str(options.rounds)]
            facts["build"] = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout)
    RESULTS.mkdir(exist_ok=True)
    record.write_text(json.dumps(facts, indent=1) + "\n")
    page = "\n".join([*_head(facts), *_fetch_page(facts), *_build_page(facts)]) + "\n"
    (RESULTS / "content.md").write_text(page)
    print(page)


def _fetched(room: Path, venv: Path, rounds: int) -> Facts:
    """Fetching from a real Kolibri that has both channels, ours and Kolibri's in turns."""
    channels = {shape.name: _made(room / shape.name, shape, log=room / "log") for shape in FETCHED}
    blank = room / "blank"
    blank.mkdir()
    _run_kolibri(venv, blank, "configure", "setup")
    serving = room / "serving"
    for name in channels:
        shutil.copytree(room / name / "content", serving / "content", dirs_exist_ok=True, copy_function=os.link)
    _run_kolibri(venv, serving, "manage", "scanforcontent")
    found: Facts = {}
    log = room / "log"
    with _served(venv, serving) as address:
        for name, channel in channels.items():
            ours, theirs = [], []
            kept = room / "pool"
            for number in range(rounds):
                shutil.rmtree(kept, ignore_errors=True)
                ours.append(_beside("fetch", address, channel.id, kept, log=log))
                home = room / f"home {number}"
                shutil.copytree(blank, home)
                theirs.append(_beside("kolibri", venv, address, channel.id, home, log=log))
                shutil.rmtree(home)
            found[name] = {
                "files": len(channel.files),
                "bytes": channel.size,
                "satchel": _summary(ours),
                "kolibri": _summary(theirs),
                "ratio": _median(ours) / _median(theirs),
            }
            if name == SMALL.name:
                found["again"] = _beside("again", room / name, kept, log=log).said
    return found


def _built(room: Path, rounds: int) -> Facts:
    """The content file system from a filled pool, and cp of the same files, in turns."""
    found: Facts = {}
    for shape in BUILT:
        drive, pool, tree = room / shape.name, room / "pool", room / "tree"
        channel = _made(drive, shape, log=room / "log")
        size = _alone("lay", drive, pool, tree, log=room / "log").said
        shutil.rmtree(drive)
        ours, theirs = [], []
        for _ in range(rounds):
            image, copied = room / "image", room / "copy"
            ours.append(_alone("ext4", tree, image, log=room / "log"))
            image.unlink()
            theirs.append(_alone("copy", tree, copied, log=room / "log"))
            shutil.rmtree(copied)
        found[shape.name] = {
            "files": len(channel.files),
            "bytes": size,
            "ext4": _summary(ours),
            "copy": _summary(theirs),
            "ratio": _median(ours) / _median(theirs),
            "written_ratio": median(run.cost.written_bytes for run in ours) / size,
        }
        for place in (pool, tree):
            shutil.rmtree(place)
    return found


@dataclass(frozen=True, kw_only=True)
class Run:
    """A step: what it printed, and what it cost."""

    said: Any
    cost: Cost


def _alone(name: str, *arguments: object, log: Path) -> Run:
    """Run a step as the only child of this process, so that the cost of all that it leaves behind is known."""
    log.unlink(missing_ok=True)
    cost = measure(_command(name, arguments), why=f"measure {name}", log=log, directory=REPOSITORY)
    return Run(said=json.loads(log.read_text().splitlines()[-1]), cost=cost)


def _beside(name: str, *arguments: object, log: Path) -> Run:
    """Run a step beside a server, which is a child of this process, too."""
    os.sync()
    with log.open("w") as output:
        began = time.monotonic()
        process = subprocess.Popen(_command(name, arguments), stdout=subprocess.PIPE, stderr=output, text=True)
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
    if process.returncode:
        sys.exit(f"{name} failed:\n{log.read_text()}")
    cost = Cost(
        seconds=time.monotonic() - began,
        processor_seconds=used.ru_utime + used.ru_stime,
        written_bytes=0,
        peak_bytes=used.ru_maxrss * 1024,
    )
    return Run(said=json.loads(said.splitlines()[-1]), cost=cost)


def _made(drive: Path, shape: Shape, *, log: Path) -> Channel:
    _beside("make", drive, shape.name, log=log)
    (channel,) = find_channels(drive)
    return channel


def _command(name: str, arguments: Sequence[object]) -> list[str]:
    return [sys.executable, STEPS, name, *map(str, arguments)]


def _median(runs: Sequence[Run]) -> float:
    return float(median(run.said for run in runs))


def _summary(runs: Sequence[Run]) -> Facts:
    return {
        "seconds": [round(run.said, 3) for run in runs],
        "median_s": _median(runs),
        "processor_s": median(run.cost.processor_seconds for run in runs),
        "written_bytes": int(median(run.cost.written_bytes for run in runs)),
        "peak_bytes": max(run.cost.peak_bytes for run in runs),
    }


def _run_kolibri(venv: Path, home: Path, *arguments: str) -> None:
    environment = {**os.environ, "KOLIBRI_HOME": str(home), "KOLIBRI_DISABLE_PING": "1", "PYTHONWARNINGS": "ignore"}
    quiet = subprocess.DEVNULL
    subprocess.run([f"{venv}/bin/kolibri", *arguments], check=True, env=environment, stdout=quiet, stderr=quiet)


@contextmanager
def _served(venv: Path, home: Path) -> Iterator[str]:
    with Peer(venv=venv, home=home).served() as served:
        yield served.address


def _kolibri() -> Path:
    made = sorted(cache_directory().glob("test-kolibri/*/complete"))
    if not made:
        sys.exit("there is no Kolibri to compare with: name its virtual environment with --kolibri")
    return made[-1].parent


def _head(facts: Facts) -> list[str]:
    return [
        "# Content: fetching it, looking again, and its file system",
        "",
        f"{facts['machine']}. Medians of rounds in turns; seconds until everything was on the disk.",
        "",
    ]


def _fetch_page(facts: Facts) -> list[str]:
    if "fetch" not in facts:
        return []
    found = dict(facts["fetch"])
    again = found.pop("again")
    rows = [
        f"| {name}, {format_size(of['bytes'])} | {of['satchel']['median_s']:.1f} s |"
        f" {of['kolibri']['median_s']:.1f} s | {of['ratio']:.2f} |"
        f" {of['satchel']['processor_s']:.1f} s | {of['kolibri']['processor_s']:.1f} s |"
        f" {_mib(of['satchel'])} | {_mib(of['kolibri'])} |"
        for name, of in found.items()
    ]
    return [
        "## Fetching a channel from a local Kolibri server",
        "",
        "Against `kolibri manage importchannel network` and `importcontent network` from the same server, into a new"
        f" home that has its tables already. Satchel uses {CONNECTIONS} connections, compares every MD5, and computes a"
        " SHA-256 of everything. The server's share of the two processors is in nobody's column. The aim was a ratio"
        " below 1.",
        "",
        "| channel | Satchel | Kolibri | ratio | processors, Satchel | Kolibri | largest process, Satchel | Kolibri |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        "## Fetching 20,000 files again when all are there",
        "",
        f"A bare `os.stat` of each file takes {again['bare'] * 1000:.0f} ms; the pool's look at the same files, with"
        f" its index, {again['pool'] * 1000:.0f} ms ({again['pool'] / again['bare']:.2f} times as long), all of"
        f" `fetch_files` {again['fetch'] * 1000:.0f} ms. Nothing is read.",
        "",
    ]


def _build_page(facts: Facts) -> list[str]:
    if "build" not in facts:
        return []
    rows = [
        f"| {name}, {format_size(of['bytes'])} | {of['ext4']['median_s']:.1f} s | {of['copy']['median_s']:.1f} s |"
        f" {of['ratio']:.2f} | {of['written_ratio']:.3f} | {of['copy']['written_bytes'] / of['bytes']:.3f} |"
        f" {_mib(of['ext4'])} |"
        for name, of in facts["build"].items()
    ]
    return [
        "## The content file system from a filled pool",
        "",
        "`mke2fs -d` from a tree of links into the pool, against `cp -r` of the same tree to the same disk. The aims"
        " were 1.3 times the time, and 1.05 times the bytes of the content written.",
        "",
        "| content | file system | cp -r | ratio | written, by content | by cp | largest process |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]


def _mib(of: Mapping[str, int]) -> str:
    return f"{of['peak_bytes'] // MIB} MiB"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=("fetch", "build"), default=("fetch", "build"), help="parts")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each; the median counts (3)")
    parser.add_argument("--kolibri", type=Path, metavar="DIR", help="a virtual environment with Kolibri")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--room", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    free = shutil.disk_usage(cache_directory()).free
    if not options.inside and free < 20 * GIB:
        sys.exit(f"{cache_directory()} has {format_size(free)} free, and 20 GiB are needed")
    return options


if __name__ == "__main__":
    main()

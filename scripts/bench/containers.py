#!/usr/bin/env python3
"""Measure what preloading containers saves: at a device's first start, and while its image is built.

Writes results/containers.json and results/containers.md beside this file. Wants root, podman, a quiet machine, and
about 10 GB; takes a quarter of an hour a round under emulation. One image with PostgreSQL in a container starts for the
first time in two ways: as it is, and with its store made empty and loaded by podman from the copy on it, before the
container starts. The clock runs from switching on until the database answers.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from build import RESULTS, machine
from measure import measure
from options import Options

from builder.boot import card
from builder.boot.accelerator import choose
from builder.boot.diary import Patience
from builder.boot.machine import MachineSpec
from builder.boot.session import Session, session
from builder.boot.subject import Firmware
from builder.disk.image import disk_image
from builder.host.namespace import enter
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from builder.units import GIB, format_size

RECIPE: Final = Path(__file__).with_suffix(".yml")
IMAGE: Final = "localhost/postgres:17"
PORT: Final = 5432
FIRST_START: Final = 0.25
STORE_SIZE: Final = 1.05

_SSL_REQUEST: Final = bytes.fromhex("0000000804d2162f")
"""Whoever sends it to PostgreSQL is answered by one letter (PostgreSQL, "Message Formats")."""

_LOADED: Final = "[Service]\nExecStartPost=/usr/bin/touch /var/lib/satchel/containers-reset\n"
"""The store counts as one whose making was broken off, and so it is made before a container starts."""

WAYS: Final = {
    "preloaded": (),
    "loaded at first start": (
        "-smbios",
        "type=11,value=io.systemd.credential.binary:systemd.unit-dropin.satchel-firstboot.service="
        + base64.b64encode(_LOADED.encode()).decode(),
    ),
}


def main() -> None:
    """Measure, show, write."""
    options = _options()
    options.room.mkdir(parents=True, exist_ok=True)
    os.environ["SATCHEL_CACHE"] = str(options.room / "cache")
    print("downloads and a first build, not measured", flush=True)
    _build(options.room)
    archive = options.room / "postgres.tar"
    archive.unlink(missing_ok=True)
    _satchel("container", "export", RECIPE, IMAGE, archive)
    made: dict[str, list[float]] = {"preloaded while built": [], "podman load on the host": []}
    sizes: dict[str, int] = {}
    for number in range(1, options.rounds + 1):
        _forget_store(options.room)
        steps = _build(options.room)
        made["preloaded while built"].append(steps["containers"])
        sizes["preloaded"] = _size(_kept(options.room, "layers", "containers")[0] / "tree")
        seconds, sizes["loaded"] = _load(archive, options.room)
        made["podman load on the host"].append(seconds)
        print(number, {name: round(found[-1], 1) for name, found in made.items()}, sizes, flush=True)
    started = _started(options)
    _write(made, sizes, started, rounds=options.rounds, archive=archive.stat().st_size)


def _options() -> argparse.Namespace:
    parser = Options(__doc__, rounds=1, room="bench/containers")
    options = parser.read()
    if os.geteuid() or not shutil.which("podman"):
        parser.error("wants root, and podman")
    return options


def _satchel(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "builder", *map(str, arguments))
    return subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)


def _build(room: Path) -> dict[str, float]:
    """Build the image; the seconds of each step."""
    done = _satchel("build", RECIPE, "--dist", room / "dist", "--split", "--progress", "json")
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return {event["step"]: event["seconds"] for event in events if event["event"] == "end"}


def _forget_store(room: Path) -> None:
    """Take away the unpacked images and what was made of them, but nothing that they are made of."""
    shutil.rmtree(room / "dist")
    for kept in (*_kept(room, "layers", "containers"), *_kept(room, "partitions", "containers-bench containers")):
        shutil.rmtree(kept)


def _kept(room: Path, kind: str, name: str) -> list[Path]:
    keys = (room / "cache" / kind).glob("*/key.json")
    return [key.parent for key in keys if json.loads(key.read_text())["name"] == name]


def _load(archive: Path, room: Path) -> tuple[float, int]:
    """Load the archive into an empty store; the seconds until it is on the disk, and its size in bytes."""
    store = room / "loaded"
    where = ("--root", str(store), "--runroot", str(room / "run"), "--storage-driver", "overlay")
    cost = measure(
        ("podman", *where, "load", "--quiet", "--input", str(archive)),
        why="load the archive",
        log=room / "podman.log",
        directory=room,
    )
    size = _size(store)
    subprocess.run(("podman", *where, "system", "reset", "--force"), check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(store, ignore_errors=True)
    return cost.seconds, size


def _size(store: Path) -> int:
    """Room on the disk, in bytes; files with several names count once."""
    return int(subprocess.check_output(("du", "-s", "--block-size=1", store), text=True).split()[0])


def _started(options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds from switching on until the database answers, for each way and round."""
    (image,) = (options.room / "dist/containers-bench").glob("*.vmdk")
    enter()
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(1, options.rounds + 1):
        for name, extra in WAYS.items():
            with _machine(image, options.room, extra) as (device, patience):
                found[name].append(_until_it_answers(device, within=10 * patience.first_boot))
            print(number, name, f"{found[name][-1]:.0f} s", flush=True)
    return found


@contextmanager
def _machine(image: Path, room: Path, extra: Sequence[str]) -> Iterator[tuple[Session, Patience]]:
    tools = ensure_lab(Reporter())
    own = room / "machine"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    accelerator = choose(tools, own)
    size = disk_image(image).size_bytes + 2 * GIB
    sandbox = card.insert(tools, accelerator, image, card_bytes=size, directory=own)
    spec = MachineSpec(name="bench", firmware=Firmware.UEFI, acceleration=accelerator.kind, ports=(PORT,))
    with session(sandbox, spec, logs=room, cancelled=threading.Event(), extra=tuple(extra)) as device:
        yield device, Patience.with_accelerator(accelerator)
    shutil.rmtree(own)


def _until_it_answers(device: Session, *, within: float) -> float:
    started = time.monotonic()
    while time.monotonic() - started < within:
        # QEMU takes every connection, whether or not the guest does; only the database knows the answer.
        try:
            with socket.create_connection(("127.0.0.1", device.forwards[PORT]), timeout=20) as database:
                database.sendall(_SSL_REQUEST)
                if database.recv(1) in {b"N", b"S"}:
                    return time.monotonic() - started
        except OSError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"no answer within {within:.0f} s:\n{device.console()}")


def _write(
    made: dict[str, list[float]], sizes: dict[str, int], started: dict[str, list[float]], *, rounds: int, archive: int
) -> None:
    start, build = ([median(found) for found in seconds.values()] for seconds in (started, made))
    ratios = {
        "first start": round(start[0] / start[1], 3),
        "filling the store": round(build[0] / build[1], 3),
        "size of the store": round(sizes["preloaded"] / sizes["loaded"], 3),
    }
    podman = subprocess.check_output(("podman", "--version"), text=True).split()[-1]
    rows = [
        ("switched on until the database answers", *(f"{seconds:.1f} s" for seconds in start), "first start"),
        ("filling the store, on the host", *(f"{seconds:.1f} s" for seconds in build), "filling the store"),
        ("size of the store", *(format_size(size) for size in sizes.values()), "size of the store"),
    ]
    aims = {
        "first start": f"at most {FIRST_START}",
        "filling the store": "none",
        "size of the store": f"at most {STORE_SIZE}",
    }
    page = (
        "# Containers: preloaded against loaded by podman\n\n"
        f"PostgreSQL 17 of Debian in a container, an archive of {format_size(archive)}. {machine()}, podman {podman} "
        f"on the host. Median of {rounds}. Devices run under emulation.\n\n"
        "| | preloaded | loaded | ratio | aim |\n|---|---|---|---|---|\n"
        + "".join(
            f"| {what} | {ours} | {theirs} | {ratios[name]} | {aims[name]} |\n" for what, ours, theirs, name in rows
        )
    )
    RESULTS.mkdir(exist_ok=True)
    record = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "podman": podman, "rounds": rounds,
              "first start": started, "filling the store": made, "sizes": sizes, "ratios": ratios}  # fmt: skip
    (RESULTS / "containers.json").write_text(json.dumps(record, indent=1) + "\n")
    (RESULTS / "containers.md").write_text(page)
    print(f"\n{page}\nwritten to {RESULTS}")


if __name__ == "__main__":
    main()

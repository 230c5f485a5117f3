#!/usr/bin/env python3
"""Measure bulk flashing against what the cards allow, and against bmaptool, in one run.

Cards are loop devices on files in memory, throttled by the kernel's blkio controller. Needs root, loop devices, cgroup
v1 or v2, about 17 GB of memory (eight times --mapped), and a quiet machine; takes a quarter of an hour. Writes
results/flash.json and results/flash.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import IO, Any, Final

from build import RESULTS, machine
from flashers import Bmaptool

from builder.disk.blockmap import block_map
from builder.disk.extents import Extent
from builder.disk.publish import publish
from builder.progress import Reporter

MIB: Final = 1 << 20
RATE: Final = 32 * MIB
SLOW: Final = 8 * MIB


@dataclass(frozen=True, kw_only=True)
class Run:
    """One measured command: its time, and what it took of the processors and of memory."""

    name: str
    seconds: float
    ideal_s: float | None
    processor_s: float
    peak_bytes: int
    cards: dict[str, float]
    """When each card was done, in seconds, where that is known."""

    @property
    def ratio(self) -> float | None:
        """Time by what the cards allow."""
        return None if self.ideal_s is None else self.seconds / self.ideal_s


class Throttle:
    """A control group whose members reach loop devices at chosen rates; cgroup v1 or v2."""

    def __init__(self) -> None:
        one, two = Path("/sys/fs/cgroup/blkio"), Path("/sys/fs/cgroup")
        self._old = one.is_dir()
        self.directory = (one if self._old else two) / f"satchel-bench-{os.getpid()}"
        self.directory.mkdir()

    def limit(self, device: str, *, write: int, read: int) -> None:
        """Let a device be written and read at these rates, in bytes per second."""
        number = Path(device).stat().st_rdev
        place = f"{os.major(number)}:{os.minor(number)}"
        if self._old:
            (self.directory / "blkio.throttle.write_bps_device").write_text(f"{place} {write}")
            (self.directory / "blkio.throttle.read_bps_device").write_text(f"{place} {read}")
        else:
            (self.directory / "io.max").write_text(f"{place} wbps={write} rbps={read}")

    def joined(self, argv: Sequence[str]) -> list[str]:
        """A command that puts itself in before it begins."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.directory / "cgroup.procs"), *argv]

    def remove(self) -> None:
        """Take the group away."""
        self.directory.rmdir()


def make_image(room: Path, mapped_mib: int) -> tuple[Path, int]:
    """An image of which one half is mapped, and filled with what lies in /usr: it packs as an operating system does."""
    image = room / "bench.img"
    step = 4 * MIB
    with image.open("wb") as file, _everything_in(Path("/usr")) as stream:
        file.truncate(2 * mapped_mib * MIB)
        for offset in range(0, 2 * mapped_mib * MIB, 2 * step):
            file.seek(offset)
            file.write(stream.read(step))
    mapped = [Extent(offset, step) for offset in range(0, 2 * mapped_mib * MIB, 2 * step)]
    found = publish(image, mapped, zst=image.with_suffix(".img.zst"), reporter=Reporter())
    image.with_suffix(".img.bmap").write_text(block_map(found.ranges, image_bytes=found.size_bytes))
    sums = [(found.zst_sha256, "bench.img.zst"), (found.sha256, "bench.img")]
    (room / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for digest, name in sums))
    size = image.stat().st_size
    # It would only take memory from the cards.
    image.unlink()
    return image.with_suffix(".img.zst"), size


@contextmanager
def _everything_in(directory: Path) -> Iterator[IO[bytes]]:
    with subprocess.Popen(("tar", "-C", directory, "-c", "."), stdout=subprocess.PIPE) as tar:
        assert tar.stdout is not None
        yield tar.stdout
        tar.kill()


@contextmanager
def cards(room: Path, count: int, size: int) -> Iterator[list[str]]:
    """Loop devices on empty files in memory."""
    with ExitStack() as stack:
        found = []
        for number in range(count):
            backing = room / f"card{number}"
            with backing.open("wb") as file:
                file.truncate(size)
            stack.callback(backing.unlink)
            attach = ("losetup", "--find", "--show", "--direct-io=on", str(backing))
            device = subprocess.run(attach, capture_output=True, text=True, check=False)
            if device.returncode:
                plain = tuple(part for part in attach if part != "--direct-io=on")
                device = subprocess.run(plain, capture_output=True, text=True, check=True)
            name = device.stdout.strip()
            stack.callback(subprocess.run, ("losetup", "--detach", name), check=True)
            found.append(name)
        yield found


def measure(name: str, argv: Sequence[str], *, throttle: Throttle | None, ideal_s: float | None, room: Path) -> Run:
    """Run a command and see what it took."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        began = time.monotonic()
        process = subprocess.Popen(throttle.joined(argv) if throttle else argv, stdout=out, stderr=err, cwd=room)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said = out.read()
        if process.returncode:
            sys.exit(f"{name} failed:\n{said}{err.read()}")
    found = {}
    if said.startswith("{"):
        found = {card["target"]: float(card["seconds"]) for card in json.loads(said)["cards"]}
    return Run(
        name=name,
        seconds=seconds,
        ideal_s=ideal_s,
        processor_s=used.ru_utime + used.ru_stime,
        peak_bytes=used.ru_maxrss * 1024,
        cards=found,
    )


def satchel(image: Path, devices: Sequence[str], *more: str) -> list[str]:
    """Our own command."""
    options = ("--fixed-disks", "--yes", "--json", "--progress", "none", "--no-probe", "--ledger", "bench.db")
    return [sys.executable, "-m", "builder", "flash", str(image), *devices, *options, *more]


def bmaptool(image: Path, devices: Sequence[str]) -> list[str]:
    """Bmaptool on all cards at once, as a person would do it in a shell."""
    copy = f"bmaptool -q copy --bmap {image.with_name('bench.img.bmap')} {image}"
    jobs = " ".join(f'{copy} {device} & p="$p $!";' for device in devices)
    return ["sh", "-c", f"p=''; {jobs} for j in $p; do wait $j || exit 1; done"]


def throttled(room: Path, packed: Path, size: int, mapped: int) -> list[Run]:
    """Equal cards, and a slow one among fast ones."""
    runs = []
    read = 3 * RATE
    for count in (1, 4, 6):
        for verify in ("none", "full"):
            ideal = mapped / RATE + (mapped / read if verify == "full" else 0)
            with cards(room, count, size) as devices, limits(devices, RATE, read) as throttle:
                argv = satchel(packed, devices, "--verify", verify)
                name = f"{count} cards, {'written and read back' if verify == 'full' else 'written'}"
                runs.append(measure(name, argv, throttle=throttle, ideal_s=ideal, room=room))
            print(line(runs[-1]), flush=True)
    with cards(room, 4, size) as devices, limits(devices, RATE, read) as throttle:
        throttle.limit(devices[-1], write=SLOW, read=read)
        argv = satchel(packed, devices, "--verify", "none", "--stall-after", "60")
        runs.append(measure("3 cards beside a slow one", argv, throttle=throttle, ideal_s=mapped / SLOW, room=room))
        print(line(runs[-1]), flush=True)
    return runs


@contextmanager
def limits(devices: Sequence[str], write: int, read: int) -> Iterator[Throttle]:
    """All of them at one rate."""
    throttle = Throttle()
    try:
        for device in devices:
            throttle.limit(device, write=write, read=read)
        yield throttle
    finally:
        throttle.remove()


def unthrottled(room: Path, packed: Path, size: int, rounds: int) -> dict[str, list[Run]]:
    """Four cards that take everything, against bmaptool, in turns; the first round warms up and does not count."""
    found: dict[str, list[Run]] = {"Satchel": [], "Satchel, read back": [], "bmaptool": []}
    for number in range(rounds + 1):
        for name, runs in found.items():
            with cards(room, 4, size) as devices:
                argv = {
                    "Satchel": satchel(packed, devices, "--verify", "none"),
                    "Satchel, read back": satchel(packed, devices, "--verify", "full"),
                    "bmaptool": bmaptool(packed, devices),
                }[name]
                run = measure(name, argv, throttle=None, ideal_s=None, room=room)
            print(line(run), "" if number else " (does not count)", flush=True)
            if number:
                runs.append(run)
    return found


def line(run: Run) -> str:
    """A measurement for the screen."""
    ratio = f"  {run.ratio:.3f} of the ideal" if run.ratio else ""
    return f"{run.name:32} {run.seconds:7.2f} s{ratio}  {run.processor_s:.2f} s of processors"


def main() -> None:
    """Measure, show, write."""
    options = _options()
    if os.geteuid() or shutil.which("bmaptool") is None:
        sys.exit("needs root, and bmaptool (the package bmap-tools)")
    room = options.room / f"satchel-flash-{os.getpid()}"
    room.mkdir()
    try:
        # Half as much where nothing is throttled: memory that is short would be measured, too.
        packed, size = make_image(room, options.mapped // 2)
        quick = unthrottled(room, packed, size, options.rounds)
        packed, size = make_image(room, options.mapped)
        slow = throttled(room, packed, size, options.mapped * MIB)
    finally:
        shutil.rmtree(room)
    write(options, slow, quick)


def write(options: argparse.Namespace, slow: list[Run], quick: dict[str, list[Run]]) -> None:
    """The results, for people and for programs."""
    mapped = options.mapped * MIB
    best = {name: median(run.seconds for run in runs) for name, runs in quick.items()}
    last = slow[-1]
    fast_done = sorted(last.cards.values())[:-1]
    fast_ratio = max(fast_done) / (mapped / RATE) if fast_done else None
    facts: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "mapped_bytes": mapped,
        "throttled": [{**asdict(run), "ratio": run.ratio} for run in slow],
        "fast_beside_slow_ratio": fast_ratio,
        "unthrottled": {name: [asdict(run) for run in runs] for name, runs in quick.items()},
        "ratios": {name: best["bmaptool"] / seconds for name, seconds in best.items()},
    }
    rows = [
        f"| {run.name} | {run.ideal_s:.1f} s | {run.seconds:.2f} s | {run.ratio:.3f} | {run.processor_s:.1f} s |"
        for run in slow[:-1]
        if run.ideal_s and run.ratio
    ]
    gib = mapped / 2 / (1 << 30)
    page = [
        "# Bulk flashing against what the cards allow, and against bmaptool",
        "",
        f"{machine()}. Cards are loop devices in memory; the image has {2 * options.mapped} MiB, of which"
        f" {options.mapped} are mapped and filled with /usr, and is read from its `.zst`. Times are those of the whole"
        " command, with the start of Python and the checksum of the image; no probe. The aim was a ratio of at most"
        " 1.03 for writing and 1.05 with reading back.",
        "",
        f"## Cards of {RATE // MIB} MiB/s to write and {3 * RATE // MIB} to read",
        "",
        "| | ideal | time | ratio | processors |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"Three cards beside one of {SLOW // MIB} MiB/s took {fast_ratio:.3f} of their own ideal (aim: 1.05), counted"
        " from when the cards began."
        if fast_ratio
        else "",
        "",
        f"## Four cards that take everything, against {Bmaptool().version()}",
        "",
        f"The image has {options.mapped // 2} MiB mapped. Bmaptool ran four times at once, and reads nothing back."
        f" Median of {options.rounds} rounds in turns. The aim was 4 times as fast without reading back, and faster"
        " with it.",
        "",
        "| | time | times as fast | processors per GiB that a card got | largest process |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {best[name]:.2f} s | {best['bmaptool'] / best[name]:.2f} |"
            f" {median(run.processor_s for run in runs) / (4 * gib):.2f} s |"
            f" {max(run.peak_bytes for run in runs) >> 20} MiB |"
            for name, runs in quick.items()
        ),
        "",
        f"Satchel's process holds the {options.mapped // 2} MiB of the unpacked image, because they fit into half of"
        " the free memory.",
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "flash.json").write_text(json.dumps(facts, indent=1) + "\n")
    (RESULTS / "flash.md").write_text("\n".join(page) + "\n")
    print("\n".join(page))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mapped", type=int, default=2048, metavar="MIB", help="mapped part of the image (2048)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each; the median counts (3)")
    parser.add_argument("--room", type=Path, default=Path("/dev/shm"), metavar="DIR", help="memory to work in")
    return parser.parse_args()


if __name__ == "__main__":
    main()

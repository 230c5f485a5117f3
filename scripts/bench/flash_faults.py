#!/usr/bin/env python3
"""Flash cards that fail with Satchel and with bmaptool, and look at what then lies on them.

Each fault meets each flasher once, on a card of the same kind beside a good one. What became of a card is judged by
reading it, and not by what was said of it. Needs root, loop devices, FUSE and bmaptool; takes three minutes. Writes
results/flash_faults.json and results/flash_faults.md beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

# The cards that fail belong to the tests, and those are not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from build import RESULTS, machine
from faults import DAMAGED, FAULTS, TYPO, UNLISTED, WHOLE, Fault, plain
from flashers import Bmaptool, Flasher, Flight, Said, Satchel
from verdict import RIGHT, state

from builder.host.places import REPOSITORY
from builder.units import MIB, format_size
from tests.integration.flash.cards import LoopCard
from tests.integration.flash.images import CARD, SIZE, make_image

PREFIX: Final = "satchel-faults-"
SUMS: Final = "SHA256SUMS"
LIMIT_S: Final = 240.0
MIDDLE: Final = 4 * MIB
LAST: Final = 12 * MIB
"""Places where the image has data: a flasher that has written the one and not the other is in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one flasher made of it."""

    said: Said
    card: str
    """What the card holds."""
    other_said: Said
    other: str
    seconds: float

    @property
    def went_out_wrong(self) -> bool:
        """A card, either of them, was called good and is not."""
        return any(
            said.passed and state != RIGHT for said, state in ((self.said, self.card), (self.other_said, self.other))
        )


def make_images(room: Path) -> Path:
    """The image with all that is published beside it, and once more, damaged; the one that is right."""
    image = make_image(room / WHOLE)
    packed = image.with_suffix(".img.zst")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in (image, packed)]
    image.with_name(SUMS).write_text("".join(sums))
    for name in (DAMAGED, UNLISTED):
        shutil.copytree(room / WHOLE, room / name)
        flip(room / name / packed.name, packed.stat().st_size // 2)
        flip(room / name / image.name, 6 * MIB + 77)
    (room / UNLISTED / SUMS).unlink()
    return image


def flip(path: Path, offset: int) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def meet(fault: Fault, flasher: Flasher, right: Path, room: Path) -> Outcome:
    """Let a flasher write a card with a fault, beside a good one."""
    image = room.parent / fault.image / right.name
    if fault.packed:
        image = image.with_suffix(".img.zst")
    with fault.card(room / "bad") as bad, plain()(room / "good") as good:
        before = [card.data if card.backing.exists() else b"" for card in (bad, good)]
        names = (bad.device, good.device)
        with flasher.start(image, names, room) as flight:
            if fault.killed:
                kill_in_the_middle(flight, bad, right)
            seconds = flight.wait(LIMIT_S)
            said = flasher.said(flight, names)
        for card in (bad, good):
            require_ours(card, room)
        states = [state(card, was, right, room) for card, was in zip((bad, good), before, strict=True)]
    return Outcome(
        said=said[bad.device],
        card=states[0],
        other_said=said[good.device],
        other=states[1],
        seconds=round(seconds, 1),
    )


def kill_in_the_middle(flight: Flight, card: LoopCard, image: Path) -> None:
    """Kill a flasher as soon as a part of the image lies on the card."""
    while flight.running and not has_part(card, image, MIDDLE):
        time.sleep(0.005)
    late = not flight.running or has_part(card, image, LAST)
    flight.kill()
    if late:
        sys.exit("it had written everything before it could be killed; try again when less is going on here")


def require_ours(card: LoopCard, room: Path) -> None:
    """End if another program took the loop device meanwhile: then nothing is known."""
    attached = Path("/sys/block", Path(card.device).name, "loop/backing_file")
    if card.device != str(TYPO) and (not attached.exists() or not Path(attached.read_text()).is_relative_to(room)):
        sys.exit(f"{card.device} was taken away by another program; try again when nothing else uses loop devices")


def has_part(card: LoopCard, image: Path, offset: int) -> bool:
    """Whether a piece of the image lies on a card already."""
    with image.open("rb") as file, card.backing.open("rb") as other:
        return os.pread(file.fileno(), 4096, offset) == os.pread(other.fileno(), 4096, offset)


def shown(said: Said, holds: str) -> tuple[str, str]:
    """Two cells: what was said, and what is so."""
    ending = "killed" if said.status < 0 else f"exit {said.status}"
    words = "done" if said.passed else f"{ending}: {_short(said.words)}".removesuffix(": ")
    return words, f"**{holds}, went out wrong**" if said.passed and holds != RIGHT else holds


def _short(words: str) -> str:
    """Without what says nothing to a reader: where this ran, and all digits of a checksum."""
    first = next(iter(words.splitlines()), "")
    first = re.sub(rf"/\S*{PREFIX}[^/\s]*(/\S+)?/", "", first)
    first = re.sub(r"(the )?(block device )?'?/dev/loop\d+'?", "the card", first)
    return re.sub(r"\b([0-9a-f]{6})[0-9a-f]{58}\b", r"\1…", first)


def row(name: str, outcomes: Sequence[Outcome]) -> str:
    """A line of the table."""
    cells = [name]
    for outcome in outcomes:
        cells += [*shown(outcome.said, outcome.card), shown(outcome.other_said, outcome.other)[1]]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def main() -> None:
    """Flash, judge, write."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    if os.geteuid() or shutil.which("bmaptool") is None or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        sys.exit("needs root, /dev/fuse, and bmaptool (the package bmap-tools)")
    # For the programs that are started: the flasher, and the cards.
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    flashers: tuple[Flasher, ...] = (Satchel(), Bmaptool())
    found: dict[str, list[Outcome]] = {}
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=options.room) as name:
        right = make_images(Path(name))
        for number, fault in enumerate(FAULTS):
            if options.only in fault.name:
                found[fault.name] = []
                for flasher in flashers:
                    room = Path(name, f"{number}-{flasher.name}")
                    room.mkdir()
                    found[fault.name].append(meet(fault, flasher, right, room))
                    shutil.rmtree(room)
                print(row(fault.name, found[fault.name]), flush=True)
    if options.only:
        print("only a part was done, so nothing is written")
        return
    write(flashers, found)


def write(flashers: Sequence[Flasher], found: dict[str, list[Outcome]]) -> None:
    """The results, for people and for programs."""
    versions = [flasher.version() for flasher in flashers]
    wrong = {
        flasher.name: sum(outcomes[number].went_out_wrong for outcomes in found.values())
        for number, flasher in enumerate(flashers)
    }
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions,
        "went_out_wrong": wrong,
        "faults": {
            name: {flasher.name: asdict(outcome) for flasher, outcome in zip(flashers, outcomes, strict=True)}
            for name, outcomes in found.items()
        },
    }
    heads = [head for flasher in flashers for head in (f"{flasher.name} said", "card", "other card")]
    page = [
        f"# Cards that fail: {' and '.join(versions)}",
        "",
        f"{machine()}. Each fault once, on a card of {format_size(CARD)} beside a good one; the image has"
        f" {format_size(SIZE)}. Satchel wrote both cards in one process, with its defaults. Of bmaptool two processes"
        " ran at once, with the block map, by which it checks what it reads. Cards are loop devices; those that fail"
        " are on a file system that fails. The flashers were killed when the slow card had the image's first 4 MiB;"
        " how much the other one had by then is chance.",
        "",
        "What lies on a card was read from it afterwards and compared with the image:",
        "",
        "- *right*: everything that the block map names, and a sound partition table",
        "- *looks bootable*: not right, but it has a partition table; *not bootable*: it has none",
        "- *as before*: no byte of it was changed",
        "- *went out wrong*: the flasher said done, and it is not right",
        "",
        "*Done* is exit status 0, and of Satchel its report on this card. Where an image or one of the cards is unfit,"
        " Satchel begins with none of them, so that the other card is as before, too.",
        "",
        f"| fault | {' | '.join(heads)} |",
        f"|{'---|' * (len(heads) + 1)}",
        *(row(name, outcomes) for name, outcomes in found.items()),
        "",
        f"Faults with a card that went out wrong, of {len(found)}: "
        + ", ".join(f"{name} {number}" for name, number in wrong.items())
        + ".",
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "flash_faults.json").write_text(json.dumps(facts, indent=1) + "\n")
    (RESULTS / "flash_faults.md").write_text("\n".join(page) + "\n")
    print("\n".join(page))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="only faults with this in their name, to try it")
    parser.add_argument(
        "--room", default=tempfile.gettempdir(), metavar="DIR", help="on a disk with direct I/O, 300 MB (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

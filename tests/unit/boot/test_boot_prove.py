"""What is refused before a machine is switched on, and what is done when the emulator was at fault."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from builder.boot.accelerator import Accelerator
from builder.boot.diary import Bench, Patience
from builder.boot.machine import Acceleration
from builder.boot.outcome import Outcome
from builder.boot.prove import prove_image, unless_stalled
from builder.boot.result import Boot
from builder.boot.subject import Firmware, Subject
from builder.boot.verdict import Verdict
from builder.disk.image import Stretch, descriptor
from builder.errors import PlanError
from builder.host.tools import Tools
from builder.progress import Reporter
from builder.units import MIB


def whole(directory: Path) -> Path:
    image = directory / "x.img"
    image.write_bytes(bytes(2 * MIB))
    return image


def split(directory: Path) -> Path:
    part, image = directory / "x.part", directory / "x.vmdk"
    part.write_bytes(bytes(2 * MIB))
    stretch = Stretch(start_bytes=0, size_bytes=2 * MIB, path=part, offset_bytes=0)
    image.write_text(descriptor((stretch,), identity=1))
    return image


@pytest.mark.parametrize("made", [whole, split])
def test_an_image_larger_than_its_card_is_refused(tmp_path: Path, made: Callable[[Path], Path]) -> None:
    accelerator = Accelerator(kind=Acceleration.TCG, reason="a test")
    bench = Bench(
        tools=Tools(tree=tmp_path, identity=""),
        accelerator=accelerator,
        patience=Patience.with_accelerator(accelerator),
        scratch=tmp_path,
        logs=tmp_path,
        reporter=Reporter(),
        cancelled=Event(),
    )
    subject = Subject(
        gift=None,
        common=None,
        image=made(tmp_path),
        recipe="x",
        firmware=(Firmware.BIOS,),
        checks=(),
        channels=(),
        kolibri=False,
        ports=(),
        grown=None,
        card_bytes=MIB,
        disk_ids={},
    )
    with pytest.raises(PlanError, match=r"is 2\.0 MiB, and its card only 1\.0 MiB"):
        prove_image(subject, bench, together=False)


def boots(*outcomes: Outcome) -> tuple[Boot, ...]:
    return tuple(
        Boot(machine="A", name="a boot", firmware=Firmware.UEFI, seconds=1, verdict=Verdict(outcome=outcome))
        for outcome in outcomes
    )


@pytest.mark.parametrize(
    ("attempts", "kept"),
    [
        ([boots(Outcome.PASSED)], 0),
        ([boots(Outcome.PANIC)], 0),
        ([boots(Outcome.TIMEOUT)], 0),
        ([boots(Outcome.PASSED, Outcome.STALLED), boots(Outcome.PASSED, Outcome.PASSED)], 1),
        ([boots(Outcome.STALLED), boots(Outcome.PANIC)], 1),
        ([boots(Outcome.STALLED), boots(Outcome.STALLED)], 1),
    ],
)
def test_only_a_stalled_machine_begins_anew_and_only_once(attempts: list[tuple[Boot, ...]], kept: int) -> None:
    made: list[int] = []

    def journey(attempt: int) -> tuple[Boot, ...]:
        made.append(attempt)
        return attempts[attempt - 1]

    assert unless_stalled(journey, Reporter()) == attempts[kept]
    assert made == list(range(1, len(attempts) + 1))

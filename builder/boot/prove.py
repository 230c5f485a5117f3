"""Prove an image: boot two devices from it, at once where the host can, and hear what they say of themselves.

Machine A boots the first firmware on a card larger than the smallest one, with a seed that tells it who to become:
first boot, a look from outside, a restart, power-off. Machine B is its clone without a seed of its own: the other
firmware, the smallest card, a disk or a slot as in real computers, and a clock whose battery is empty. So one
run proves the boot methods, the recipe's checks, growing, drivers, that the clock does not matter, that a seed is taken
and its secrets removed, that identities differ and that they stay.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

from builder.boot import card
from builder.boot.answer import GuestReport
from builder.boot.claims import Claim, compare_clones, compare_growth, compare_reboot
from builder.boot.diary import FIRST_BOOT, RESTART, Bench, Diary
from builder.boot.gift import compare_gift, give, left_by
from builder.boot.machine import MEMORY_MIB, DiskBus, MachineSpec
from builder.boot.outcome import MEANINGS, Outcome
from builder.boot.raspi3b import computer, direct_start, slot_bytes
from builder.boot.result import Boot, BootTestResult, Comparison
from builder.boot.session import session
from builder.boot.subject import Firmware, Subject
from builder.disk.image import disk_image
from builder.errors import PlanError
from builder.host.sandbox import Sandbox
from builder.progress import Reporter
from builder.recipe.software import Architecture
from builder.units import GIB, KIB, MIB, format_size

LARGER_BY: Final = 4 * GIB
"""By how much machine A's card is larger than the smallest one."""

_NO_CLOCK = "1970-01-01T00:00:00"
"""What the clock of a computer shows whose battery is empty."""

_OVERHEAD = 400 * MIB
"""Memory of the host that a machine takes besides the guest's own, in bytes."""


def prove_image(subject: Subject, bench: Bench, *, together: bool) -> BootTestResult:
    """Run the whole boot test.

    Args:
        subject: The image and what it claims.
        bench: What to work with.
        together: Whether both machines may run at once; see `room_for_two`.

    Raises:
        PlanError: the image is larger than the card it claims to fit on.
        CommandFailed: a virtual machine could not be started.
    """
    started = time.monotonic()
    size = disk_image(subject.image).size_bytes
    if size > subject.card_bytes:
        raise PlanError(f"{subject.image} is {format_size(size)}, and its card only {format_size(subject.card_bytes)}")
    a = replace(computer("A", subject.firmware[0], bench.accelerator), ports=subject.ports)
    b = computer("B", subject.firmware[-1], bench.accelerator)
    if b.bus is DiskBus.SD:
        # Boards have no clock that runs without power; this machine restarts, and shows whether the time goes on.
        a = replace(a, clock=_NO_CLOCK)
    else:
        # Debian's UEFI firmware for arm64 has no driver for AHCI.
        bus = DiskBus.AHCI if b.architecture is Architecture.AMD64 else DiskBus.USB
        b = replace(b, bus=bus, clock=_NO_CLOCK)
    larger, smallest = (
        slot_bytes(size) if spec.bus is DiskBus.SD else size
        for spec, size in ((a, subject.card_bytes + LARGER_BY), (b, subject.card_bytes))
    )
    bench.reporter.note(f"virtual machines run under {bench.accelerator.kind} ({bench.accelerator.reason})")

    left: list[bytes] = []

    def travel(attempt: int) -> tuple[Boot, ...]:
        inserted = _inserted(subject, a, bench, card_bytes=larger, attempt=attempt)
        if subject.gift:
            give(*inserted, subject.gift)
        with _switched_on(subject, a, bench, inserted[0]) as diary:
            off = diary.first_boot("stay") and diary.restart("poweroff") and diary.poweroff()
        if off and subject.gift:
            left[:] = [left_by(*inserted, subject.gift)]
        return tuple(diary.boots)

    def clone(attempt: int) -> tuple[Boot, ...]:
        inserted = _inserted(subject, b, bench, card_bytes=smallest, attempt=attempt)
        if subject.common:
            give(*inserted, subject.common)
        with _switched_on(subject, b, bench, inserted[0]) as diary:
            _ = diary.first_boot("poweroff") and diary.poweroff()
        return tuple(diary.boots)

    of_a, of_b = _run(
        partial(unless_stalled, travel, bench.reporter),
        partial(unless_stalled, clone, bench.reporter),
        together=together,
        cancelled=bench.cancelled,
    )
    return BootTestResult(
        recipe=subject.recipe,
        image=subject.image.name,
        accelerator=bench.accelerator,
        boots=(*of_a, *of_b),
        comparisons=_comparisons(subject, of_a, of_b, cards=(larger, smallest), left=left),
        logs=tuple(f"{spec.name}.console.log" for spec in (a, b)),
        seconds=time.monotonic() - started,
    )


def room_for_two() -> bool:
    """Whether this host has the processors and, now, the free memory for two machines at once."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) * KIB for line in lines if line.startswith("MemAvailable:"))
    each = MEMORY_MIB * MIB + _OVERHEAD
    return len(os.sched_getaffinity(0)) >= 2 and free >= 2 * each


def unless_stalled(journey: Callable[[int], tuple[Boot, ...]], reporter: Reporter) -> tuple[Boot, ...]:
    """The boots of a machine; of a second one with a new card, if the emulator was at fault with the first.

    That proves nothing about the image. It was seen on a busy host (QEMU 10, TCG with a thread for each processor).
    """
    boots = journey(1)
    stalled = [boot.machine for boot in boots if boot.verdict.outcome is Outcome.STALLED]
    if not stalled:
        return boots
    reporter.note(f"machine {stalled[0]}: {MEANINGS[Outcome.STALLED]}; another one begins anew")
    return journey(2)


def _inserted(
    subject: Subject, spec: MachineSpec, bench: Bench, *, card_bytes: int, attempt: int
) -> tuple[Sandbox, Path]:
    """A card in a directory of its own."""
    directory = bench.scratch / f"{spec.name}-{attempt}"
    directory.mkdir()
    insert = partial(card.insert, bench.tools, bench.accelerator, subject.image)
    return insert(card_bytes=card_bytes, directory=directory), directory


@contextmanager
def _switched_on(subject: Subject, spec: MachineSpec, bench: Bench, sandbox: Sandbox) -> Iterator[Diary]:
    if spec.firmware is Firmware.RASPBERRY_PI:
        spec = replace(spec, direct=direct_start(sandbox, subject.image))
    with session(sandbox, spec, logs=bench.logs, cancelled=bench.cancelled) as device:
        yield Diary(spec, subject, bench, device)


def _run(
    first: Callable[[], tuple[Boot, ...]],
    second: Callable[[], tuple[Boot, ...]],
    *,
    together: bool,
    cancelled: Event,
) -> tuple[tuple[Boot, ...], tuple[Boot, ...]]:
    """Do both, each in a thread of its own; when one fails or we are interrupted, the other is switched off."""
    with ThreadPoolExecutor(max_workers=2 if together else 1) as pool:
        futures = (pool.submit(first), pool.submit(second))
        try:
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
            return futures[0].result(), futures[1].result()
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise


def _comparisons(
    subject: Subject, of_a: tuple[Boot, ...], of_b: tuple[Boot, ...], *, cards: tuple[int, int], left: Sequence[bytes]
) -> tuple[Comparison, ...]:
    a, again, b = _report(of_a, FIRST_BOOT), _report(of_a, RESTART), _report(of_b, FIRST_BOOT)

    def make(name: str, columns: tuple[str, str], claims: tuple[Claim, ...] | None) -> Comparison:
        if claims is None:
            return Comparison(name=name, columns=columns, missing="a boot that it needs brought no report")
        return Comparison(name=name, columns=columns, claims=claims)

    made = [
        make(
            "clones differ",
            ("machine A", "machine B"),
            compare_clones(a, b, kolibri=subject.kolibri, disk_ids=subject.disk_ids) if a and b else None,
        ),
        make("a restart changes nothing", ("before", "after"), compare_reboot(a, again) if a and again else None),
    ]
    if (gift := subject.gift) is not None:
        claims = compare_gift(again, gift, left[0]) if again and left else None
        made.append(make("machine A is what its seed says", ("seed", "device"), claims))
    if (grown := subject.grown) is not None:
        for name, report, size in (("larger", a, cards[0]), ("smallest", b, cards[1])):
            claims = compare_growth(report, grown, card_bytes=size) if report else None
            made.append(make(f"the disk grew to the {name} card", ("image and card", "device"), claims))
    return tuple(made)


def _report(boots: tuple[Boot, ...], name: str) -> GuestReport | None:
    return next((boot.report for boot in boots if boot.name == name), None)

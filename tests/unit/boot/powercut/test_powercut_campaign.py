"""What is refused before any machine starts."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from builder.boot.accelerator import Accelerator
from builder.boot.diary import Bench, Patience
from builder.boot.machine import Acceleration
from builder.boot.powercut.campaign import run
from builder.boot.powercut.medium import Kind, Point
from builder.boot.subject import Firmware, Gift, Subject, stamp
from builder.disk.read import Table
from builder.errors import UsageError
from builder.host.tools import Tools
from builder.progress import Reporter

from .logs import sectors, write_log
from .test_powercut_judgement import RECORDING

TABLE = Table(kind="gpt", size_bytes=0, sector_bytes=512, partitions=())


def try_point(directory: Path, point: Point | None, *, points: int = 0, gift: Gift | None = None) -> None:
    image = directory / "an.img"
    subject = Subject(
        image=image,
        recipe="r",
        firmware=(Firmware.UEFI,),
        checks=(),
        channels=(),
        kolibri=False,
        ports=(),
        grown=None,
        card_bytes=1,
        common=None,
        gift=gift,
        disk_ids={},
    )
    accelerator = Accelerator(kind=Acceleration.TCG, reason="a test")
    bench = Bench(
        tools=Tools(tree=directory, identity=""),
        accelerator=accelerator,
        patience=Patience.with_accelerator(accelerator),
        scratch=directory,
        logs=directory,
        reporter=Reporter(),
        cancelled=threading.Event(),
    )
    run(subject, TABLE, bench, points=points, seed=1, only=point, together=False)


def test_a_point_without_a_recording_means_nothing(tmp_path: Path) -> None:
    (tmp_path / "an.img").touch()
    with pytest.raises(UsageError, match="no recording of this image"):
        try_point(tmp_path, Point(position=1, kind=Kind.ALL))


def test_a_point_behind_the_end_of_the_recording_is_refused(tmp_path: Path) -> None:
    write_log(tmp_path / "writes.log", ("write", 0, sectors("a")))
    (tmp_path / "an.img").touch()
    kept = RECORDING.model_copy(update={"image": stamp(tmp_path / "an.img"), "entries": 1})
    (tmp_path / "recording.json").write_text(kept.model_dump_json())
    with pytest.raises(UsageError, match="which has 1 requests"):
        try_point(tmp_path, Point(position=2, kind=Kind.ALL))


def test_what_was_found_out_about_another_image_is_not_thrown_away(tmp_path: Path) -> None:
    write_log(tmp_path / "writes.log", ("write", 0, sectors("a")))
    (tmp_path / "an.img").touch()
    (tmp_path / "recording.json").write_text(RECORDING.model_copy(update={"image": "1:1"}).model_dump_json())
    (tmp_path / "visits.jsonl").write_text("hours of work\n")
    with pytest.raises(UsageError, match="of another image"):
        try_point(tmp_path, None, points=1)
    assert (tmp_path / "visits.jsonl").read_text() == "hours of work\n"


def test_the_seeded_copy_of_another_image_stays_as_well(tmp_path: Path) -> None:
    (tmp_path / "an.img").touch()
    kept = '{"image": "1:1", "expected": {}, "secrets": []}'
    (tmp_path / "seeded.json").write_text(kept)
    (tmp_path / "seeded.img").write_text("a copy")
    (tmp_path / "visits.jsonl").write_text("hours of work\n")
    gift = Gift(offset_bytes=0, data=b"seed", expected={}, secrets=())
    with pytest.raises(UsageError, match="of another image"):
        try_point(tmp_path, None, points=1, gift=gift)
    assert (tmp_path / "seeded.json").read_text() == kept
    assert (tmp_path / "seeded.img").read_text() == "a copy"

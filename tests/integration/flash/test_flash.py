"""Cards flashed as a person flashes them: several at once, each with an identity, whatever kills the flasher."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from builder.flash.device import Device
from builder.flash.medium import MediumError
from builder.host.places import REPOSITORY
from builder.ledger.history import attempts_of
from builder.ledger.ledger import Writer, open_ledger

from .cards import LoopCard, blank, empty_slot, loop, require_fuse, require_loops, sick
from .conftest import Satchel
from .images import CARD, SIZE, holds, table_of


def test_files_are_flashed_from_every_packing(image: Path, tmp_path: Path, satchel: Satchel) -> None:
    for name, packer in (("x.img.xz", "xz"), ("x.img.gz", "gzip"), ("x.img.bz2", "bzip2"), ("x.img.zst", "zstd")):
        with (tmp_path / name).open("wb") as out:
            subprocess.run((packer, "-1", "--stdout", image), stdout=out, check=True)
        run = satchel("flash", name, f"{name}.card", "--ledger", "l.db", "--progress", "plain", status=0)
        assert "1 of 1 cards are done" in run.out
        assert (tmp_path / f"{name}.card").read_bytes() == image.read_bytes()


def test_two_cards_of_different_sizes_are_done_at_once(image: Path, tmp_path: Path, satchel: Satchel) -> None:
    require_loops()
    larger = CARD + (16 << 20)
    with loop(blank(tmp_path / "one", CARD)) as one, loop(blank(tmp_path / "two", larger)) as two:
        run = satchel(
            *("flash", f"{image}.zst", one.device, two.device, "--fixed-disks", "--yes", "--json"),
            *("--ledger", "l.db", "--wipe"),
            status=0,
        )
        assert {card["result"] for card in run.cards.values()} == {"done"}
        for card in (one, two):
            assert holds(card.backing, image)
            said = table_of(card.backing)
            assert "No errors" in said
            assert "not on the end" not in said
            assert card.data[SIZE : SIZE + 4096] == bytes(4096), "nothing of its former life"


def test_a_dry_run_writes_nothing(image: Path, tmp_path: Path, satchel: Satchel) -> None:
    run = satchel("flash", image, "a.img", "--dry-run", "--json", "--ledger", "l.db", status=0)
    plan = json.loads(run.out)
    assert plan["targets"] == [{"target": "a.img", "path": str(tmp_path / "a.img"), "called": "new file, 24.0 MiB"}]
    assert list(tmp_path.iterdir()) == [], "neither a card nor a ledger"


def test_cards_are_compared_with_the_image_and_nothing_is_written(
    image: Path, tmp_path: Path, satchel: Satchel
) -> None:
    more = ("--ledger", "l.db")
    satchel("flash", image, "a.img", *more, status=0)
    run = satchel("flash", f"{image}.zst", "a.img", "--verify-only", "--json", *more, status=0)
    assert run.cards["a.img"]["result"] == "same"
    with (tmp_path / "a.img").open("r+b") as file:
        file.seek(5 << 20)
        file.write(b"rotten")
    before = (tmp_path / "a.img").read_bytes()
    run = satchel("flash", image, "a.img", "--verify-only", "--json", *more, status=12)
    assert run.cards["a.img"]["offset"] == 4 << 20
    assert "nothing was written" in run.err
    assert (tmp_path / "a.img").read_bytes() == before
    satchel("flash", image, "b.img", "--verify-only", *more, status=13)
    assert not (tmp_path / "b.img").exists()
    assert json.loads(satchel("ledger", "count", "--json", *more).out)["results"] == {"done": 1, "same": 1, "failed": 1}


def test_a_bad_image_is_at_fault_and_no_new_file_is_left(image: Path, tmp_path: Path, satchel: Satchel) -> None:
    bad = tmp_path / "bad.img"
    bad.write_bytes(image.read_bytes())
    (tmp_path / "bad.img.bmap").write_bytes(image.with_suffix(".img.bmap").read_bytes())
    with bad.open("r+b") as file:
        file.seek(5 << 20)
        file.write(b"rotten")
    (tmp_path / "old.card").write_bytes(bytes(CARD))
    run = satchel("flash", "bad.img", "new.card", "old.card", "--yes", "--json", "--ledger", "l.db", status=12)
    assert "hint: the image is at fault, and not the cards" in run.err
    assert "until they are flashed again: old.card" in run.err
    assert all("are not what its block map says" in card["reason"] for card in run.cards.values())
    assert not (tmp_path / "new.card").exists()
    assert (tmp_path / "old.card").read_bytes()[:4096] == bytes(4096)


def test_another_card_in_the_same_slot_is_noticed_before_it_is_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's number for a card is what tells; no reader here can be made to swap cards under an open device."""
    require_loops()
    with loop(blank(tmp_path / "card", CARD)) as card:
        device = Device(Path(card.device))
        device.flush()
        monkeypatch.setattr(Device, "sequence", property(lambda _: 0))
        with pytest.raises(MediumError, match="another card lies there"):
            device.flush()
        device.close()


@pytest.mark.parametrize("moment", ["writing", "verifying"])
def test_a_flasher_that_is_killed_leaves_a_card_that_does_not_start(
    moment: str, image: Path, tmp_path: Path, satchel: Satchel
) -> None:
    require_fuse()
    backing = blank(tmp_path / "card", CARD)
    with sick(backing, "slow", 20) as card:
        _kill_while(moment, image, card, tmp_path)
        assert card.data[512:520] != b"EFI PART"
    with open_ledger(str(tmp_path / "l.db"), Writer.here(None)) as ledger:
        (attempt,) = attempts_of(kept.entry for kept in ledger.entries())
        assert attempt.result == "unfinished"
        assert ledger.faults() == []
    # The same card, as quick as any: a busy host may ask a slow one for a page at a time, for minutes.
    with loop(backing) as card:
        again = ("flash", image, card.device, "--fixed-disks", "--yes", "--ledger", "l.db", "--changed-only")
        satchel(*again, status=0)
        assert holds(card.backing, image)
        assert "No errors" in table_of(card.backing)


def _kill_while(moment: str, image: Path, card: LoopCard, directory: Path) -> None:
    """Start a flash, and kill it as soon as it says that it is busy with something."""
    options = ("--fixed-disks", "--yes", "--ledger", "l.db", "--progress", "json")
    argv = (sys.executable, "-m", "builder", "flash", image, card.device, *options)
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(argv, cwd=directory, env=env, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if f'"phase": "{moment}"' in line:
            process.kill()
            break
    process.wait()
    process.stderr.close()
    assert process.returncode == -signal.SIGKILL, "it was over before"


def test_ctrl_c_ends_promptly_and_names_what_is_unfinished(image: Path, tmp_path: Path) -> None:
    require_fuse()
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with sick(blank(tmp_path / "slow", CARD), "hang", 1) as card:
        options = ("--fixed-disks", "--yes", "--ledger", "l.db", "--progress", "json")
        argv = (sys.executable, "-m", "builder", "flash", image, card.device, *options)
        process = subprocess.Popen(argv, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            if '"phase": "writing"' in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait() == 130
        process.stderr.close()
    assert f'"name": "{card.device}", "text": "interrupted while writing' in rest
    assert card.data[512:520] != b"EFI PART"


def test_a_ledger_without_room_lets_no_card_out(image: Path, tmp_path: Path, satchel: Satchel) -> None:
    require_loops()
    place = tmp_path / "full"
    place.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place), check=True)
    try:
        with open_ledger(str(place / "l.db"), Writer.here(None)):
            pass
        _fill(place)
        with loop(blank(tmp_path / "card", CARD)) as card:
            run = satchel("flash", image, card.device, "--fixed-disks", "--yes", "--ledger", place / "l.db", status=12)
            assert "cannot write to the ledger" in run.err
            assert card.data[512:520] != b"EFI PART"
    finally:
        subprocess.run(("umount", place), check=True)


def _fill(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_station_flashes_what_is_put_in_and_waits_for_the_next(image: Path, tmp_path: Path) -> None:
    """Cards come and go in one loop device, as in a slot."""
    require_loops()
    first, second = blank(tmp_path / "first", CARD), blank(tmp_path / "second", CARD)
    with empty_slot() as slot:
        subprocess.run(("losetup", "--direct-io=on", slot, first), check=True)
        (tmp_path / "slots.yml").write_text(f"slots:\n  A1: {slot.removeprefix('/dev/')}\n")
        env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        options = ("--slots", "slots.yml", "--count", "2", "--fixed-disks", "--yes", "--ledger", "l.db", "--json")
        argv = (sys.executable, "-m", "builder", "flash", image, *options, "--progress", "json")
        with subprocess.Popen(
            argv, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stderr is not None
                for line in process.stderr:
                    if '"event": "ended"' in line:
                        break
                subprocess.run(("losetup", "--detach", slot), check=True)
                time.sleep(2)
                subprocess.run(("losetup", "--direct-io=on", slot, second), check=True)
                out, _ = process.communicate(timeout=120)
            finally:
                process.kill()
        assert process.returncode == 0
    rows = json.loads(out)["cards"]
    assert [(row["target"], row["result"]) for row in rows] == [("A1", "done"), ("A1", "done")]
    assert holds(first, image)
    assert holds(second, image)

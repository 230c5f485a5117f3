"""Flashing as a person does it, on plain files; and the ledger of what was flashed."""

import csv
import hashlib
import io
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from builder.identity.template import template
from tests.integration.flash.images import NAMED, code_on, holds_named, make_named

from .conftest import Satchel

USAGE, REFUSED, LEDGER = 64, 13, 14
OLD = b"\xa5" * NAMED


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of ours, with a place for a seed."""
    return str(make_named(tmp_path_factory.mktemp("image")))


@pytest.fixture
def own_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's own ledger is kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def listed(directory: Path, count: int) -> list[str]:
    """Write a list of schools; their codes."""
    text = template(count, fill={"facility": "=School {n}"}, separator=",")
    (directory / "sites.csv").write_bytes(text)
    return [line.partition(",")[0] for line in text.decode("utf-8-sig").splitlines()[1:]]


@pytest.fixture(scope="module")
def flashed(image: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Where two cards were flashed, one after the other, and the codes of the list."""
    directory = tmp_path_factory.mktemp("flashed")
    codes = listed(directory, 2)
    for card in ("one.img", "two.img"):
        argv = ("flash", image, card, "--sites", "sites.csv", "--ledger", "l.db", "--operator", "Ada")
        subprocess.run((sys.executable, "-m", "builder", *argv), cwd=directory, check=True, capture_output=True)
    return directory, codes


def test_a_new_file_needs_no_yes_and_one_that_is_there_does(satchel: Satchel, image: str, tmp_path: Path) -> None:
    card = tmp_path / "card.img"
    run = satchel("flash", image, "card.img", "--ledger", "l.db")
    assert (run.status, run.stdout) == (0, "1 of 1 cards are done\n")
    assert card.read_bytes() == Path(image).read_bytes()
    card.write_bytes(OLD)
    run = satchel("flash", image, "card.img", "--ledger", "l.db")
    assert (run.status, run.stdout) == (REFUSED, "")
    assert "everything on card.img (file, 12.0 MiB) would be lost" in run.stderr
    assert card.read_bytes() == OLD
    run = satchel("flash", image, "card.img", "--ledger", "l.db", "--yes", "--json")
    (done,) = json.loads(run.stdout)["cards"]
    assert (run.status, done["target"], done["result"], done["code"]) == (0, "card.img", "done", "")
    assert holds_named(card, Path(image))


def test_each_card_is_who_the_ledger_says(flashed: tuple[Path, list[str]], image: str) -> None:
    directory, codes = flashed
    assert [code_on(directory / card) for card in ("one.img", "two.img")] == codes
    assert holds_named(directory / "two.img", Path(image))


def test_a_dry_run_shows_the_plan_and_touches_nothing(satchel: Satchel, image: str, tmp_path: Path) -> None:
    listed(tmp_path, 3)
    (tmp_path / "old.img").write_bytes(OLD)
    argv = ("flash", image, "old.img", "new.img", "--sites", "sites.csv", "--ledger", "l.db", "--dry-run")
    run = satchel(*argv)
    assert (run.status, run.stdout) == (0, "")
    sha256 = hashlib.sha256(Path(image).read_bytes()).hexdigest()
    for line in (
        f"    sha256  {sha256}",
        "     sites  sites.csv, 3 rows free",
        "    target  old.img: file, 12.0 MiB",
        "    target  new.img: new file, 12.0 MiB",
    ):
        assert line in run.stderr.splitlines()
    plan = json.loads(satchel(*argv, "--json").stdout)
    assert (plan["sha256"], plan["signed by"], plan["sites"]) == (sha256, "nobody", "sites.csv, 3 rows free")
    assert [(each["target"], each["called"]) for each in plan["targets"]] == [
        ("old.img", "file, 12.0 MiB"),
        ("new.img", "new file, 12.0 MiB"),
    ]
    assert (tmp_path / "old.img").read_bytes() == OLD
    assert not (tmp_path / "new.img").exists()


@pytest.mark.parametrize("verb", ["show", "count", "export", "report", "verify"])
def test_every_verb_of_the_ledger_has_examples(satchel: Satchel, verb: str) -> None:
    run = satchel("ledger", verb, "--help")
    assert (run.status, run.stderr) == (0, "")
    assert f"examples:\n  satchel ledger {verb}" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name targets, or the slots of a station"),
        (("c.img", "--slots", "slots.yml"), "name targets, or the slots of a station"),
        (("c.img", "--wipe", "--changed-only"), "--changed-only leaves alone what is right"),
        (("c.img", "--keyring", "k.gpg", "--unsigned"), "--keyring and --unsigned contradict each other"),
        (("c.img", "--keep-data", "--sites", "sites.csv"), "--keep-data keeps who a device is"),
        (("c.img", "--keep-data", "--wipe"), "--keep-data keeps who a device is"),
        (("c.img", "--stall-after", "0"), "want more than nothing"),
        (("--slots", "slots.yml", "--count", "0"), "want more than nothing"),
        (("c.img", "--verify", "some"), "argument --verify: invalid choice: 'some'"),
        (("c.img", "--largest", "big"), "argument --largest: 'big' is not a size"),
        (("c.img", "--ledger", "mysql://x/y"), "a ledger cannot be kept in mysql"),
        (("--slots", "absent.yml"), "absent.yml cannot be read"),
    ],
)
def test_options_that_do_not_go_together(
    satchel: Satchel, image: str, own_ledger: Path, arguments: tuple[str, ...], said: str
) -> None:
    run = satchel("flash", image, *arguments)
    assert (run.status, run.stdout) == (USAGE, "")
    assert run.stderr.startswith("satchel: ")
    assert said in run.stderr
    assert not own_ledger.with_name("c.img").exists()


def test_an_image_of_somebody_else_has_no_place_for_an_identity(satchel: Satchel, tmp_path: Path) -> None:
    (tmp_path / "their.img").write_bytes(OLD)
    listed(tmp_path, 1)
    for option in (("--sites", "sites.csv"), ("--keep-data",)):
        run = satchel("flash", "their.img", "c.img", "--ledger", "l.db", *option)
        assert (run.status, run.stdout) == (USAGE, "")
        assert "their.img has no manifest.json beside it" in run.stderr
    assert not (tmp_path / "c.img").exists()


@pytest.mark.parametrize("name", ["/dev/sdzz9", "/dev/shm/../sdzz9", "/dev/shm/card.img"])
def test_a_mistyped_device_becomes_no_file_and_nothing_else_is_written(
    satchel: Satchel, image: str, tmp_path: Path, name: str
) -> None:
    run = satchel("flash", image, "c.img", name, "--yes", "--ledger", "l.db")
    assert (run.status, run.stdout) == (REFUSED, "")
    assert f"{name}: there is no such device" in run.stderr
    assert not Path(name).exists()
    assert not (tmp_path / "c.img").exists()


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (("c.img", "here/../c.img"), "here/../c.img: it is named twice"),
        (("./kolibri-pc.img",), "./kolibri-pc.img: it is needed for this very flash"),
        (("link.img",), "link.img: it is needed for this very flash"),
        (("none/c.img",), "none/c.img: there is no directory"),
        (("small.img",), "small.img: it is too small: 1.0 MiB, and the image has 12.0 MiB"),
    ],
)
def test_what_must_not_be_written_to_is_refused_by_name(
    satchel: Satchel, image: str, tmp_path: Path, targets: tuple[str, ...], said: str
) -> None:
    own = tmp_path / "kolibri-pc.img"
    shutil.copy(image, own)
    (tmp_path / "link.img").symlink_to(own)
    (tmp_path / "here").mkdir()
    (tmp_path / "small.img").write_bytes(b"\xa5" * (1 << 20))
    run = satchel("flash", "kolibri-pc.img", *targets, "--yes", "--ledger", "l.db")
    assert (run.status, run.stdout) == (REFUSED, "")
    assert said in run.stderr
    assert own.read_bytes() == Path(image).read_bytes()
    assert not (tmp_path / "c.img").exists()


def test_more_cards_than_rows_are_refused_before_the_first_is_touched(
    satchel: Satchel, image: str, tmp_path: Path
) -> None:
    listed(tmp_path, 1)
    run = satchel("flash", image, "a.img", "b.img", "--sites", "sites.csv", "--ledger", "l.db")
    assert (run.status, run.stdout) == (REFUSED, "")
    assert "sites.csv: 1 of 2 cards would get a row" in run.stderr
    assert not (tmp_path / "a.img").exists()


def test_mistakes_in_slots_are_named_with_their_places(satchel: Satchel, image: str, tmp_path: Path) -> None:
    (tmp_path / "slots.yml").write_text("slots:\n  A1: mmc0\n  A2: /dev/sdb\n  A3: mmc0\n")
    run = satchel("flash", image, "--slots", "slots.yml", "--yes", "--ledger", "l.db")
    assert (run.status, run.stdout) == (REFUSED, "")
    assert "slots.yml:3:7: slot A2: '/dev/sdb' is no place" in run.stderr
    assert "slots.yml:4:3: the place mmc0 is there twice" in run.stderr


def test_a_test_of_a_file_that_is_not_there_makes_none(satchel: Satchel, tmp_path: Path) -> None:
    run = satchel("media-test", "card.img", "--yes")
    assert (run.status, run.stdout) == (REFUSED, "")
    assert "there is no " in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_ledger_shows_and_counts_every_card(satchel: Satchel, flashed: tuple[Path, list[str]]) -> None:
    directory, codes = flashed
    ledger = ("--ledger", str(directory / "l.db"))
    lines = satchel("ledger", "show", *ledger).stdout.splitlines()
    assert [line.split("  ")[1:] for line in lines] == [
        ["done", codes[0], "one.img", "=School 1"],
        ["done", codes[1], "two.img", "=School 2"],
    ]
    (last,) = json.loads(satchel("ledger", "show", "--batch", "last", "--json", *ledger).stdout)
    assert (last["code"], last["result"], last["burnt"], last["operator"]) == (codes[1], "done", False, "Ada")
    (named,) = json.loads(satchel("ledger", "show", "--batch", last["batch"][:13], "--json", *ledger).stdout)
    assert named == last
    assert json.loads(satchel("ledger", "count", "--json", *ledger).stdout) == {
        "results": {"done": 2},
        "given": 2,
        "burnt": 0,
    }
    assert satchel("ledger", "count", "--batch", "last", *ledger).stdout.split("\n")[0] == "     1  done"


def test_a_spreadsheet_gets_no_formulas(satchel: Satchel, flashed: tuple[Path, list[str]]) -> None:
    directory, codes = flashed
    run = satchel("ledger", "export", "csv", "--ledger", str(directory / "l.db"))
    rows = list(csv.DictReader(io.StringIO(run.stdout)))
    assert [(row["code"], row["facility"], row["result"], row["target"]) for row in rows] == [
        (codes[0], "'=School 1", "done", "one.img"),
        (codes[1], "'=School 2", "done", "two.img"),
    ]


def test_the_chain_can_be_proved_elsewhere(satchel: Satchel, flashed: tuple[Path, list[str]], tmp_path: Path) -> None:
    directory, _ = flashed
    ledger = ("--ledger", str(directory / "l.db"))
    assert satchel("ledger", "export", "json", "--out", "ledger.json", *ledger).stdout == "ledger.json\n"
    before = "0" * 64
    names = ("number", "at", "station", "operator", "kind", "attempt", "facts", "before")
    entries = json.loads((tmp_path / "ledger.json").read_text())
    for entry in entries:
        text = json.dumps([entry[name] for name in names], sort_keys=True, separators=(",", ":"))
        assert (entry["before"], entry["digest"]) == (before, hashlib.sha256(text.encode()).hexdigest())
        before = entry["digest"]
    assert [entry["kind"] for entry in entries] == ["started", "reserved", "ended"] * 2
    assert satchel("ledger", "verify", *ledger).stdout == f"{directory / 'l.db'}: whole; entry 6 is {before}\n"
    assert satchel("ledger", "verify", "--head", f"3:{entries[2]['digest'][:12]}", *ledger).status == 0
    wrong = satchel("ledger", "verify", "--head", f"3:{before[:12]}", *ledger)
    assert (wrong.status, wrong.stdout) == (LEDGER, "")
    assert "entry 3 is not the one that was written down" in wrong.stderr
    assert satchel("ledger", "verify", "--head", "3", *ledger).status == USAGE


def test_the_report_names_the_card_and_the_end_of_the_chain(
    satchel: Satchel, flashed: tuple[Path, list[str]], tmp_path: Path
) -> None:
    directory, codes = flashed
    ledger = ("--ledger", str(directory / "l.db"))
    head = satchel("ledger", "verify", *ledger).stdout.split()[-1]
    run = satchel("ledger", "report", "--batch", "last", "--out", "batch.html", *ledger)
    assert (run.status, run.stdout) == (0, "batch.html: 1 cards\n")
    page = (tmp_path / "batch.html").read_text()
    assert codes[1] in page
    assert codes[0] not in page, "it is of another batch"
    assert f"entry 6, {head}" in page
    run = satchel("ledger", "report", "--batch", "feed", "--out", "none.html", *ledger)
    assert (run.status, run.stdout) == (USAGE, "")
    assert not (tmp_path / "none.html").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update satchel_entries set operator = 'Eve' where number = 2", "entry 2 was changed after it was written"),
        ("delete from satchel_reserved", "was given away, and is not listed"),
    ],
)
def test_a_change_behind_its_back_fails_the_ledger(
    satchel: Satchel, flashed: tuple[Path, list[str]], tmp_path: Path, change: str, said: str
) -> None:
    shutil.copy(flashed[0] / "l.db", tmp_path)
    with sqlite3.connect(tmp_path / "l.db") as database:
        database.execute(change)
    run = satchel("ledger", "verify", "--ledger", "l.db")
    assert (run.status, run.stdout) == (LEDGER, "")
    assert "l.db is not whole" in run.stderr
    assert said in run.stderr


def test_reading_makes_no_ledger(satchel: Satchel, tmp_path: Path) -> None:
    run = satchel("ledger", "verify", "--ledger", "l.db")
    assert (run.status, run.stdout) == (USAGE, "")
    assert "there is no ledger l.db" in run.stderr
    assert list(tmp_path.iterdir()) == []

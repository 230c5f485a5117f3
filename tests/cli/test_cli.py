"""What a person sees: help, results on stdout, errors on stderr with their exit codes, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.errors import exit_codes
from builder.host.places import REPOSITORY
from builder.kolibri.demo.channel import make_demo_channel

from .conftest import Satchel

VERBS = (
    *("new", "check", "plan", "lock", "build", "bundle", "shell", "boot", "test", "audit", "inspect", "diff", "why"),
    *("flash", "disks", "media-test", "ledger", "content"),
    *("verify", "sign", "verify-signature", "sites", "cache", "explain", "schema", "doctor", "completion"),
)


def test_help_lists_verbs_and_exit_codes(satchel: Satchel) -> None:
    result = satchel("--help")
    assert result.status == 0
    for verb in VERBS:
        assert f"\n    {verb}" in result.stdout
    for code, meaning in exit_codes().items():
        assert f"{code:>3}  {meaning}" in result.stdout


def test_the_readme_lists_the_same_exit_codes() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    rows = [f"| {code} | {meaning} |" for code, meaning in exit_codes().items()]
    assert "\n".join(rows) in readme


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_examples(satchel: Satchel, verb: str) -> None:
    result = satchel(verb, "--help")
    assert result.status == 0
    assert f"examples:\n  satchel {verb}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("fly",), 64, "invalid choice: 'fly'"),
        (("build",), 64, "give a recipe or --bundle FILE"),
        (("check", "kolibri-pv"), 2, "kolibri-pc"),
        (("check", "absent.yml"), 2, "absent.yml"),
        (("check", "kolibri-pc", "--set", "root_size"), 2, "NAME=VALUE"),
        (("check", "kolibri-pc", "--set", "root_size=huge"), 2, "root_size"),
        (("explain", "disk.partition"), 2, "partitions"),
        (("inspect", "absent"), 10, "satchel build absent"),
        (("audit", "absent.img"), 10, "absent.img"),
        (("audit",), 64, "give an image, a directory or a recipe's name"),
        (("audit", ".", "--rule", "machine-ids"), 2, 'did you mean "machine-id"?'),
        (("audit", ".", "--secret", "short"), 64, "secret 1 has only 5 characters"),
        (("audit", ".", "--secret", os.fsdecode(b"\xc9cole No 4")), 64, "secret 1 is not printable text"),
        (("audit", ".", "--secrets", "absent.txt"), 64, "absent.txt cannot be read"),
        (("boot", "."), 10, "is a directory"),
    ],
)
def test_errors_explain_and_never_trace(satchel: Satchel, arguments: tuple[str, ...], status: int, text: str) -> None:
    result = satchel(*arguments)
    assert result.status == status
    assert text in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_what_is_no_image_is_refused(satchel: Satchel, tmp_path: Path) -> None:
    (tmp_path / "text.img").write_text("not a disk")
    result = satchel("inspect", "text.img")
    assert result.status == 10
    assert "text.img is not a disk image" in result.stderr


def test_check_as_json_gives_places(satchel: Satchel, tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("version: 1\nname: bad\ndescription: x\ndisc: {}\n")
    result = satchel("check", "bad.yml", "--json")
    assert result.status == 2
    problems = json.loads(result.stdout)["problems"]
    places = [(problem["file"], problem["line"], problem["column"], problem["message"]) for problem in problems]
    assert ("bad.yml", 4, 1, 'there is no key "disc"') in places


def test_a_new_recipe_is_a_good_one(satchel: Satchel, tmp_path: Path) -> None:
    assert satchel("new", "my-school", "--output", "my-school.yml").stdout == "my-school.yml\n"
    assert satchel("check", "my-school.yml").status == 0
    again = satchel("new", "my-school", "--output", "my-school.yml")
    assert again.status == 10
    assert "exists already" in again.stderr


def test_schema_is_json(satchel: Satchel) -> None:
    assert json.loads(satchel("schema").stdout)["title"] == "Satchel recipe"


def test_completion_knows_the_verbs(satchel: Satchel) -> None:
    script = satchel("completion", "bash").stdout
    assert all(verb in script for verb in VERBS)


def test_all_rules_of_the_audit_are_listed(satchel: Satchel) -> None:
    listed = satchel("audit", "--list")
    assert listed.status == 0
    assert "critical  ssh-host-keys " in listed.stdout
    rules = json.loads(satchel("audit", "--list", "--json").stdout)
    assert {rule["severity"] for rule in rules} == {"critical", "serious", "minor"}
    assert all(rule["why"] and rule["remedy"] for rule in rules)


def test_a_directory_is_audited_without_any_tools(satchel: Satchel, tmp_path: Path) -> None:
    (tmp_path / "tree/etc").mkdir(parents=True)
    assert satchel("audit", "tree").stdout == (
        "looked at tree (directory): /\ntree: nothing found that must not be inside an image\n"
    )
    (tmp_path / "tree/etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    result = satchel("audit", "tree", "--json")
    assert result.status == 9
    assert [finding["rule"] for finding in json.loads(result.stdout)["findings"]] == ["machine-id"]
    assert result.stderr.startswith("satchel: tree holds 1 thing")


def test_a_directory_of_images_is_not_taken_for_a_clean_system(satchel: Satchel, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("manifest.json", "school.img"):
        (tmp_path / "out" / name).touch()
    result = satchel("audit", "out")
    assert result.status == 10
    assert "hint: satchel audit out/school.img" in result.stderr


def test_doctor_finds_this_machine_ready(satchel: Satchel) -> None:
    result = satchel("doctor", "--json")
    findings = json.loads(result.stdout)
    assert result.status == 0, findings
    assert {"newuidmap", "namespace", "overlay", "lab"} <= {finding["name"] for finding in findings}


def test_a_build_with_nothing_to_do_loads_nothing_that_makes_images() -> None:
    """Loading takes most of its time."""
    code = "import sys; from builder.cli import parse; parse(['build', 'kolibri-pc']); print(*sys.modules)"
    done = subprocess.run((sys.executable, "-c", code), check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "builder.build" in loaded
    assert loaded & {"builder.making", "builder.compare", "builder.kolibri.demo", "cyclonedx", "parted", "sh"} == set()


def _school(drive: Path, recipe: Path, *, content: str, card: str = "7.2 GB") -> None:
    """A recipe that takes all channels of a drive, which is made here."""
    make_demo_channel(drive, languages=("en", "sw"), lessons=2)
    lib = Path(__file__).parents[1] / "golden/sizes/lib/school.yml"
    recipe.write_text(
        f"version: 1\nname: school\ndescription: a school\nextends: [{lib}]\n"
        f"disk:\n  card: {card}\n  partitions: [{{name: content, size: {content}}}]\n"
        f"content:\n  - channels: {{sources: [{{drive: {drive}}}]}}\n"
    )


def test_check_says_what_the_image_will_hold_and_need(
    satchel: Satchel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SATCHEL_CACHE", str(tmp_path / "cache"))
    _school(tmp_path / "usb", tmp_path / "school.yml", content="fit")
    told = satchel("check", "school.yml")
    assert told.status == 0, told.stderr
    for line in ("Satchel: first lessons", "the image", "128 GB", "what building needs here", "free: enough"):
        assert line in told.stdout
    unknown = satchel("check", "school.yml", "--offline").stdout
    assert "content[0]: not known without asking its sources" in unknown
    sizes = json.loads(satchel("check", "school.yml", "--json").stdout)["sizes"]
    assert sizes["exact"] is True
    assert [channel["languages"] for channel in sizes["channels"]] == [["en", "sw"]]
    assert [card["name"] for card in sizes["cards"]] == ["8 GB", "16 GB", "32 GB", "64 GB", "128 GB"]


def test_check_ends_badly_when_content_does_not_fit(
    satchel: Satchel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SATCHEL_CACHE", str(tmp_path / "cache"))
    _school(tmp_path / "usb", tmp_path / "school.yml", content="1MiB")
    told = satchel("check", "school.yml")
    assert told.status == 3
    assert "TOO MUCH" in told.stdout
    assert "school.yml:9:5: content[0]: the content needs" in told.stderr
    found = satchel("check", "school.yml", "--json")
    assert found.status == 3
    facts = json.loads(found.stdout)
    assert [problem["path"] for problem in facts["problems"]] == ["content[0]"]
    assert facts["sizes"]["shortages"][0]["over_bytes"] > 0

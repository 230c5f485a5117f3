"""The verbs of site lists, as a technician uses them."""

import json
from pathlib import Path

import pytest

from .conftest import Satchel


@pytest.fixture
def sites(satchel: Satchel, tmp_path: Path) -> Path:
    """A list of three sites with codes."""
    assert satchel("sites", "new", "3", "--out", "sites.csv", "--set", "hostname=school-{n}").status == 0
    return tmp_path / "sites.csv"


def codes(file: Path) -> list[str]:
    return [line.partition(",")[0] for line in file.read_text(encoding="utf-8-sig").splitlines()[1:]]


def test_a_new_list_is_complete_and_never_written_over(satchel: Satchel, sites: Path) -> None:
    before = sites.read_bytes()
    checked = satchel("sites", "check", "sites.csv")
    assert (checked.status, checked.stderr) == (0, "")
    assert checked.stdout == "sites.csv: no problem found; 3 sites, 0 of them without a code\n"
    again = satchel("sites", "new", "3", "--out", "sites.csv")
    assert (again.status, sites.read_bytes()) == (10, before)
    assert "exists already" in again.stderr


def test_a_new_list_goes_to_standard_output_and_avoids_other_lists(satchel: Satchel, sites: Path) -> None:
    result = satchel("sites", "new", "2", "--not-in", "sites.csv", "--separator", "semicolons", "--set", "x_room={n}")
    lines = result.stdout.splitlines()
    assert lines[0].endswith(";mac;x_room")
    assert [line.rpartition(";")[2] for line in lines[1:]] == ["1", "2"]
    assert set(codes(sites)).isdisjoint(line.partition(";")[0] for line in lines)


def test_minting_is_done_once(satchel: Satchel, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_bytes("facility;code;admin_password\r\nÉcole;;\r\nLycée;K7M3-Q2XG;chalkandslate\r\n".encode())
    file.chmod(0o644)
    first = satchel("sites", "mint", "sites.csv")
    assert first.stdout == "sites.csv: 1 codes and 0 passwords minted for 2 sites\n"
    assert first.stderr == "warning: sites.csv holds passwords; only you can read it. Do not send it around.\n"
    once = file.read_bytes()
    assert once.endswith("\r\nLycée;K7M3-Q2XG;chalkandslate\r\n".encode())
    assert file.stat().st_mode & 0o777 == 0o600
    assert satchel("sites", "mint", "sites.csv").stdout == "sites.csv: 0 codes and 0 passwords minted for 2 sites\n"
    assert file.read_bytes() == once
    assert "1 passwords minted" in satchel("sites", "mint", "sites.csv", "--passwords").stdout
    assert [path.name for path in tmp_path.iterdir()] == ["sites.csv"]


def test_a_list_with_problems_or_open_elsewhere_is_not_touched(satchel: Satchel, tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("code,facility,language\n,School,fr\n")
    result = satchel("sites", "mint", "sites.csv")
    assert (result.status, result.stdout) == (11, "")
    assert "cell C2 (language)" in result.stderr
    file.write_text("code,facility\n,School\n")
    (tmp_path / ".~lock.sites.csv#").touch()
    result = satchel("sites", "mint", "sites.csv")
    assert (result.status, file.read_text()) == (10, "code,facility\n,School\n")
    assert "open in LibreOffice" in result.stderr


def test_problems_and_warnings_for_scripts(satchel: Satchel, tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text("code,facility,preset\n,School,formel\n,School,\n")
    result = satchel("sites", "check", "sites.csv", "--json")
    facts = json.loads(result.stdout)
    assert (result.status, facts["sites"]) == (11, 2)
    (problem,) = facts["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("sites.csv", 2, 9)
    assert problem["path"] == "cell C2 (preset)"
    assert facts["warnings"][0]["message"] == "School is also the name of row 2"
    (tmp_path / "sites.csv").write_bytes("é".encode("utf-16"))
    result = satchel("sites", "check", "sites.csv", "--json")
    assert (result.status, len(json.loads(result.stdout)["problems"])) == (11, 1)


def test_labels_show_passwords_only_when_asked(satchel: Satchel, sites: Path, tmp_path: Path) -> None:
    satchel("sites", "mint", "sites.csv", "--passwords")
    assert satchel("sites", "labels", "sites.csv", "--out", "labels.html").stdout == "labels.html: 3 labels\n"
    page = tmp_path / "labels.html"
    assert "Password" not in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o644
    one = codes(sites)[1]
    result = satchel("sites", "labels", "sites.csv", "--out", "labels.html", "--with-passwords", "--only", one.lower())
    assert result.stdout == "labels.html: 1 labels\n"
    assert "labels.html holds passwords" in result.stderr
    assert page.read_text().count("<dt>Password</dt>") == 1
    assert "http://school-2:8080" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600


def test_show_takes_a_code_or_a_row(satchel: Satchel, sites: Path) -> None:
    satchel("sites", "mint", "sites.csv", "--passwords")
    code = codes(sites)[2]
    by_row = satchel("sites", "show", "sites.csv", "4")
    assert f'code = "{code}"' in by_row.stdout
    assert satchel("sites", "show", "sites.csv", code).stdout == by_row.stdout
    assert "admin_password" not in by_row.stdout
    assert "admin_password" in satchel("sites", "show", "sites.csv", "4", "--secrets").stdout


@pytest.mark.usefixtures("sites")
@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("check", "absent.csv"), 11, "it cannot be read"),
        (("show", "sites.csv", "99"), 11, "the last site is in row 4"),
        (("show", "sites.csv", "K7M3-Q2XG"), 11, "the list has no code"),
        (("new", "some"), 64, "'some' is not a number"),
        (("new", "2", "--set", "langage=fr"), 2, 'did you mean "language"'),
        (("new", "2", "--set", "language=fr"), 11, "did you mean fr-fr?"),
        (("new", "2", "--out", "absent/sites.csv"), 10, "cannot be written"),
        (("labels", "sites.csv", "--out", "absent/labels.html"), 10, "cannot be written"),
        (("labels", "sites.csv", "--out", "l.html", "--page", "a5"), 64, "invalid choice"),
        ((), 64, "required: VERB"),
    ],
)
def test_wrong_words(satchel: Satchel, arguments: tuple[str, ...], status: int, text: str) -> None:
    result = satchel("sites", *arguments)
    assert (result.status, result.stdout) == (status, "")
    assert text in result.stderr
    assert "Traceback" not in result.stderr

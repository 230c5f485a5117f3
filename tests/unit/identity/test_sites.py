"""What the rows of a good site list mean, however it was saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from seed.rules import LANGUAGES

from builder.errors import SitesError
from builder.identity.columns import COLUMNS
from builder.identity.sites import Site, SiteList, examine, read_sites
from builder.recipe.model import Facility

ROWS = (
    ("Code", "facility", "location", "hostname", "MAC", "x_district"),
    ("k7m3q2xg", "École du Lac", "Kisumu, market", "{x_district}-{code}", "52-54-00-AB-34-56", "Lac"),
    ("", "School {code}", "", "school-{code}", "", ""),
)
SITES = (
    Site(
        row=2,
        line=2,
        code="K7M3-Q2XG",
        facility="École du Lac",
        location="Kisumu, market",
        hostname="lac-k7m3-q2xg",
        mac="52:54:00:ab:34:56",
        extra={"district": "Lac"},
    ),
    Site(row=3, line=3, facility="School {code}", hostname="school-{code}"),
)


def text(separator: str, line_end: str = "\n") -> str:
    return line_end.join(separator.join(f'"{value}"' if "," in value else value for value in row) for row in ROWS)


def found(content: str) -> SiteList:
    return examine(Path("sites.csv"), content.encode())


def warnings(content: str) -> list[str]:
    result = found(content)
    assert result.problems == ()
    return [f"{warning.path}: {warning.message}" for warning in result.warnings]


@pytest.mark.parametrize(
    "data",
    [
        text(",").encode(),
        text(";", "\r\n").encode("utf-8-sig"),
        text("\t", "\r").encode(),
        (text(",") + "\n,,,,,\n\n").encode(),
        text(",").replace("{x_district}-", " {x_district}-").encode(),
    ],
    ids=["plain", "excel", "old-mac", "empty-rows", "outer-spaces"],
)
def test_the_same_list_saved_in_different_ways(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_bytes(data)
    assert read_sites(tmp_path / "sites.csv") == SITES


def test_passwords_are_kept_to_the_letter_and_never_represented() -> None:
    (site,) = found('code,admin_password,wifi_ssid,wifi_passphrase\n,lusab-babad,Net,"a ""b"" c;d, e"\n').sites
    assert (site.admin_password, site.wifi_passphrase) == ("lusab-babad", 'a "b" c;d, e')
    assert "lusab" not in repr(site)
    assert '"b"' not in repr(site)
    assert site.has_secrets


def test_names_are_written_as_people_spell_them() -> None:
    names = ("École de l\u2019Espoir", "می\u200cشود", "বিদ্যালয়", "Schule \N{EM DASH} Süd", "학교")
    result = found("code,facility\n" + "".join(f",{name}\n" for name in names))
    assert result.problems == ()
    assert tuple(site.facility for site in result.sites) == names


def test_what_is_shared_and_should_not_be_is_a_warning() -> None:
    content = (
        "code,facility,admin_password\n,School,chalkandslate\n,school,chalkandslate\n,School {code},\n,School {code},\n"
    )
    assert warnings(content) == [
        "cell B3 (facility): school is also the name of row 2",
        "cell C3 (admin_password): row 2 has the same password",
    ]


def test_a_missing_file_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(SitesError, match="it cannot be read"):
        read_sites(tmp_path / "absent.csv")


def test_every_column_is_a_field_of_a_site_and_its_example_is_right() -> None:
    assert set(COLUMNS) < set(Site.__dataclass_fields__)
    for column in COLUMNS.values():
        assert column.rule(column.example.replace("{code}", "1111-1111")) is None
        assert column.normalize(column.example) == column.example


def test_recipes_and_lists_have_the_same_languages() -> None:
    schema = Facility.model_json_schema()["properties"]["language"]
    assert tuple(schema["enum"]) == LANGUAGES

"""The label sheet of a list with hostile names, with and without passwords; without drawings and style.

SATCHEL_UPDATE_GOLDEN=1 writes the pages anew; then look at a sheet in a browser, too.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import builder.identity
from builder.identity.labels import Defaults, label_sheet
from builder.identity.pages import PAGES
from builder.identity.sites import checked

from .test_bad_recipes import assert_golden

LABELS = Path(__file__).parent / "labels"
STYLE = (Path(builder.identity.__file__).parent / "labels.css").read_text()
DEFAULTS = Defaults(hostname="satchel-{code}", facility="School {code}", admin="admin", port=8080)


@pytest.mark.parametrize("secrets", [False, True], ids=["public", "secret"])
def test_label_sheet(secrets: bool) -> None:
    sheet = label_sheet(checked(LABELS / "sites.csv"), DEFAULTS, PAGES["a4-8"], secrets=secrets, skip=6)
    bare = re.sub(r"<svg.*?</svg>", "<svg/>", sheet.html, flags=re.DOTALL).replace(STYLE, "/* labels.css */")
    assert_golden(LABELS / ("secret.html" if secrets else "public.html"), bare)
    assert (sheet.labels, sheet.secret) == (3, secrets)


def test_names_cannot_become_part_of_the_page() -> None:
    sheet = label_sheet(checked(LABELS / "sites.csv"), DEFAULTS, PAGES["letter-10"], secrets=True, cut_lines=True)
    found: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.add(tag)

    Tags().feed(sheet.html)
    assert found & {"script", "b", "slate"} == set()

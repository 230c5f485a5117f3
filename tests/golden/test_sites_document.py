"""The table of columns in docs/sites.md is that of the code. SATCHEL_UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import re

from builder.host.places import REPOSITORY
from builder.identity.columns import COLUMNS

from .test_bad_recipes import assert_golden


def test_the_page_describes_every_column() -> None:
    page = REPOSITORY / "docs" / "sites.md"
    rows = [f"| `{column.name}` | {column.meaning} | `{column.example}` |" for column in COLUMNS.values()]
    table = "\n".join(["| column | meaning | example |", "|---|---|---|", *rows])
    assert_golden(page, re.sub(r"^\| column \|.*?(?=\n\n)", lambda _: table, page.read_text(), flags=re.M | re.S))


def test_the_table_is_there() -> None:
    assert "| column | meaning | example |" in (REPOSITORY / "docs" / "sites.md").read_text()

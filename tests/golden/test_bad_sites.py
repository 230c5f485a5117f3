"""What a person sees for a bad site list: each directory in bad-sites/ holds a list and the whole text in error.txt.

The lists are what spreadsheets and people make, bytes included. SATCHEL_UPDATE_GOLDEN=1 writes the texts anew; read the
difference before committing it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import SitesError
from builder.identity.sites import read_sites

from .test_bad_recipes import assert_golden

BAD = Path(__file__).parent / "bad-sites"
CASES = sorted(path.parent.name for path in BAD.glob("*/sites.csv"))


@pytest.mark.parametrize("case", CASES)
def test_bad_list(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD / case)
    with pytest.raises(SitesError) as caught:
        read_sites(Path("sites.csv"))
    assert_golden(BAD / case / "error.txt", f"{caught.value}\n")


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 33


def test_no_text_shows_a_password() -> None:
    texts = "".join((BAD / case / "error.txt").read_text() for case in ("wrong-networks", "wrong-passwords"))
    assert not any(secret in texts for secret in ("chalk", "mot de passe", "tea", "short"))

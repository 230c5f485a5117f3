"""Sheets of stickers, and what fits on them."""

from __future__ import annotations

import pytest

from builder.identity.pages import PADDING, PAGES, SIZES, Page


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_stickers_and_qr_codes_stand_on_the_paper(page: Page) -> None:
    assert page.left >= 3
    assert page.top >= 10
    beside = 1 if page.stacked else 2
    assert beside * page.qr < page.label_width / 2
    assert (3 - beside) * (page.qr + 3) <= page.label_height - 2 * PADDING[0]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_usual_values_fit(page: Page) -> None:
    values = ["http://satchel-k7m3-q2xg:8080", "Ecole", "chalk and slate", "directrice", "lusab-babad-gutih-tugad"]
    assert page.letters(values, squares=2) is not None


def test_letters_become_smaller_before_a_value_is_refused() -> None:
    page = PAGES["a4-14"]
    assert page.letters(["short"], squares=2) == SIZES[0]
    assert page.letters(["x" * 25] * 5, squares=2) == SIZES[-1]
    assert page.letters(["x" * 63] * 5, squares=2) is None
    assert page.letters(["x" * 20], squares=0) == SIZES[0]
    assert page.letters(["\N{HANGUL SYLLABLE HAN}" * 14], squares=2) == page.letters(["x" * 28], squares=2)

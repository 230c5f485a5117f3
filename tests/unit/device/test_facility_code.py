from __future__ import annotations

import random

import pytest
from seed import code

CODES = [code.mint(random.Random(seed).randrange) for seed in range(200)]


def test_shape_and_variety() -> None:
    assert all(len(text) == 9 and text[4] == "-" and set(text) <= {*code.ALPHABET, "-"} for text in CODES)
    assert len(set(CODES)) == len(CODES)
    assert not set("0ILOU") & set(code.ALPHABET)


@pytest.mark.parametrize("text", CODES)
def test_people_may_write_it_their_way(text: str) -> None:
    assert code.normalize(text) == text
    assert code.normalize(f" {text.lower().replace('-', ' ')} ") == text
    assert code.normalize(text.replace("1", "l").replace("-", "")) == text


@pytest.mark.parametrize("text", CODES[:20])
def test_every_wrong_symbol_is_found(text: str) -> None:
    for place, right in enumerate(text):
        for wrong in set(code.ALPHABET) - {right}:
            if right != "-":
                with pytest.raises(ValueError, match="wrong symbol"):
                    code.normalize(text[:place] + wrong + text[place + 1 :])


@pytest.mark.parametrize("text", CODES[:50])
def test_every_swap_is_found(text: str) -> None:
    symbols = text.replace("-", "")
    for a in range(8):
        for b in range(a + 1, 8):
            swapped = list(symbols)
            swapped[a], swapped[b] = swapped[b], swapped[a]
            if swapped != list(symbols):
                with pytest.raises(ValueError, match="changed places"):
                    code.normalize("".join(swapped))


@pytest.mark.parametrize("text", ["", "K7M3", "K7M3-Q2XR2", "O000-0000", "K7M3_Q2X"])
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(ValueError, match="not a facility code"):
        code.normalize(text)

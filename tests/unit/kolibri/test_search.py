"""Texts are found in bytes, few or many of them."""

import random

import pytest

from builder.kolibri.search import found_in


@pytest.mark.parametrize("number", [5, 300])
def test_exactly_the_texts_that_are_there_are_found(tmp_path, number):
    chance = random.Random(number)
    told = "".join(chance.choice("aé(.\n") for _ in range(2000))
    places = [(chance.randrange(1900), chance.randint(1, 20)) for _ in range(number)]
    there = {told[start : start + length] for start, length in places}
    there.add(told[-9:])
    others = {"".join(chance.choice("aé(.\n") for _ in range(chance.randint(5, 20))) for _ in range(number)}
    file = tmp_path / "file"
    file.write_text(told)
    assert {text for _, text in found_in([file], there | others)} == {text for text in there | others if text in told}


def test_many_texts_are_found_across_the_pieces_of_a_read(tmp_path):
    texts = [f"Amina Okello {number}" for number in range(200)]
    file = tmp_path / "file"
    file.write_bytes(b"." * ((1 << 20) - 5) + b"Amina Okello 17, Amina Okello 199.")
    assert sorted(text for _, text in found_in([file], texts)) == ["Amina Okello 1", "Amina Okello 17",
                                                                   "Amina Okello 19", "Amina Okello 199"]  # fmt: skip

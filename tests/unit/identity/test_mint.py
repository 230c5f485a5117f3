"""Minting: only where nothing is, never twice the same, and the rest of the file to the byte."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seed import code as codes
from seed import rules

from builder.errors import SitesError
from builder.identity.mint import Minted, mint, mint_codes
from builder.identity.sites import SiteList, examine
from builder.identity.template import template


def found(data: bytes) -> SiteList:
    result = examine(Path("sites.csv"), data)
    assert result.problems == ()
    return result


def minted(data: bytes, seed: int, *, taken: tuple[str, ...] = (), passwords: bool = False) -> Minted:
    chance = random.Random(seed)
    return mint(found(data), taken=taken, passwords=passwords, randbelow=chance.randrange, randbits=chance.getrandbits)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 2**32), st.sampled_from(",;\t"), st.booleans())
def test_codes_are_unique_and_stable_however_often_it_is_run(
    has_code: list[bool], seed: int, separator: str, passwords: bool
) -> None:
    # The same chance as for minting, so that what it brings first is there already.
    there = mint_codes(len(has_code), taken=(), randbelow=random.Random(seed).randrange)
    given_codes = [code if has else "" for code, has in zip(there, has_code, strict=True)]
    rows = [f"x{separator}{code}{separator}" for code in given_codes]
    data = "\r\n".join([separator.join(("x_note", "code", "admin_password")), *rows, ""]).encode("utf-8-sig")
    first = minted(data, seed, passwords=passwords)
    after = [site.code for site in found(first.data).sites]
    assert None not in after
    assert len(set(after)) == len(after)
    assert all(new == old for new, old in zip(after, given_codes, strict=True) if old)
    assert (first.codes, first.passwords) == (has_code.count(False), len(has_code) if passwords else 0)
    again = minted(first.data, seed + 2, passwords=passwords)
    assert (again.data, again.codes, again.passwords) == (first.data, 0, 0)


@given(st.integers(0, 2**32))
def test_a_code_that_is_taken_elsewhere_is_not_minted(seed: int) -> None:
    (first,) = mint_codes(1, taken=(), randbelow=random.Random(seed).randrange)
    (second,) = mint_codes(1, taken={first}, randbelow=random.Random(seed).randrange)
    assert first != second


def test_no_code_looks_like_a_number_or_a_date_to_a_spreadsheet() -> None:
    symbols = iter([codes.ALPHABET.index(symbol) for symbol in "12E4564" + "MAR1231" + "K7M3Q2X"])
    assert mint_codes(1, taken=(), randbelow=lambda _: next(symbols)) == ("K7M3-Q2XG",)


def test_the_rest_of_the_file_stays_to_the_byte() -> None:
    data = (
        b'\xef\xbb\xbfsep=;\r\n"Facility";code;x_note;Admin Password\r\n'
        b'"\xc3\x89cole; 1";; "odd" note ;\r\n;;;\r\nB;"";"";""\r\nC\r\nD;9F4T-1B62;;lusab-babad'
    )
    result = minted(data, 7, passwords=True)
    first, second, third = (site.code for site in found(result.data).sites[:3])
    words = [site.admin_password for site in found(result.data).sites]
    assert (
        result.data
        == (
            f'\ufeffsep=;\r\n"Facility";code;x_note;Admin Password\r\n'
            f'"École; 1";{first}; "odd" note ;{words[0]}\r\n;;;\r\nB;"{second}";"";"{words[1]}"\r\n'
            f"C;{third};;{words[2]}\r\nD;9F4T-1B62;;lusab-babad"
        ).encode()
    )
    assert all(rules.password(word or "") is None for word in words)
    assert re.fullmatch(r"[a-z]{5}(-[a-z]{5}){3}", words[0] or "")


def test_passwords_without_a_column_are_refused() -> None:
    with pytest.raises(SitesError, match="add it behind column B"):
        minted(b"code,facility\n,School\n", 1, passwords=True)


def test_a_new_list_is_a_good_one() -> None:
    fill = {"facility": 'École "{n}"; Kisumu, Lac', "hostname": "ecole-{n}", "x_room": "{n}"}
    for separator in ",;\t":
        data = template(12, fill=fill, separator=separator, randbelow=random.Random(1).randrange)
        sites = found(data).sites
        assert [site.facility for site in sites][::11] == ['École "1"; Kisumu, Lac', 'École "12"; Kisumu, Lac']
        assert [site.hostname for site in sites][-1] == "ecole-12"
        assert sites[4].extra == {"room": "5"}
        assert len({site.code for site in sites}) == 12


def test_a_shared_secret_is_the_same_in_all_rows_and_stays() -> None:
    data = b"code,secret_db_password,secret_key\n9F4T-1B62,,\n,known,\n"
    makers = {"secret_db_password": lambda: "never used", "secret_key": iter(("=HYPERLINK()", "fresh")).__next__}
    result = mint(found(data), shared=makers)
    sites = found(result.data).sites
    assert [site.shared for site in sites] == [{"db-password": "known", "key": "fresh"}] * 2
    assert result.secrets == 3
    again = mint(found(result.data), shared=makers)
    assert (again.data, again.secrets) == (result.data, 0)


def test_what_shall_be_minted_needs_its_columns() -> None:
    with pytest.raises(SitesError) as caught:
        mint(found(b"code\n9F4T-1B62\n"), passwords=True, shared={"secret_key": lambda: "x"})
    assert [problem.message for problem in caught.value.problems] == [
        'there is no column "admin_password" for what shall be minted',
        'there is no column "secret_key" for what shall be minted',
    ]

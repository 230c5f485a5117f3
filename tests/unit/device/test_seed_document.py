"""The seed's text: what people write comes back, and whatever is cut, mistyped or hostile is refused with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seed import code, document
from seed.document import Facility, Seed, SeedError, Wifi

WHOLE = Seed(
    image="kolibri-pc",
    code=f"K7M3-Q2X{code.check_symbol('K7M3Q2X')}",
    hostname="kolibri-k7",
    timezone="Africa/Nairobi",
    facility=Facility(name='École "du Lac" \\ 7', location="Kisumu", preset="formal", language="fr-fr", admin="chef"),
    wifi=Wifi(ssid="École", passphrase="lusab-babad", country="KE"),
    admin_password="lusab-babad-gutih",
    born="eNo=",
    extra={"room": "12"},
)


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(SeedError) as caught:
        document.parse(text if isinstance(text, bytes) else text.encode())
    return [str(problem) for problem in caught.value.problems]


def test_a_seed_comes_back_from_its_file_of_full_size() -> None:
    data = document.render(WHOLE)
    assert len(data) == document.ROOM
    assert document.parse(data) == WHOLE


def test_secrets_never_appear_in_a_representation() -> None:
    assert "lusab" not in repr(WHOLE)
    assert "eNo=" not in repr(WHOLE)


def test_what_stays_on_a_card_has_no_secret_and_says_so() -> None:
    public = document.without_secrets(WHOLE)
    data = document.render(public)
    assert b"lusab" not in data
    assert b"eNo=" not in data
    assert document.parse(data) == public
    assert public.taken
    assert document.has_secrets(WHOLE)
    assert not document.has_secrets(public)


@pytest.mark.parametrize("data", [document.empty(), b"", b"\r\n# a remark\r\n", b"\xef\xbb\xbf# from Windows\n"])
def test_a_place_without_a_seed_is_none(data: bytes) -> None:
    assert document.parse(data) is None


@given(st.integers(min_value=0, max_value=600))
def test_a_seed_that_is_cut_anywhere_is_never_taken(length: int) -> None:
    text = document.render(Seed(facility=Facility(name="A", admin="chef"), admin_password="lusab-babad")).rstrip()
    cut = text[: min(length, len(text) - 1)]
    try:
        assert document.parse(cut) is None
    except SeedError:
        return


def test_editors_of_windows_change_nothing() -> None:
    text = document.render(WHOLE).rstrip() + b"\n"
    assert document.parse(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")) == WHOLE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("version = 1", "version = 2"), "line 3: its version is 2; this device understands 1"),
        (
            ('admin = "chef"', 'admin = "chef de"'),
            "line 16: facility.admin: it must be at most 30 letters of English, ",
        ),
        (('"fr-fr"', '"xx"'), "line 15: facility.language: Kolibri's interface has no such language"),
        (('"fr-fr"', "7"), 'line 15: facility.language: it must be a text between quotes: "..."'),
        (("preset", "presets"), "line 14: facility.presets: there is no such value in a seed"),
        (("[extra]", "[others]"), "line 23: there is no 'others' in a seed"),
        (("complete = true", "complete = false"), "its last lines, [end] and complete = true, are missing"),
        (('ssid = "École"', 'ssid = "' + "é" * 17 + '"'), "line 19: wifi.ssid: it has 34 bytes"),
        (('passphrase = "lusab-babad"', 'passphrase = "1234567"'), "line 20: wifi.passphrase: it must be 8 to 63"),
        (('"lusab-babad-gutih"', '"a\\u0007bcdefgh"'), "line 27: secrets.admin_password: it may only have printable"),
        (('"Kisumu"', '"Kisumu\\nadmin = x"'), "line 13: facility.location: it holds a character that cannot be"),
    ],
)
def test_each_mistake_is_named_with_its_line(change: tuple[str, str], message: str) -> None:
    text = document.render(WHOLE).decode()
    assert change[0] in text
    (found,) = problems(text.replace(*change))
    assert found.startswith(message)


def test_all_mistakes_come_at_once_in_reading_order() -> None:
    text = document.render(WHOLE).decode().replace('"fr-fr"', '"xx"').replace('"formal"', '"strict"')
    assert [line.partition(":")[0] for line in problems(text)] == ["line 14", "line 15"]


def test_other_files_are_refused_in_words() -> None:
    assert problems(b"# \0") == ["line 1: it holds zeros: it was only half written, or the disk is bad"]
    assert "UTF-16" in problems("code".encode("utf-16"))[0]
    assert "UTF-8" in problems("école".encode("latin-1"))[0]
    assert "half written" in problems('version = 1\n[site]\nhostname = "kol')[0]
    assert "quotes" in problems("version = 1\n[site]\nhostname = kol\n[end]\ncomplete = true\n")[0]


def test_a_seed_that_does_not_fit_its_place_is_not_made() -> None:
    with pytest.raises(SeedError, match="there are 65536"):
        document.render(Seed(born="x" * document.ROOM))


def test_single_values_are_changed_and_taken_away_by_their_names() -> None:
    changed = document.with_values(
        WHOLE, {"facility.name": "B", "site.code": "", "extra.room": "", "extra.floor": "2", "wifi.country": ""}
    )
    assert (changed.facility.name, changed.facility.admin, changed.code) == ("B", "chef", None)
    assert (changed.extra, changed.wifi) == ({"floor": "2"}, Wifi(ssid="École", passphrase="lusab-babad"))
    assert document.with_values(Seed(), {}) == Seed()
    assert document.with_values(Seed(), {"wifi.ssid": "a"}).wifi == Wifi(ssid="a")


def test_values_that_cannot_be_used_are_all_named() -> None:
    with pytest.raises(SeedError) as caught:
        document.with_values(Seed(), {"facility.preset": "club", "colour": "red", "wifi.country": "KE", "extra.A": "x"})
    said = str(caught.value)
    for words in ("facility.preset: it is none of", "there is no colour", "wifi.ssid is missing", "as a name"):
        assert words in said


@pytest.mark.parametrize("text", ["a = " + "[" * 50_000, "a = " + "9" * 20_000, "[" * 30_000])
def test_texts_made_to_break_a_reader_are_only_problems(text: str) -> None:
    assert len(problems(text)) == 1


def test_nobody_is_shown_thousands_of_problems() -> None:
    text = "".join(f"k{number} = 1\n" for number in range(5000)) + "[end]\ncomplete = true\n"
    assert len(problems(text)) == document.MOST_PROBLEMS


def test_a_hostile_key_cannot_paint_the_screen() -> None:
    key = "\\u001b[2J" + "x" * 5000
    (found,) = problems(f'version = 1\n[site]\n"{key}" = 1\n[end]\ncomplete = true\n')
    assert found.isprintable()
    assert len(found) < 300

"""Each card gets the next row that is meant for it, and no row is given twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builder.errors import SitesError
from builder.flash.naming import NobodyLeft, meant_for, namer_for
from builder.identity.seed_file import seed_in
from builder.ledger.ledger import Ledger

from .rows import ROOM, namer


def test_rows_are_given_in_their_order_until_nobody_is_left(tmp_path: Path, ledger: Ledger) -> None:
    names = namer(tmp_path, "One,,", "Two,,")
    assert len(names.free(ledger, slot="")) == 2
    for facility in ("One", "Two"):
        given = names.give(ledger, "an attempt", slot="A1", serial="S")
        seed = seed_in(given.seed, source="card")
        assert seed is not None
        assert (seed.code, seed.facility.name, seed.image) == (given.code, facility, "kolibri-pc")
        assert len(given.seed) == ROOM
    assert names.free(ledger, slot="") == frozenset()
    with pytest.raises(NobodyLeft, match="no row is left"):
        names.give(ledger, "another", slot="A1", serial="S")


def test_a_row_for_a_serial_goes_before_one_for_a_slot_before_any(tmp_path: Path) -> None:
    sites = namer(tmp_path, "any,,", "slot,A1,", "other slot,A2,", "serial,,S7", "both,A3,S8").sites

    def order(slot: str, serial: str) -> list[str | None]:
        return [site.facility for site in meant_for(sites, slot=slot, serial=serial)]

    assert order("a1", "s7") == ["serial", "slot", "any"]
    assert order("A2", "") == ["other slot", "any"]
    assert order("A3", "S7") == ["serial", "any"], "the row with both is for another card"
    assert order("", "") == ["any"]


def test_rows_are_free_for_those_who_could_get_them(tmp_path: Path, ledger: Ledger) -> None:
    names = namer(tmp_path, "any,,", "slot,A1,", "other slot,A2,", "serial,,S7")
    any_, slot, _, serial = (site.code for site in names.sites)
    assert names.free(ledger, slot="A1") == {any_, slot, serial}, "any card may come to lie there"


def test_cards_that_come_first_take_rows_from_those_that_could_get_the_same(tmp_path: Path, ledger: Ledger) -> None:
    names = namer(tmp_path, "any,,", "slot,A1,", "serial,,S7")
    assert names.served(ledger, [("A1", ""), ("A2", ""), ("A3", "S7"), ("A4", "")]) == [True, True, True, False]
    assert names.served(ledger, [("A1", ""), ("A1", ""), ("A1", "")]) == [True, True, False]


def test_a_row_that_was_chosen_is_the_only_one_and_given_once(tmp_path: Path, ledger: Ledger) -> None:
    names = namer(tmp_path, "One,", "Two,52:54:00:12:34:56", header="code,facility,mac")
    names = replace(names, chosen=names.sites[1])
    assert names.served(ledger, [("", "")]) == [True]
    assert names.give(ledger, "an attempt", slot="", serial="").code == names.sites[1].code
    assert names.served(ledger, [("", "")]) == [False]
    with pytest.raises(NobodyLeft):
        names.give(ledger, "another", slot="", serial="")


def test_a_seed_that_does_not_fit_takes_no_row(tmp_path: Path, ledger: Ledger) -> None:
    names = namer(tmp_path, "One,,", room=64)
    with pytest.raises(SitesError, match="has room for 64"):
        names.give(ledger, "an attempt", slot="", serial="")
    assert ledger.reserved() == frozenset()


def test_a_list_with_blank_codes_is_refused_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_text("code,facility\n,One\n,Two\n")
    with pytest.raises(SitesError) as caught:
        namer_for(path, image="kolibri-pc", room_bytes=ROOM)
    assert len(caught.value.problems) == 2

"""The page of a batch: what became of each card, and which of them was slow."""

from __future__ import annotations

import re

from builder.ledger.history import attempts_of
from builder.ledger.report import batch_report
from builder.units import MIB

from .entries import Thing, card, entries_of


def page(*things: Thing, head: tuple[int, str] | None = None) -> str:
    return batch_report(attempts_of(entries_of(*things)), head=head)


def flashed(name: str, write: int | None, verify: int | None = None, *, slow: bool = False) -> list[Thing]:
    rates = {key: value and value * MIB for key, value in (("write_rate", write), ("verify_rate", verify))}
    started, ended = card(name, "done", slot=name)
    return [started, (ended[0], name, {**ended[2], **rates, "slow": slow})]


def bars(text: str) -> dict[str, tuple[str, int, int]]:
    """For each card in the picture how its first bar is marked, and how long both bars are."""
    pattern = (
        r'<text x="0"[^>]*>(.*?)</text>\s*<rect class="(\w+)".*?width="(\d+)".*?<rect class="verify".*?width="(\d+)"'
    )
    return {name: (mark, int(write), int(verify)) for name, mark, write, verify in re.findall(pattern, text, re.DOTALL)}


def test_a_card_much_slower_than_the_others_is_marked() -> None:
    slow = flashed("A3", 5, 40, slow=True)
    text = page(*flashed("A1", 20, 40), *flashed("A2", 18, 38), *slow, *flashed("A4", 19, 39))
    marked = bars(text)
    assert {name: mark for name, (mark, _, _) in marked.items()} == {
        **dict.fromkeys(("A1", "A2", "A4"), "write"),
        "A3": "slow",
    }
    assert "5.0 / 40.0 MiB/s" in text
    assert text.count("<td>slow</td>") == 1
    longest = marked["A1"][2]
    assert marked["A1"][1] == round(longest / 2), "all bars have one scale"


def test_a_card_without_a_rate_has_no_bar_and_is_not_called_slow() -> None:
    marked = bars(page(*flashed("A1", 20, 40), *flashed("A2", 20, 40), *flashed("A3", None), *flashed("A4", 20, 40)))
    assert marked["A3"] == ("write", 0, 0)


def test_burnt_codes_are_named_beside_those_that_were_given() -> None:
    text = page(*card("sdb", "done", "AAAA-1111"), *card("sdc", "failed", "CCCC-3333"), *card("sdd", "failed"))
    assert "CCCC-3333 (burnt)" in text
    assert "AAAA-1111 (burnt)" not in text
    assert "1 given, 1 burnt: nobody has them" in text
    assert "2 failed, 1 done" in text
    assert text.count('<tr class="bad">') == 2
    assert "burnt" not in page(*card("sdb", "done", "AAAA-1111"))


def test_what_people_and_cards_call_themselves_is_text_and_never_markup() -> None:
    name = "<script>alert('École')</script> & \"Fils\""
    text = page(("started", "sdb", {"facility": name, "model": name, "slot": name, "image": name, "reason": name}))
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#39;École&#39;)&lt;/script&gt; &amp; &#34;Fils&#34;" in text


def test_the_end_of_the_ledger_stands_on_the_page() -> None:
    digest = "9f86d081" * 8
    assert f"entry 412, {digest}" in page(*card("sdb", "done"), head=(412, digest))
    assert "end of the ledger" not in page(*card("sdb", "done"), head=None)

"""The page: complete, self-contained, escaped, and with the warnings that the facts call for."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from builder.manifest import DiskRecord
from builder.report.facts import ReportFacts, Share, Timing, Usage
from builder.report.page import in_words, render
from builder.units import MIB
from tests.unit.finished_image import LOCK, MANIFEST

EVIL = "<script>alert('1 & 2')</script>"
FACTS = ReportFacts(
    manifest=MANIFEST,
    lock=LOCK,
    timings=(
        Timing(name="base", start_s=0, end_s=0, verdict="reused", reason="reused"),
        Timing(name="apt", start_s=0, end_s=30, verdict="made", reason=f"package {EVIL} added"),
        Timing(name="units", start_s=30, end_s=40, verdict="made", reason="a layer below changed"),
    ),
    shares=(
        Share(layer="apt", kind="deb", name="vim", size_bytes=30 * MIB),
        Share(layer="pip /opt/kolibri", kind="wheel", name="kolibri", size_bytes=20 * MIB),
        Share(layer=f"overlay {EVIL}", kind="overlay", name=EVIL, size_bytes=10 * MIB),
    ),
    usage=(
        Usage(partition="root", used_bytes=92, free_bytes=8),
        Usage(partition="content", used_bytes=99, free_bytes=1),
        Usage(partition="data", used_bytes=99, free_bytes=1),
    ),
)
VOID = {"meta", "input", "wbr"}


class Page(HTMLParser):
    """Elements, and whether each is closed where it must be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_element_is_closed() -> None:
    assert Page(render(FACTS)).open == []


def test_it_needs_nothing_but_itself() -> None:
    page = Page(render(FACTS))
    assert [attributes for _, attributes in page.elements if {"src", "href"} & set(attributes)] == []
    assert {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object", "base", "form"} == set()
    assert re.search(r"url\(|@import|fetch\(|XMLHttp", render(FACTS)) is None


def test_what_others_wrote_is_text() -> None:
    page = Page(render(FACTS))
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert page.text.count(EVIL) >= 4


def test_only_file_systems_that_must_have_room_are_warned_of() -> None:
    assert list(FACTS.warnings()) == ["Partition root is 92% full: little room for updates and logs."]
    assert "Before you copy it" in render(FACTS)
    assert "Before you copy it" not in render(replace(FACTS, usage=()))


def test_an_image_that_claims_nothing_is_warned_of() -> None:
    facts = replace(FACTS, manifest=MANIFEST.model_copy(update={"checks": ()}), usage=())
    assert [warning for warning in facts.warnings() if "claims nothing" in warning]


def test_tables_have_the_figures_of_the_drawings() -> None:
    page = Page(render(FACTS))
    for text in ("30.0 MiB", "20.0 MiB", "50.0 %", "3.0 GiB", "0.19.5", "2:9.1.1230-2", "First lessons", "48"):
        assert text in page.text
    assert f"{LOCK.recipe}.img" in page.text
    assert MANIFEST.digests["kolibri-pc.img"].sha256 in page.text
    assert "21 November 2026, 13:44 UTC" in page.text
    assert len([tag for tag, _ in page.elements if tag == "svg"]) == 4


def test_reused_layers_take_no_time_and_the_longest_is_named() -> None:
    text = re.sub(r"\s+", " ", Page(render(FACTS)).text)
    assert "40 s in all: 2 steps made something, 1 reused what was there. The longest was apt with 30 s." in text
    assert "0.0 s" not in text


def test_an_image_of_which_little_is_known_has_a_page_too() -> None:
    disk = DiskRecord(table="gpt", guid="0", size_bytes=MIB, partitions=())
    bare = MANIFEST.model_copy(
        update={"packages": (), "content": (), "digests": {}, "params": {}, "checks": (), "disk": disk}
    )
    facts = ReportFacts(manifest=bare, lock=LOCK, timings=(), shares=(), usage=())
    assert Page(render(facts)).open == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("root is a compressed btrfs subvolume", "/ is mounted as btrfs with compress=zstd:1, subvol=/@"),
        ("SSH is up", "ssh.service is active"),
        ("SSH listens", "TCP port 22 is open"),
        ("passwords cannot open SSH", "sshd -T exits with 0 and says “passwordauthentication no”"),
        (
            "Kolibri lists a preloaded channel",
            "http://127.0.0.1:8080/api/public/v1/channels/ answers 200",
        ),
    ],
)
def test_claims_are_told_in_words(name: str, words: str) -> None:
    check = next(check for check in MANIFEST.checks if check.name == name)
    assert in_words(check) == words

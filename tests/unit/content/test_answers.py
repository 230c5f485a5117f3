"""What a Kolibri is told, and which part of a file it asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from builder.content.peer.answers import Identity, NotThere, Unsatisfiable, answer, asked_range, available_mask
from builder.content.peer.shelf import Shelf, shelf_of_directory
from builder.kolibri.demo.channel import make_demo_channel

WHO = Identity(instance="0123456789abcdef0123456789abcdef", name="shelf")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    drive = tmp_path_factory.mktemp("drive")
    make_demo_channel(drive / "content", languages=("en", "sw"), lessons=2)
    return shelf_of_directory(drive)


def asked(path: str, shelf: Shelf, **query: str) -> Any:
    return answer(path, query, shelf, WHO)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=10-", (10, 90)),
        ("bytes=90-1000", (90, 10)),
        ("bytes=-10", (90, 10)),
        ("bytes=-1000", (0, 100)),
        ("Bytes = 5-6", (5, 2)),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
    ],
)
def test_ranges(header: str | None, part: tuple[int, int] | None) -> None:
    assert asked_range(header, 100) == part


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=", "bytes=a-b", "bytes=1"])
def test_ranges_that_cannot_be_had(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_range(header, 100)


def test_nothing_is_no_range_of_an_empty_file() -> None:
    with pytest.raises(Unsatisfiable):
        asked_range("bytes=0-", 0)


def test_who_we_are_in_every_version_of_the_question(shelf: Shelf) -> None:
    first, second, third = (asked("/api/public/info/", shelf, v=version) for version in "123")
    assert asked("/api/public/info", shelf) == first
    assert first["application"] == "kolibri"
    assert first["instance_id"] == WHO.instance
    assert set(second) - set(first) == {"subset_of_users_device"}
    assert set(third) - set(second) == {"min_content_schema_version"}
    assert asked("/api/public/info/", shelf, v="99") == third


def test_a_channel_is_listed_with_what_is_really_there(shelf: Shelf) -> None:
    (offer,) = shelf.offers
    (listed,) = asked("/api/public/v1/channels", shelf, channel_versions="true")
    assert listed["id"] == offer.channel.id
    assert listed["total_resource_count"] == offer.resources
    assert listed["published_size"] == offer.size
    assert asked(f"/api/public/v1/channels/lookup/{offer.channel.id}", shelf) == [listed]
    (metadata,) = asked("/api/public/v2/channel/", shelf)
    assert asked(f"/api/public/v2/channel/{offer.channel.id}/", shelf) == metadata
    assert metadata["root"] == offer.channel.root_id


@pytest.mark.parametrize(
    "path",
    [
        *("/api", "/api/public/v1/channels/lookup", f"/api/public/v1/channels/lookup/{'f' * 32}", "/api/auth/session/"),
        *("/api/public/v2/channel/x/", "/api/public/v2/contentnode/", "/api/public/v3/channels", "/api/public/signup/"),
    ],
)
def test_nothing_else_is_answered(shelf: Shelf, path: str) -> None:
    with pytest.raises(NotThere):
        asked(path, shelf)


def test_there_are_no_facilities_here(shelf: Shelf) -> None:
    assert asked("/api/public/v1/facility/", shelf) == []


def bits(mask: int) -> Iterator[bool]:
    """As Kolibri reads it (kolibri/core/content/utils/file_availability.py)."""
    while mask:
        yield bool(mask % 2)
        mask //= 2


def test_the_mask_says_which_files_are_here(shelf: Shelf) -> None:
    here = sorted(shelf.md5s)[:3]
    question = ["f" * 32, here[0], here[1], "0" * 32, here[2], "e" * 32]
    mask = available_mask(json.dumps([*question, "no checksum"]).encode(), shelf)
    assert list(bits(int(mask))) == [False, True, True, False, True]
    assert available_mask(b"[]", shelf) == b"0"


def test_the_mask_of_a_large_channel_is_still_a_number(shelf: Shelf) -> None:
    here = sorted(shelf.md5s)[0]
    mask = available_mask(json.dumps([here] * 20_000).encode(), shelf)
    assert len(mask) > sys.get_int_max_str_digits()
    assert mask[-1] in b"13579"


@pytest.mark.parametrize("question", [b"", b"{}", b"[1]", b"\xff", b"no"])
def test_what_is_no_list_of_checksums_has_no_mask(shelf: Shelf, question: bytes) -> None:
    with pytest.raises(ValueError, match=r"list of checksums|Expecting value|decode"):
        available_mask(question, shelf)

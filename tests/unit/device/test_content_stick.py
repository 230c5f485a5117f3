"""What a stick says of itself, as the builder writes it and the device reads it, and what is thought of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from device import accounts
from stick import applied, manifest, verdict
from stick.applied import Applied
from stick.manifest import Manifest
from stick.outcome import Refused

from builder.content.stick import manifest as writing
from builder.kolibri.channels import Channel

A, B, ROOT = "a" * 32, "b" * 32, "c" * 32
LISTED = writing.render_files([(f"{A}.mp4", writing.Stored.of(b"film")), (f"{B}.zip", writing.Stored.of(b"app"))])


def channel(channel_id: str, version: int = 3) -> Channel:
    return Channel(
        id=channel_id,
        root_id=ROOT,
        name="Sayansi na Teknolojia 🔬",
        version=version,
        languages=("sw",),
        licences=(),
        resources=7,
        files=(),
        database_size=8,
        nodes=("root",),
        unrenderable=False,
        all_thumbnails=False,
    )


def written(*channels: Channel, serial: int = 5, products: tuple[str, ...] = ()) -> bytes:
    offers = [writing.Offer(channel=each, nodes=(ROOT,), database=writing.Stored.of(b"database")) for each in channels]
    return writing.render_manifest(offers, files=LISTED, products=products, serial=serial)


def read(*channels: Channel, **others: Any) -> Manifest:
    return manifest.parse(written(*channels, **others))


def test_the_device_reads_what_the_builder_writes() -> None:
    found = read(channel(A), channel(B, version=0), products=("kolibri-pc",))
    assert (found.serial, found.products) == (5, ("kolibri-pc",))
    assert [(each.id, each.version, each.nodes, each.resources) for each in found.channels] == [
        (A, 3, (ROOT,), 7),
        (B, 0, (ROOT,), 7),
    ]
    assert found.channels[0].database.sha256 == hashlib.sha256(b"database").hexdigest()
    files = manifest.files_in(LISTED, found)
    assert [(file.name, file.size, str(file.path)) for file in files] == [
        (f"{A}.mp4", 4, f"storage/a/a/{A}.mp4"),
        (f"{B}.zip", 3, f"storage/b/b/{B}.zip"),
    ]
    assert (manifest.MANIFEST, manifest.SIGNATURE, manifest.FILES) == (
        writing.MANIFEST,
        writing.SIGNATURE,
        writing.FILES,
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.update(satchel_content_stick=2),
        lambda raw: raw.update(serial="5"),
        lambda raw: raw.update(serial=-1),
        lambda raw: raw.update(serial=True),
        lambda raw: raw.update(channels=[]),
        lambda raw: raw.update(channels=raw["channels"] * 2),
        lambda raw: raw.update(products="kolibri-pc"),
        lambda raw: raw.update(files={"sha256": "0" * 64, "size": 1 << 40}),
        lambda raw: raw["channels"][0].update(id="../../../etc/passwd"),
        lambda raw: raw["channels"][0].update(id=A.upper()),
        lambda raw: raw["channels"][0].update(nodes=[f"{A}'; DROP TABLE x"]),
        lambda raw: raw["channels"][0]["database"].update(size=None),
        lambda raw: raw["channels"][0].pop("name"),
        lambda raw: raw.pop("files"),
    ],
)
def test_a_manifest_with_anything_odd_in_it_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads(written(channel(A)))
    change(raw)
    with pytest.raises(Refused):
        manifest.parse(json.dumps(raw).encode())


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"null", b"{}", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        manifest.parse(data)


@pytest.mark.parametrize(
    "line",
    [
        f"{'0' * 64} 4 ../../{A}.mp4",
        f"{'0' * 64} 4 {A}",
        f"{'0' * 64} 4 {A}.mp4/x",
        f"{'0' * 64} -4 {A}.mp4",
        f"{'0' * 63} 4 {A}.mp4",
        f"{'0' * 64} 4",
        f"{'0' * 64} 4 é.mp4",
    ],
)
def test_a_list_of_files_with_anything_odd_in_it_is_refused(line: str) -> None:
    data = f"{line}\n".encode()
    found = replace(read(channel(A)), files=manifest.Stored(sha256=hashlib.sha256(data).hexdigest(), size=len(data)))
    with pytest.raises(Refused):
        manifest.files_in(data, found)


def test_a_list_of_files_that_was_changed_is_refused() -> None:
    with pytest.raises(Refused, match="damaged"):
        manifest.files_in(LISTED.replace(b" 4 ", b" 5 "), read(channel(A)))


def test_a_stick_for_other_products_is_refused_and_one_for_all_is_not() -> None:
    verdict.require_product(read(channel(A)), "kolibri-pc")
    verdict.require_product(read(channel(A), products=("other", "kolibri-pc")), "kolibri-pc")
    with pytest.raises(Refused, match="this device is kolibri-pc"):
        verdict.require_product(read(channel(A), products=("other",)), "kolibri-pc")


def known(serial: int, version: int = 3) -> Applied:
    (found,) = read(channel(A, version)).channels
    return Applied.of(found, serial)


@pytest.mark.parametrize(
    ("installed", "memory", "new"),
    [
        ({}, {}, 2),
        ({A: 3}, {}, 2),
        ({A: 2}, {A: known(4, version=2)}, 2),
        ({A: 3}, {A: known(5)}, 1),
        ({A: 3}, {A: known(4)}, 1),
        ({A: 3}, {A: replace(known(4), nodes=(B,))}, 2),
        ({A: 3}, {A: replace(known(4), database="0" * 64)}, 2),
        ({}, {A: known(5)}, 2),
    ],
)
def test_only_what_is_not_here_as_the_stick_has_it_is_new(
    installed: dict[str, int], memory: dict[str, Applied], new: int
) -> None:
    assert len(verdict.news(read(channel(A), channel(B)), installed, memory)) == new


@pytest.mark.parametrize(
    ("installed", "memory", "words"),
    [
        ({A: 4}, {}, "has version 3, and version 4 is here already"),
        ({A: 3}, {A: known(6)}, "came from a newer stick"),
        ({}, {A: known(6, version=9)}, "came from a newer stick"),
    ],
)
def test_an_older_stick_is_refused(installed: dict[str, int], memory: dict[str, Applied], words: str) -> None:
    with pytest.raises(Refused, match=words):
        verdict.news(read(channel(A)), installed, memory)


def test_what_does_not_fit_is_refused_with_how_much_is_short() -> None:
    found = read(channel(A))
    files = manifest.files_in(LISTED, found)
    needed = 4 + 3 + 4 * 8 + 2 * 100
    verdict.require_room(files, found.channels, own=100, free=needed + 50, reserve=50)
    with pytest.raises(Refused, match="does not fit") as refusal:
        verdict.require_room(files, found.channels, own=100, free=needed + 49, reserve=50)
    assert "1 MiB more" in refusal.value.advice


def test_what_was_applied_is_remembered_and_damage_counts_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "applied.json"
    assert applied.load(path) == {}
    applied.save(path, {A: known(5)})
    assert applied.load(path) == {A: known(5)}
    for text in ("", "{", "[]", '{"a": {}}', "\0\0\0"):
        path.write_text(text)
        assert applied.load(path) == {}


def test_whoever_is_not_root_acts_as_oneself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(accounts, "ids", lambda _name: (5, 5))
    monkeypatch.setattr(accounts.os, "seteuid", lambda _uid: pytest.fail("nobody else may be become"))
    with accounts.acting_as("kolibri"):
        pass

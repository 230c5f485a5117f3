"""Plain files in the pool, beside channels, as a person deals with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.content.pool.pool import DATE_S, ContentPool
from builder.host.pool import Pool
from builder.kolibri.channels import ContentFile
from builder.lock.text import read_lock
from builder.lock.trees import locked_listing

from .school import School

NAME = "Ψυχή 👩🏽‍🔬\nশিক্ষা.pdf"


@pytest.fixture
def farm(school: School, monkeypatch: pytest.MonkeyPatch) -> School:
    """A recipe with a channel and a tree, locked; the hashes of the tree are kept in the school's cache."""
    monkeypatch.setenv("SATCHEL_CACHE", str(school.cache))
    library = school.directory / "library"
    library.mkdir()
    (library / NAME).write_bytes(b"a book" * 1000)
    (library / "film").write_bytes(b"a film" * 2000)
    files = "  - files: {tree: library, to: /srv/content/library}\n"
    school.recipe("farm", f"  - channels: {{sources: [{{drive: drive}}]}}\n{files}")
    school.lock("farm")
    school.recipe("books", files)
    school.lock("books")
    return school


def pooled(farm: School) -> list[ContentFile]:
    lock = read_lock(farm.directory / "books.lock")
    assert lock is not None
    return sorted(locked_listing(lock.trees[0], Pool(farm.cache / "pool")).pooled.values())


def damage(path: Path) -> None:
    size = path.stat().st_size
    path.chmod(0o644)
    path.write_bytes(b"x" * size)
    path.chmod(0o444)
    os.utime(path, (DATE_S, DATE_S))


def test_a_tree_is_fetched_beside_channels_and_alone(farm: School) -> None:
    alone = farm.satchel("content", "fetch", "books.yml")
    assert alone.status == 0, alone.stderr
    assert alone.stdout == f"library: 2 files, 17.6 KiB\n  2 files, 17.6 KiB from tree {farm.directory}/library\n"
    channel, tree = farm.satchel("content", "fetch", "farm.yml", "--json").json
    assert (channel["id"], channel["missing"]) == (farm.channel.id, 0)
    assert tree == {"id": None, "name": "library", "files": 2, "came": [], "missing": 0}
    assert farm.pooled() == sorted(file.name for file in (*farm.channel.files, *pooled(farm)))


def test_a_tree_that_changed_is_told_with_what_helps(farm: School) -> None:
    (farm.directory / "library" / NAME).write_bytes(b"another")
    told = farm.satchel("content", "fetch", "books.yml")
    assert told.status == 3, told.stderr
    assert "the tree library is another one than the lock names" in told.stderr
    assert r"Ψυχή 👩🏽\u200d🔬\nশিক্ষা.pdf: 7 bytes instead of 6000" in told.stderr
    assert "`satchel lock --upgrade`" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_list_names_trees(farm: School) -> None:
    assert farm.satchel("content", "list", "books.yml").stdout == (
        "library: plain files\n  2 files, 17.6 KiB\n  missing: 2 files, 17.6 KiB\n"
    )
    farm.satchel("content", "fetch", "books.yml")
    assert "library: plain files\n  2 files, 17.6 KiB\n" in farm.satchel("content", "list", "farm.yml").stdout
    assert farm.satchel("content", "list").stdout.count("library: plain files") == 1


def test_gc_keeps_files_of_trees_and_says_when_it_cannot_know(farm: School) -> None:
    farm.satchel("content", "fetch", "farm.yml")
    before = farm.pooled()
    assert farm.satchel("content", "gc").status == 0
    assert farm.pooled() == before
    for name in ("books", "farm"):
        (farm.directory / f"{name}.lock").unlink()
    assert farm.satchel("content", "gc").status == 0
    assert farm.pooled() == sorted(file.name for file in farm.channel.files), "only the channel's lock is left"
    lock = farm.lock("books")
    read = read_lock(lock)
    assert read is not None
    Pool(farm.cache / "pool").path(read.trees[0].sha256).unlink()
    refused = farm.satchel("content", "gc")
    assert refused.status != 0
    assert "library, of books.yml" in refused.stderr


def test_damage_is_found_and_fetched_again(farm: School) -> None:
    farm.satchel("content", "fetch", "books.yml")
    victim = ContentPool(farm.cache / "content").path(pooled(farm)[0])
    whole = victim.read_bytes()
    damage(victim)
    found = farm.satchel("content", "verify", "books.yml")
    assert found.status == 10
    assert f"it came from tree {farm.directory}/library" in found.stdout
    mended = farm.satchel("content", "verify", "books.yml", "--fix")
    assert (mended.status, victim.read_bytes()) == (0, whole)


def test_why_knows_the_tree_of_a_file(farm: School) -> None:
    farm.satchel("content", "fetch", "books.yml")
    (book,) = [file for file in pooled(farm) if file.name.endswith(".pdf")]
    told = farm.satchel("content", "why", book.name)
    assert "library: plain files\n  needed by books.yml\n  Ψυχή" in told.stdout, told.stderr
    assert "needed by farm.yml" in told.stdout
    (tree,) = farm.satchel("content", "why", book.md5, "books.yml", "--json").json["trees"]
    assert tree == {"tree": "library", "recipe": "books", "paths": [NAME]}


def test_only_channels_are_exported(farm: School) -> None:
    farm.satchel("content", "fetch", "farm.yml")
    refused = farm.satchel("content", "export", "books.yml", farm.directory / "usb")
    assert refused.status != 0
    assert "takes no channels" in refused.stderr
    assert farm.satchel("content", "export", "farm.yml", farm.directory / "usb").status == 0


def test_check_counts_trees(farm: School) -> None:
    shown = farm.satchel("check", "farm.yml", "--offline")
    assert "files of library" in shown.stdout, shown.stderr
    sizes = farm.satchel("check", "farm.yml", "--offline", "--json").json["sizes"]
    assert sizes["trees"] == [
        {"entry": 1, "name": "library", "to": "/srv/content/library", "files": 2, "size_bytes": 18000}
    ]
    assert sizes["content"]["files"] == len(farm.channel.files) + 2
    (farm.directory / "farm.lock").unlink()
    assert farm.satchel("check", "farm.yml", "--json").json["sizes"]["trees"] == sizes["trees"]

"""The verbs of the cache, as a person uses them."""

import json
from pathlib import Path

import pytest

from builder.host.holding import release
from builder.host.places import RECIPES
from builder.host.store import Store
from builder.progress import Reporter
from builder.recipe.new import starting_recipe

from .conftest import Satchel

OLD, NEW = "a" * 64, "b" * 64


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two layers of one name, of 64 KiB each."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("SATCHEL_CACHE", str(directory))
    store = Store("layers", user="my-school")
    for key, parts in ((OLD, {"package less": "", "suite": "trixie"}), (NEW, {"package nano": "", "suite": "trixie"})):
        entry = store.obtain(key, name="apt", parts=parts, build=_fill, reporter=Reporter())
        release(entry.path)
    return directory


def _fill(directory: Path) -> None:
    (directory / "file").write_bytes(b"x" * 65536)


def test_list(satchel: Satchel, cache: Path) -> None:
    listed = satchel("cache", "ls")
    assert listed.status == 0
    lines = listed.stdout.splitlines()
    assert lines[0] == "layers"
    assert [line.split()[:4] for line in lines[1:3]] == [["apt", key[:12], "64.0", "KiB"] for key in (OLD, NEW)]
    assert all(line.endswith("my-school") for line in lines[1:3])
    assert lines[3].startswith("128.0 KiB of at most ")
    assert lines[3].endswith(str(cache))


def test_list_for_scripts(satchel: Satchel, cache: Path) -> None:
    facts = json.loads(satchel("cache", "ls", "--json").stdout)
    assert facts["cache"] == str(cache)
    assert facts["size_bytes"] == 131072
    assert [(piece["key"], piece["recipes"], piece["in_use"]) for piece in facts["pieces"]] == [
        (OLD, ["my-school"], False),
        (NEW, ["my-school"], False),
    ]


def test_an_empty_cache(satchel: Satchel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_CACHE", str(tmp_path / "empty"))
    assert satchel("cache", "ls").stdout.startswith("0 B of at most ")
    assert satchel("cache", "gc").stdout == "0 B freed, 0 B kept\n"
    result = satchel("cache", "why", "apt")
    assert (result.status, result.stdout) == (2, "")
    assert "nothing in the cache is called apt" in result.stderr


def test_collection_says_what_it_would_do_and_does_it(satchel: Satchel, cache: Path) -> None:
    would = satchel("cache", "gc", "--to", "64KiB", "--dry-run")
    assert would.stdout.splitlines() == [
        f"layers: apt {NEW[:12]}  64.0 KiB",
        "64.0 KiB would be freed, 64.0 KiB would be kept",
    ]
    assert len(list((cache / "layers").iterdir())) == 2
    done = json.loads(satchel("cache", "gc", "--to", "64KiB", "--json").stdout)
    assert (done["freed_bytes"], done["kept_bytes"], done["removed"][0]["key"]) == (65536, 65536, NEW)
    assert [path.name for path in (cache / "layers").iterdir()] == [OLD]
    satchel("cache", "gc", "--all")
    assert list((cache / "layers").iterdir()) == []


def test_why_compares_with_the_one_before(satchel: Satchel, cache: Path) -> None:
    expected = [
        f"layers: apt {NEW[:12]}, used by my-school",
        f"compared with {OLD[:12]}, the one before:",
        "- package less",
        "+ package nano",
    ]
    assert satchel("cache", "why", "apt").stdout.splitlines() == expected
    assert satchel("cache", "why", "bbbb").stdout.splitlines() == expected
    assert satchel("cache", "why", "aaaa").stdout.splitlines()[1:] == [
        "nothing of that name was made before; its key covers what lies below it and",
        "  package less",
        "  suite: trixie",
    ]


@pytest.mark.usefixtures("cache")
def test_why_of_a_recipe_needs_its_versions(satchel: Satchel, tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(starting_recipe("mine", recipes=str(RECIPES)))
    result = satchel("cache", "why", "apt", "./mine.yml")
    assert (result.status, result.stdout) == (3, "")
    assert "versions for mine were never looked up" in result.stderr
    assert "hint: `satchel lock mine.yml`" in result.stderr


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("gc", "--to", "much"), 64, "'much' is not a size"),
        (("gc", "--to", "1GiB", "--all"), 64, "not allowed with"),
        (("why", "kernel"), 2, "nothing in the cache is called kernel"),
        ((), 64, "required: VERB"),
    ],
)
def test_wrong_words(satchel: Satchel, arguments: tuple[str, ...], status: int, text: str) -> None:
    result = satchel("cache", *arguments)
    assert (result.status, result.stdout) == (status, "")
    assert text in result.stderr


@pytest.mark.usefixtures("cache")
def test_a_wrong_cap(satchel: Satchel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_CACHE_SIZE", "lots")
    result = satchel("cache", "gc")
    assert result.status == 4
    assert "SATCHEL_CACHE_SIZE: 'lots' is not a size" in result.stderr

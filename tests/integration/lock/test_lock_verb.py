"""`satchel lock` as people use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.errors import ArtifactError, PlanError, SatchelError
from builder.options import Parser, Verbs
from builder.recipe.problems import UnknownWord
from builder.verbs import locking

from .conftest import Mirror, Package

pytestmark = pytest.mark.in_namespace


def satchel(*words: object) -> int:
    parser = Parser()
    locking.declare(Verbs(parser))
    arguments = parser.parse_args(["lock", *map(str, words)])
    status: int = arguments.run(arguments)
    return status


def test_write_check_upgrade_and_compare(mirror: Mirror, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    greeter, lonely = Package(name="greeter", depends="hello"), Package(name="lonely")
    mirror.publish(greeter, lonely, Package(name="hello"))
    with pytest.raises(PlanError, match="does not fit the recipe"):
        satchel(recipe, "--check")
    assert satchel(recipe, "--check", "--json") == 3
    capsys.readouterr()

    assert satchel(recipe) == 0
    first = recipe.with_suffix(".lock")
    assert "5 packages, 0 wheels" in capsys.readouterr().out
    assert satchel(recipe, "--check") == 0
    assert capsys.readouterr().out.endswith("fits\n")
    before = first.read_bytes()
    assert satchel(recipe) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert first.read_bytes() == before

    mirror.publish(greeter, Package(name="lonely", version="2"), Package(name="hello", version="2"))
    old = recipe.with_name("old.lock")
    old.write_bytes(before)
    assert satchel(recipe, "--upgrade", "hello", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {"name": "hello", "old": "1", "new": "2"} in told["packages"]
    assert satchel("diff", old, first) == 0
    assert "hello 1 -> 2\n" in capsys.readouterr().out
    with pytest.raises(UnknownWord) as raised:
        satchel(recipe, "--upgrade", "lonly")
    assert raised.value.hint == 'did you mean "lonely"?'


def test_a_broken_lock_is_made_again(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(Package(name="greeter"), Package(name="lonely"))
    path = recipe.with_suffix(".lock")
    path.write_text("<<<<<<< HEAD\n")
    with pytest.raises(ArtifactError, match="an unfinished merge"):
        satchel(recipe, "--check")
    assert satchel(recipe) == 0
    assert satchel(recipe, "--check") == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("diff", "one.lock"), "give two locks to compare"),
        (("diff", "one.lock", "two.lock"), "there is no lock one.lock"),
        (("kolibri-pc", "linux"), "linux is one word too many"),
        (("kolibri-cp",), "there is no recipe kolibri-cp"),
    ],
)
def test_wrong_words_are_explained(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SatchelError, match=message):
        satchel(*words)

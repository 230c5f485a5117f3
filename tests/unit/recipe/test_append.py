"""An entry goes into a recipe's text, and nothing else of it changes."""

import pytest
import yaml

from builder.errors import PlanError
from builder.recipe.append import with_content

ENTRY = "- channels:\n    sources:\n      - drive: usb\n"


def test_a_recipe_without_content_gets_it_at_the_end() -> None:
    assert with_content("name: x", ENTRY, called="x.yml") == (
        "name: x\ncontent:\n  - channels:\n      sources:\n        - drive: usb\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("content:\n  - demo: {lessons: 1}  # first\n", ""),
        ("content:\n  - demo: {lessons: 1}", "\n"),
        ("# ünïcödé 🚌\ncontent:\n- demo:\n    lessons: 1\n", "\n# about users\nusers: []\n"),
        ("content: !replace\n    - demo:\n        lessons: 1\n", "\n\nname: x  # the name\n"),
    ],
)
def test_the_entry_follows_the_last_one_and_the_rest_stays(before: str, after: str) -> None:
    text = with_content(before + after, ENTRY, called="x.yml")
    assert text.startswith(before)
    assert text.endswith(after.lstrip("\n") or "\n")
    found = yaml.safe_load(text.replace("!replace", ""))
    assert found["content"] == [{"demo": {"lessons": 1}}, {"channels": {"sources": [{"drive": "usb"}]}}]
    assert len(text) > len(before + after)


@pytest.mark.parametrize(
    "text", ["content: []\n", "content: [{demo: {lessons: 1}}]\n", "content: 5\n", "- a\n", "a: ]\n"]
)
def test_another_way_to_write_it_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match=r"x\.yml"):
        with_content(text, ENTRY, called="x.yml")

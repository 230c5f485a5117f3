"""The template environment: strict, sandboxed, and JSON for configuration files."""

from __future__ import annotations

import json

import pytest
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from builder.recipe.model import HttpCheck, MountCheck
from builder.templates import environment


def test_unknown_names_are_errors() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ nobody }}").render()


def test_python_is_out_of_reach() -> None:
    with pytest.raises(SecurityError):
        environment().from_string("{{ ''.__class__.__mro__ }}").render()


def test_json_is_plain_and_takes_parts_of_a_recipe() -> None:
    part = MountCheck(path="/", type="ext4")
    text = environment().from_string("{{ part | tojson }}").render(part={"it's": "<é>", "of": part})
    assert "it's" in text
    assert json.loads(text) == {"it's": "<é>", "of": {"path": "/", "type": "ext4", "options": []}}


def test_what_is_not_data_is_refused() -> None:
    with pytest.raises(TypeError):
        environment().from_string("{{ part | tojson }}").render(part=HttpCheck)

"""Each family of verbs declares what the command line says it does."""

import argparse
from importlib import import_module

import pytest

from builder.cli import FAMILIES
from builder.options import Parser, Verbs


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_declares_its_verbs(family: str) -> None:
    parser = Parser(prog="satchel")
    import_module(f"builder.verbs.{family}").declare(Verbs(parser))
    (declared,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    assert tuple(declared.choices) == FAMILIES[family]

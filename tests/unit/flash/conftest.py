"""A real ledger in a file, for whatever writes down what becomes of cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.ledger.ledger import Ledger, Writer, open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(str(tmp_path / "ledger.db"), Writer(station="bench", operator="Ada")) as opened:
        yield opened

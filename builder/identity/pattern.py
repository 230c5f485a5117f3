"""Patterns such as `school-{x_district}-{code}`: values of a row filled into others. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

CODE: Final = "{code}"
SAMPLE_CODE: Final = "1111-1111"
"""Stands for a code that is not minted yet; all codes have its length."""

_NAME: Final = re.compile(r"\{([^{}]*)\}")


def names(pattern: str) -> tuple[str, ...]:
    """The names between braces."""
    return tuple(_NAME.findall(pattern))


def fill(pattern: str, values: Mapping[str, str], form: Callable[[str], str] = str) -> str:
    """The pattern with every value that there is, each brought into a form."""
    return _NAME.sub(lambda match: form(values[match[1]]) if match[1] in values else match[0], pattern)

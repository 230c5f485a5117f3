"""Verbs about content."""

from __future__ import annotations

from builder.options import Verbs
from builder.verbs import serving


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    content = family.add(
        "content",
        serving.serve,
        "bring channels to devices",
        "content serve kolibri-pc",
        "content serve /media/usb",
    )
    serving.declare(Verbs(content))

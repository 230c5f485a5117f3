"""Verbs about content."""

from __future__ import annotations

from builder.options import Verbs
from builder.verbs import serving, sticks


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    content = family.add(
        "content",
        serving.serve,
        "bring channels to devices",
        "content serve kolibri-pc",
        "content serve /media/usb",
        "content stick /media/usb --to stick.img --key stick.pem",
    )
    verbs = Verbs(content)
    serving.declare(verbs)
    sticks.declare(verbs)

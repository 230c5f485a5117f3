"""Verbs about content: what there is, what the pool holds of it, and how it gets out again."""

from __future__ import annotations

from builder.options import Verbs
from builder.verbs import content_export, content_keeping, content_listing, content_why, serving, sticks


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    content = family.add(
        "content",
        content_listing.listing,
        "see which channels there are, bring them here, keep them whole, hand them on",
        "content list",
        "content list /media/usb --nodes",
        "content fetch my-school",
        "content export my-school /media/usb",
        "content serve kolibri-pc",
        "content stick /media/usb --to stick.img --key stick.pem",
    )
    verbs = Verbs(content)
    for module in (content_listing, content_keeping, content_why, content_export, serving, sticks):
        module.declare(verbs)

"""The files that an image keeps on its FAT partition from the beginning, with their full sizes. Pure.

What is written there later goes over what is there: the partition also holds the kernel, and a table of clusters that
nobody changes cannot be lost when the power goes out.
"""

from __future__ import annotations

from seed import document

REPORT_TEXT = "satchel-report.txt"
REPORT_JSON = "satchel-report.json"
REPORT_ROOM = 16 * 1024
"""Bytes for each of them."""

READY = "ready"
"""What the report says of a device whose first boot is done."""

_NOT_YET = "This card has not been started yet. What it has become will stand here."


def reserved() -> dict[str, bytes]:
    """The files and what is in them before the first start, in the order in which they lie: the seed comes first."""
    return {
        document.FILE: document.empty(),
        REPORT_TEXT: filled(f"{_NOT_YET}\r\n", REPORT_ROOM),
        REPORT_JSON: filled('{"state": "not started"}\n', REPORT_ROOM),
    }


def filled(text: str, room: int) -> bytes:
    """A text with empty lines up to its full size, so that nothing of an older one remains.

    Raises:
        ValueError: it is longer.
    """
    data = text.encode()
    if len(data) > room:
        raise ValueError(f"{len(data)} bytes do not fit into {room}")
    return data + b"\n" * (room - len(data))

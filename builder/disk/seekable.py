"""The seek table at the end of a compressed image, so that readers find any part without decompressing the rest. Pure.

Every decompressor skips it, because it is a skippable frame. Source: the specification 0.1.0 in zstd's
contrib/seekable_format.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

_SKIPPABLE_MAGIC: Final = 0x184D2A5E
_SEEKABLE_MAGIC: Final = 0x8F92EAB1
_NO_CHECKSUMS: Final = 0


def seek_table(frames: Sequence[tuple[int, int]]) -> bytes:
    """The skippable frame for frames of these compressed and decompressed sizes, in order."""
    entries = b"".join(struct.pack("<II", compressed, plain) for compressed, plain in frames)
    footer = struct.pack("<IBI", len(frames), _NO_CHECKSUMS, _SEEKABLE_MAGIC)
    return struct.pack("<II", _SKIPPABLE_MAGIC, len(entries) + len(footer)) + entries + footer

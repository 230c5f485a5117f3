"""Whether files of a channel are what they are called."""

from __future__ import annotations

import hashlib
from pathlib import Path

from builder.kolibri.channels import Channel, content_directory


def damaged_files(directory: Path, channel: Channel) -> list[Path]:
    """Files whose bytes do not have the MD5 that they are named by."""
    content = content_directory(directory)
    return [file.path for file in channel.files if md5_of(content / file.path) != file.md5]


def md5_of(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()

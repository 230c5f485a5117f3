"""What changed about systemd's units, seen from the files and links that differ. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from builder.compare.described import Change
from builder.compare.files import FileChange

_FILES: Final = re.compile(
    r"/(?:etc|usr/lib)/systemd/system/([^/]+\.(?:service|socket|timer|path|target|mount|automount|slice))"
)
_LINKS: Final = re.compile(r"/etc/systemd/system/([^/]+)\.(wants|requires)/([^/]+)")
_NEVER: Final = "/dev/null"


def unit_changes(changes: Iterable[tuple[str, FileChange]]) -> Iterator[Change]:
    """Units that were enabled, disabled, masked, added, removed or changed; `changes` come with paths on the device."""
    for path, change in changes:
        if change.only_times:
            continue
        before, after = change.before, change.after
        if link := _LINKS.fullmatch(path):
            state = f"enabled by {link[1]}"
            yield Change(what=f"unit {link[3]}", before=state if before else None, after=state if after else None)
        elif unit := _FILES.fullmatch(path):
            states = [
                None if file is None else "masked" if file.target == _NEVER else "there" for file in (before, after)
            ]
            if states == ["there", "there"]:
                states = ["there", "changed"]
            yield Change(what=f"unit {unit[1]}", before=states[0], after=states[1])

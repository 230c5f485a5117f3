"""What a source that has only some files of a channel can offer of it, as Kolibri's own import decides it.

A resource can be had where all its files are that are not supplementary, which thumbnails and subtitles are
(kolibri/core/content/utils/file_availability.py and importability_annotation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from builder.kolibri.channels import opened


def whole_resources(database: Path, has: Callable[[Sequence[str]], Collection[str]]) -> frozenset[str] | None:
    """The resources that can be had whole; None if all can.

    Args:
        database: The channel's, named after its id.
        has: Of these MD5s, those that the source has files of.

    Raises:
        PlanError: it is no database that Satchel can read.
    """
    rows = opened(database, lambda connection: connection.execute(_ESSENTIAL).fetchall())
    needed: dict[str, set[str]] = {}
    for node, md5 in rows:
        needed.setdefault(node, set()).add(md5)
    asked = sorted({md5 for _, md5 in rows})
    lacking = set(asked) - set(has(asked))
    if not lacking:
        return None
    return frozenset(node for node, files in needed.items() if not files & lacking)


_ESSENTIAL = """SELECT f.contentnode_id, f.local_file_id FROM content_file f
                JOIN content_contentnode n ON n.id = f.contentnode_id
                WHERE n.kind <> 'topic' AND NOT f.supplementary"""

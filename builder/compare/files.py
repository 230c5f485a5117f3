"""Two file systems compared by their files: what was added, removed and changed, and in which way."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from builder.compare.anatomy import Anatomy, File, Window, same_content
from builder.compare.ranges import touched
from builder.disk.extents import Extent
from builder.errors import ArtifactError


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A path that differs. `aspects` says how, in words; without them it is there in one image only."""

    path: str
    before: File | None
    after: File | None
    aspects: tuple[str, ...] = ()
    only_times: bool = False
    """Nothing but times or the inode's number differs."""

    @property
    def change(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"

    def sentence(self, path: str) -> str:
        """What happened, with the path as the reader knows it."""
        if self.aspects:
            return f"{path} differs: {'; '.join(self.aspects)}"
        there = self.after or self.before
        assert there is not None
        where = "the second" if self.before is None else "the first"
        return f"{path} is only in {where} image: {_described(there)}"


def changed_files(before: Anatomy, after: Anatomy, ranges: Sequence[Extent]) -> Iterator[FileChange]:
    """Every path that differs, in order of the paths.

    `ranges` are the bytes of the file systems that differ; files that lie at the same place in both and outside these
    ranges are not read.
    """
    for path in sorted(before.files.keys() | after.files.keys()):
        old, new = before.files.get(path), after.files.get(path)
        if old is None or new is None:
            yield FileChange(path=path, before=old, after=new)
            continue
        lasting = tuple(_aspects(before, old, after, new, ranges))
        passing = tuple(_passing_aspects(old, new))
        if lasting or passing:
            yield FileChange(path=path, before=old, after=new, aspects=(*lasting, *passing), only_times=not lasting)


def _aspects(before: Anatomy, old: File, after: Anatomy, new: File, ranges: Sequence[Extent]) -> Iterator[str]:
    if stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode):
        yield f"was a {old.kind}, is a {new.kind}"
        return
    if stat.S_ISREG(old.mode):
        if old.size != new.size:
            yield f"{old.size:,} bytes -> {new.size:,} bytes"
        elif not _stands_untouched(old, new, ranges):
            yield from _content_aspects((before.window, old), (after.window, new))
    if old.target != new.target:
        yield f"leads to {old.target} -> {new.target}" if stat.S_ISLNK(old.mode) else "other device"
    if stat.S_IMODE(old.mode) != stat.S_IMODE(new.mode):
        yield f"mode {_mode(old)} -> {_mode(new)}"
    if (old.owner, old.group) != (new.owner, new.group):
        yield f"owner {old.owner}:{old.group} -> {new.owner}:{new.group}"
    for name in sorted(old.attributes.keys() | new.attributes.keys()):
        if old.attributes.get(name) != new.attributes.get(name):
            yield f"attribute {name}"


def _content_aspects(old: tuple[Window, File], new: tuple[Window, File]) -> Iterator[str]:
    try:
        if not same_content(old, new):
            yield f"other content ({old[1].size:,} bytes)"
    except ArtifactError as error:
        yield f"content that cannot be read in one of them ({error.message})"


def _passing_aspects(old: File, new: File) -> Iterator[str]:
    if old.modified != new.modified:
        yield f"modified {_moment(old.modified)} -> {_moment(new.modified)}"
    elif old.other_times != new.other_times:
        yield "times of its inode"
    if old.inode != new.inode:
        yield f"inode {old.inode} -> {new.inode}"


def _stands_untouched(old: File, new: File, ranges: Sequence[Extent]) -> bool:
    return old.pieces == new.pieces and not any(
        touched(ranges, piece.stored, piece.stored_length) for piece in old.pieces if piece.inline is None
    )


def _described(file: File) -> str:
    match file.kind:
        case "file":
            return f"a file of {file.size:,} bytes, mode {_mode(file)}, owner {file.owner}:{file.group}"
        case "link":
            return f"a link to {file.target}"
        case kind:
            return f"a {kind}, mode {_mode(file)}, owner {file.owner}:{file.group}"


def _mode(file: File) -> str:
    return f"{stat.S_IMODE(file.mode):04o}"


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        # A damaged inode can hold any number.
        text = f"{seconds} s"
    return f"{text}.{rest:09d}" if rest else text

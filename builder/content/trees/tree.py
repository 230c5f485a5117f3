"""A tree of plain files, in a directory or an archive: looked at, and brought into the pool.

What cannot be the same on every device and for every program is refused with its path: devices and sockets, names that
are not UTF-8, and links that lead out.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from builder.content.pool.hashed import Hashed, hash_blocks
from builder.content.pool.pool import ContentPool, Spoilt
from builder.content.trees.hashes import Hashes
from builder.content.trees.listing import Listing
from builder.errors import PlanError
from builder.kolibri.channels import ContentFile
from builder.members import Damaged, Member, everything

_LONGEST_NAME: Final = 255
"""Bytes of a name in ext4 and btrfs."""


def look_at(place: Path, *, advance: Callable[[int], None] = lambda _size: None) -> Listing:
    """Everything in a directory or an archive; `advance` is told the bytes of each file.

    Raises:
        PlanError: it is not there or cannot be read, holds no file, or something that cannot be taken.
    """
    found = _Found(place=place)
    try:
        if place.is_dir():
            with Hashes() as hashes:
                for path, there, facts in _walk(place):
                    if stat.S_ISREG(facts.st_mode):
                        found.files[found.name(path)] = hashes.of(there, advance=advance)
                    else:
                        _add_other(found, path, there, facts)
        else:
            for member in everything(place):
                _add_member(found, member, advance)
    except Damaged as damaged:
        raise PlanError(f"{place}: {damaged}") from damaged
    except OSError as error:
        raise PlanError(f"{error.filename or place} cannot be read: {error.strerror}") from error
    return found.listing()


def marks_of(place: Path) -> str:
    """What a tree looks like without reading its files: names, sizes and times; empty if it is not there."""
    total = hashlib.sha256()
    try:
        entries = _walk(place) if place.is_dir() else iter([("", place, place.stat())])
        for path, _, facts in entries:
            total.update(repr((path, facts.st_mode, facts.st_size, facts.st_mtime_ns)).encode())
    except OSError:
        return ""
    return total.hexdigest()


def size_of(place: Path) -> int:
    """About how many bytes there are to read, in all files of a directory, or in an archive."""
    try:
        entries = _walk(place) if place.is_dir() else iter([("", place, place.stat())])
        return sum(facts.st_size for _, _, facts in entries if stat.S_ISREG(facts.st_mode))
    except OSError:
        # Whoever reads it is told why that cannot be.
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSource:
    """Where the files of a tree come from."""

    place: Path
    listing: Listing

    @property
    def name(self) -> str:
        """What people call it."""
        return f"tree {self.place}"

    def bring(
        self, files: Sequence[ContentFile], pool: ContentPool, *, advance: Callable[[int], None]
    ) -> Mapping[ContentFile, str]:
        """Bring files into the pool; returns those that did not arrive, with the reason."""
        if self.place.is_dir():
            failed = dict(self._failures(files, pool, advance))
        else:
            failed = self._unpacked(files, pool, advance)
        pool.settle()
        return failed

    def _failures(
        self, files: Sequence[ContentFile], pool: ContentPool, advance: Callable[[int], None]
    ) -> Iterator[tuple[ContentFile, str]]:
        paths = {file: path for path, file in self.listing.pooled.items()}
        for file in files:
            try:
                pool.take(self.place / paths[file], file, origin=self.name, advance=advance)
            except Spoilt as spoilt:
                yield file, f"{shown_path(paths[file])}: {spoilt}"
            except OSError as error:
                yield file, f"{shown_path(paths[file])}: {error.strerror or error}"

    def _unpacked(
        self, files: Sequence[ContentFile], pool: ContentPool, advance: Callable[[int], None]
    ) -> dict[ContentFile, str]:
        failed = dict.fromkeys(files, "it is not in the archive")
        try:
            for member in everything(self.place):
                hashed = self.listing.files.get(_normal(member.name)) if member.kind == "file" else None
                # Names with other endings, and hard links, have no bytes of their own.
                alike = [file for file in failed if hashed is not None and file.md5 == hashed.md5]
                try:
                    for number, file in enumerate(alike):
                        if number:
                            pool.take(pool.path(alike[0]), file, origin=self.name, advance=advance)
                        else:
                            _take_in(member, file, pool, self.name, advance)
                        del failed[file]
                except Spoilt as spoilt:
                    failed[alike[0]] = str(spoilt)
        except (Damaged, OSError) as error:
            return dict.fromkeys(failed, str(error))
        return failed


def _take_in(member: Member, file: ContentFile, pool: ContentPool, origin: str, advance: Callable[[int], None]) -> None:
    with pool.arriving(file, origin=origin) as arrival:
        if arrival is not None:
            arrival.start_over()
            for block in member.blocks():
                arrival.write(block)
                advance(len(block))


@dataclass(slots=True, kw_only=True)
class _Found:
    """What was seen of a tree so far."""

    place: Path
    files: dict[str, Hashed] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)

    def name(self, path: str) -> str:
        """A path that may be taken."""
        parts = path.split("/")
        try:
            longest = max(len(part.encode()) for part in parts)
        except UnicodeEncodeError:
            self.refuse(path, "has a name that is not UTF-8", "rename it; `convmv -f latin1 -t utf8` may help")
        if ".." in parts or path.startswith("/") or "\0" in path:
            self.refuse(path, "leads out of it", "pack it again from inside the directory")
        if longest > _LONGEST_NAME:
            self.refuse(path, f"has a name of more than {_LONGEST_NAME} bytes", "rename it")
        return path

    def link(self, path: str, target: str) -> None:
        """A symbolic link, if it surely stays inside.

        Only a target that goes up at its beginning can be followed on paper: behind the name of another link, `..`
        leads wherever that one does.
        """
        parts = target.split("/")
        ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
        if target.startswith("/") or ".." in parts[ups:] or ups > path.count("/"):
            self.refuse(path, "is a link that leads out of it, or may", "put the file itself there")
        self.links[self.name(path)] = self.name("/".join(parts[ups:]) or ".") and target

    def refuse(self, path: str, what: str, hint: str) -> NoReturn:
        """Say what in the tree cannot be taken.

        Raises:
            PlanError: always.
        """
        raise PlanError(f"{self.place}: {shown_path(path)} {what}", hint=hint)

    def listing(self) -> Listing:
        """All of it, with directories that an archive does not name."""
        paths = (*self.files, *self.links, *self.directories)
        above = {parent for path in paths for parent in _above(path)}
        for path in sorted(above & (self.files.keys() | self.links.keys())):
            self.refuse(path, "is a file, and a directory, too", "pack it again")
        if not self.files:
            raise PlanError(f"{self.place} holds no file")
        return Listing(files=self.files, directories=frozenset(self.directories | above), links=self.links)


def _add_other(found: _Found, path: str, there: Path, facts: os.stat_result) -> None:
    if stat.S_ISDIR(facts.st_mode):
        found.directories.add(found.name(path))
    elif stat.S_ISLNK(facts.st_mode):
        found.link(path, os.fspath(there.readlink()))
    else:
        found.refuse(path, *_OTHER)


def _add_member(found: _Found, member: Member, advance: Callable[[int], None]) -> None:
    name = found.name(_normal(member.name))
    if not name:
        return
    # What comes later in an archive takes the place of what came before.
    found.files.pop(name, None)
    found.links.pop(name, None)
    match member.kind:
        case "directory":
            found.directories.add(name)
        case "file":
            found.files[name] = hash_blocks(member.blocks(), advance=advance)
        case "link":
            found.link(name, member.target)
        case "same" if (other := found.files.get(_normal(member.target))) is not None:
            found.files[name] = other
        case _:
            found.refuse(name, *_OTHER)


_OTHER: Final = ("is neither a file nor a directory", "take it out; a device makes its own")


def _walk(top: Path, below: str = "") -> Iterator[tuple[str, Path, os.stat_result]]:
    """Everything below a directory, by name; links are not followed."""
    with os.scandir(top / below) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        path = f"{below}/{name}" if below else name
        there = top / path
        facts = there.lstat()
        yield path, there, facts
        if stat.S_ISDIR(facts.st_mode):
            yield from _walk(top, path)


def _normal(name: str) -> str:
    """A name in an archive without `./` and doubled slashes; what leads out of it stays so."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ("/" if name.startswith("/") else "") + "/".join(parts)


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def shown_path(path: str) -> str:
    """A path for people, on one line, whatever its name holds."""
    plain = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in plain)

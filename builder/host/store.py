"""Finished pieces kept under the key of everything that went into them, and room for unfinished ones.

A piece is made under a temporary name, written out, sealed and then renamed, so that what stands under a key is whole.
A killed run leaves only an unlocked temporary directory; the next run removes it. A piece that was found is held until
this process ends, so that nobody collects it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.errors import BuildFailed
from builder.host.holding import hold, release, turn
from builder.host.places import cache_directory
from builder.host.record import Record, is_whole, mark_used, read_record, users_of, write_record
from builder.host.room import full_disk_explained
from builder.host.scratch import remove_unused, scratch, set_aside, sweep
from builder.host.survey import UNFINISHED
from builder.host.whole import write_out
from builder.plan.keys import difference
from builder.progress import Reporter

_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# Made by Satchel; everything here can be made again. See https://bford.info/cachedir/\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A finished piece: its key, the parts that the key was made of, and the directory that holds it."""

    key: str
    name: str
    parts: Mapping[str, str]
    path: Path


class Store:
    """One directory of finished pieces, such as the layers or the tools trees.

    Args:
        kind: What they are; the name of the directory.
        root: Where it lies; the cache directory if left out.
        user: The recipe that uses them in this run, to be shown to people.
    """

    def __init__(self, kind: str, *, root: Path | None = None, user: str = "") -> None:
        self._kind = kind
        self._root = cache_directory() if root is None else root
        self._user = user
        self._entries = self._root / kind
        self._unfinished = self._root / UNFINISHED

    def find(self, key: str) -> Entry | None:
        """The piece under `key`, if it was ever finished; it is held from now on, and this counts as a use."""
        path = self._entries / key
        if not hold(path):
            return None
        record = read_record(path)
        if record is None:
            release(path)
            return None
        mark_used(path, user=self._user)
        return _entry(path, record)

    def find_whole(self, key: str, *, reporter: Reporter) -> Entry | None:
        """The piece under `key` if it is as it was when it was finished; a damaged one is thrown away with a note.

        Looks at every path of the piece, about 0.1 s for 10,000. Must run inside the namespace.
        """
        path = self._entries / key
        entry = self.find(key)
        record = read_record(path)
        if entry is not None and record is not None and is_whole(path, record):
            return entry
        if path.exists():
            name = record.name if record else key[:12]
            reporter.note(f"{self._kind}: {name} was damaged in the cache and is thrown away")
            self._discard(path)
        return None

    def obtain(
        self,
        key: str,
        *,
        name: str,
        parts: Mapping[str, str],
        build: Callable[[Path], None],
        reporter: Reporter,
        title: str = "",
        detail: str = "",
        linked: bool = False,
    ) -> Entry:
        """The piece under `key`, checked; made now if it is not there. Must run inside the namespace.

        Only one process makes a piece; another that wants the same one waits and then uses it.

        Args:
            key: The name of everything that decides what is in the piece.
            name: What it is called in the store.
            parts: What the key was made from.
            build: Makes it in an empty directory.
            reporter: Told about the step, about waiting and about damage.
            title: What the step is called; `name` if left out.
            detail: Why it has to be made; if left out, what changed since the newest piece of that name.
            linked: Whether its files have or may get further names elsewhere (hard links).

        Raises:
            HostError: the disk became full.
            SatchelError: as `build` says.
        """
        found = self.find_whole(key, reporter=reporter)
        if found is not None:
            return found
        waiting = f"waiting for {title or name}, which is being made already"
        with turn(self._unfinished / f"{self._kind}-{key}.turn", on_wait=lambda: reporter.note(waiting)):
            found = self.find_whole(key, reporter=reporter)
            if found is None:
                with (
                    reporter.step(title or name, detail=detail or self.why(name, parts)),
                    self.make(key, name=name, parts=parts, linked=linked) as directory,
                ):
                    build(directory)
                found = self.find(key)
        if found is None:
            raise BuildFailed(f"{title or name} vanished while it was used", hint="build again")
        return found

    def entries(self) -> tuple[Entry, ...]:
        """Every finished piece, first those that this recipe used, each time the newest first; none of them is held."""
        if not self._entries.is_dir():
            return ()
        found = ((path, read_record(path)) for path in self._entries.iterdir())
        readable = [(path, record) for path, record in found if record is not None]

        def nearest(pair: tuple[Path, Record]) -> tuple[bool, int]:
            return self._user in users_of(pair[0]), pair[1].made_ns

        return tuple(_entry(path, record) for path, record in sorted(readable, key=nearest, reverse=True))

    def why(self, name: str, parts: Mapping[str, str]) -> str:
        """What changed since the newest piece of that name, of this recipe if it has one, in words."""
        earlier = next((entry for entry in self.entries() if entry.name == name), None)
        if earlier is None:
            return "never made"
        return difference(earlier.parts, parts) or "something below changed"

    @contextmanager
    def make(self, key: str, *, name: str, parts: Mapping[str, str], linked: bool = False) -> Iterator[Path]:
        """A directory to make a piece in; it becomes the piece when the block ends without an error.

        Raises:
            HostError: the disk became full.
        """
        with self.scratch(name) as directory:
            self._entries.mkdir(parents=True, exist_ok=True)
            yield directory
            write_out(directory)
            write_record(directory, name=name, parts=parts, linked=linked)
            self._place(directory, self._entries / key)

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A directory for unfinished work on the file system of the store; removed unless it was renamed."""
        with full_disk_explained(self._root):
            self._tag()
        with scratch(self._unfinished, f"{name.replace('/', '_')}-") as path:
            yield path

    def sweep(self) -> None:
        """Remove what killed runs left unfinished."""
        sweep(self._unfinished)

    def _place(self, directory: Path, final: Path) -> None:
        try:
            directory.rename(final)
        except OSError:
            if read_record(final) is not None:
                # Somebody else finished the same piece meanwhile; theirs is as good as ours.
                return
            if final.exists():
                self._discard(final)
            directory.rename(final)

    def _discard(self, path: Path) -> None:
        """Take a damaged piece away. Whoever uses it keeps it until his end; a later sweep removes it then."""
        release(path)
        try:
            aside = set_aside(path, self._unfinished)
        except FileNotFoundError:
            # Another process saw the same damage.
            return
        remove_unused(aside)

    def _tag(self) -> None:
        """Tell programs that make backups that they may leave this directory out."""
        tag = self._root / "CACHEDIR.TAG"
        if not tag.exists():
            self._root.mkdir(parents=True, exist_ok=True)
            tag.write_text(_TAG)


def _entry(path: Path, record: Record) -> Entry:
    return Entry(key=path.name, name=record.name, parts=record.parts, path=path)

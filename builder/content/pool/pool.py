"""The pool of content: every file once, under the MD5 that names it, shared by all channels and recipes.

MD5 tells accidents apart and no longer malice; so the SHA-256 of whatever first arrived under a name is kept, and
nothing else is taken under that name. A file is known to be good as long as nobody touched it since it was read:
looking at 20,000 files is a `stat` for each. Nothing here is ever copied again: images read it by further names.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from builder.content.pool.hashed import Hashed, Hashing, blocks_of, hash_blocks
from builder.content.pool.index import Index, Kept
from builder.content.pool.room import explained
from builder.errors import ArtifactError
from builder.host.holding import alone, hold, release
from builder.host.places import cache_directory
from builder.host.whole import write_out
from builder.kolibri.channels import ContentFile

DATE_S: Final = 946_684_800
"""What every file of content bears as its time, 1 January 2000: where it came from decides its bytes, not its date."""

_BLOCK: Final = 1 << 20
_BATCH: Final = 4096
"""Arrivals that are written down at once, after one wait for the disk. What a power cut takes of them is read again."""

_ASKED: Final = 500
"""Names in one question to the index."""


class Spoilt(Exception):
    """What arrived is not what its name says. What there is of a file that is too short stays for the next try."""


class Arrival:
    """A file on its way into the pool."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._descriptor = descriptor
        self._path = path
        self._total = Hashing()
        with path.open("rb") as left:
            for block in blocks_of(left):
                self._total.take(block)

    @property
    def offset(self) -> int:
        """Bytes that are here already, some perhaps from an earlier try; the source goes on behind them."""
        return self._total.size

    def write(self, block: bytes) -> None:
        """The next bytes.

        Raises:
            HostError: the disk is full.
        """
        with explained(self._path.parent):
            view = memoryview(block)
            while view:
                written = os.pwrite(self._descriptor, view, self.offset)
                self._total.take(view[:written])
                view = view[written:]

    def start_over(self) -> None:
        """Forget what is here: the source cannot go on in the middle."""
        os.ftruncate(self._descriptor, 0)
        self._total = Hashing()

    @property
    def hashed(self) -> Hashed:
        """Everything so far."""
        return self._total.hashed


class ContentPool:
    """A directory laid out as Kolibri lays content out, with an index of what is known of each file."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_directory() / "content"
        self._guard = Lock()
        self._waiting: list[Kept] = []
        self._index = Index(self.root / "index.sqlite3")

    @property
    def free_bytes(self) -> int:
        """What the pool's file system says that it has room for."""
        with explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            return shutil.disk_usage(self.root).free

    def path(self, file: ContentFile) -> Path:
        """Where it is, or would be."""
        return self.root / file.path

    def missing(self, files: Iterable[ContentFile]) -> tuple[ContentFile, ...]:
        """Those that are not here whole. Only files that somebody touched since they arrived are read again.

        Those that are here stay here until this process ends (see `collecting`).
        """
        hold(self.root)
        self.settle()
        wanted = list({file.name: file for file in files}.values())
        storage = f"{self.root}/storage"
        absent: list[ContentFile] = []
        for start in range(0, len(wanted), _ASKED):
            some = wanted[start : start + _ASKED]
            known = self._index.marks([file.name for file in some])
            for file in some:
                name = file.name
                try:
                    # Not Path.stat(): building twenty thousand paths takes longer than looking.
                    facts = os.stat(f"{storage}/{name[0]}/{name[1]}/{name}")  # noqa: PTH116
                except FileNotFoundError:
                    absent.append(file)
                    continue
                untouched = known.get(name) == (facts.st_size, facts.st_ino, facts.st_mtime_ns)
                if not (untouched and facts.st_size == file.size) and not self._adopted(file):
                    absent.append(file)
        self.settle()
        return tuple(absent)

    @contextmanager
    def arriving(self, file: ContentFile, *, origin: str) -> Iterator[Arrival | None]:
        """Take in a file; whatever an earlier try left of it is there already. None if somebody else just brought it.

        What arrived when the block ends by an exception is kept for the next try.

        Raises:
            Spoilt: what arrived is not the file of that name.
            HostError: the disk is full.
        """
        partial = self.root / "arriving" / file.name
        descriptor = self._locked(partial, self.path(file))
        if descriptor is None:
            yield None
            return
        try:
            arrival = Arrival(partial, descriptor)
            if arrival.offset > file.size:
                arrival.start_over()
            yield arrival
            found = arrival.hashed
            if found.size != file.size or found.md5 != file.md5:
                # A short file can be gone on with; one that is wrong cannot.
                if found.size >= file.size:
                    partial.unlink()
                short = f"{found.size} bytes instead of {file.size}"
                raise Spoilt(short if found.size != file.size else f"MD5 {found.md5}")
            if (refusal := self._another(file, found.sha256)) is not None:
                partial.unlink()
                raise Spoilt(refusal)
            self._place(partial, file, found.sha256, origin)
        finally:
            os.close(descriptor)

    def take(self, source: Path, file: ContentFile, *, origin: str, advance: Callable[[int], None]) -> None:
        """Take in a copy of a local file; the source is only read.

        Raises:
            Spoilt: it is not the file of that name.
            OSError: it cannot be read.
            HostError: the disk is full.
        """
        for again in (True, False):
            resumed = False
            try:
                with source.open("rb") as stream, self.arriving(file, origin=origin) as arrival:
                    if arrival is None:
                        return
                    resumed = arrival.offset > 0
                    stream.seek(arrival.offset)
                    advance(arrival.offset)
                    while arrival.offset <= file.size and (block := stream.read(_BLOCK)):
                        arrival.write(block)
                        advance(len(block))
                return
            except Spoilt:
                # It may be the beginning that is wrong, which another source left.
                if not (again and resumed):
                    raise

    def link(self, file: ContentFile, target: Path) -> None:
        """Give a file a further name; `target` must lie on the pool's file system, and nobody may write to it."""
        try:
            os.link(self.path(file), target)
        except FileNotFoundError as error:
            raise ArtifactError(
                f"{file.name} is not in the pool of content", hint="build again with network"
            ) from error
        except OSError:
            # A file system has a limit for names of one file; a directory of another machine may know no links.
            shutil.copyfile(self.path(file), target)
            target.chmod(0o444)
            os.utime(target, (DATE_S, DATE_S))

    @contextmanager
    def collecting(self) -> Iterator[bool]:
        """Whether no other process uses the pool, and none begins to before the block ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        release(self.root)
        with alone(self.root) as free:
            yield free

    def stored(self) -> Iterator[ContentFile]:
        """Every file that lies where it belongs, as long as it is there, by name."""
        for path in sorted((self.root / "storage").glob("?/?/*")):
            file = ContentFile(name=path.name, size=path.stat().st_size if path.is_file() else -1)
            if file.size >= 0 and file.is_named_well and self.path(file) == path:
                yield file

    def unfinished(self) -> Iterator[Path]:
        """Every file that has arrived in part."""
        return (path for path in sorted((self.root / "arriving").glob("*")) if path.is_file())

    def known(self) -> dict[str, Kept]:
        """Everything that was written down, by name."""
        return self._index.all()

    def damage(self, file: ContentFile, kept: Kept | None) -> str | None:
        """What is wrong with a file that is here, after reading all of it; None if nothing is."""
        found = _hashed(self.path(file))
        if found.size != file.size:
            return f"{found.size} bytes instead of {file.size}"
        if found.md5 != file.md5:
            return f"MD5 {found.md5}"
        if kept is not None and kept.sha256 != found.sha256:
            return f"SHA-256 {found.sha256}, which is not the one that arrived"
        return None

    def discard(self, names: Sequence[str]) -> int:
        """Throw files away; what images and caches have of them stays theirs. Returns the bytes."""
        freed = 0
        for name in names:
            path = self.path(ContentFile(name=name, size=0))
            try:
                freed += path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                pass
        self._index.forget(names)
        self.settle()
        return freed

    def settle(self) -> None:
        """Write down what arrived, once it is surely on the disk, and let go of the index.

        Raises:
            HostError: the disk is full, or broken.
        """
        with self._guard:
            waiting, self._waiting = self._waiting, []
        try:
            if waiting:
                with explained(self.root):
                    write_out(self.root)
                self._index.add(waiting)
        finally:
            self._index.close()

    def _locked(self, partial: Path, final: Path) -> int | None:
        """A descriptor of the unfinished file that nobody else holds; None if another has finished it meanwhile."""
        with explained(partial.parent):
            partial.parent.mkdir(parents=True, exist_ok=True)
            hold(self.root)
            while True:
                descriptor = os.open(partial, os.O_RDWR | os.O_CREAT, 0o644)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # Whoever held it may have finished it, or thrown it away.
                if partial.exists() and os.path.samestat(os.fstat(descriptor), partial.stat()):
                    return descriptor
                os.close(descriptor)
                if final.exists():
                    return None

    def _adopted(self, file: ContentFile) -> bool:
        """Whether a file that nobody wrote down, or that was touched, is good; one that is not is thrown away."""
        path, kept = self.path(file), self._index.some((file.name,)).get(file.name)
        found = _hashed(path)
        if found.md5 != file.md5 or (kept is not None and kept.sha256 != found.sha256):
            path.unlink()
            return False
        if found.size != file.size:
            # It is what its name says; whoever asks for another size is wrong.
            return False
        self._mark(path)
        self._note(file, found.sha256, kept.origin if kept else "found in the pool")
        return True

    def _another(self, file: ContentFile, sha256: str) -> str | None:
        """Why these bytes cannot be the file, although their MD5 is right."""
        kept = self._index.some((file.name,)).get(file.name)
        if kept is None or kept.sha256 == sha256:
            return None
        return f"SHA-256 {sha256}, but under this name {kept.sha256} came from {kept.origin}"

    def _place(self, partial: Path, file: ContentFile, sha256: str, origin: str) -> None:
        with explained(self.root):
            self._mark(partial)
            target = self.path(file)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.rename(target)
        self._note(file, sha256, origin)

    def _note(self, file: ContentFile, sha256: str, origin: str) -> None:
        size, inode, mtime_ns = _marks(self.path(file).stat())
        kept = Kept(file.name, sha256, size, inode, mtime_ns, origin, int(time.time()))
        with self._guard:
            self._waiting.append(kept)
            full = len(self._waiting) >= _BATCH
        if full:
            self.settle()

    @staticmethod
    def _mark(path: Path) -> None:
        path.chmod(0o444)
        os.utime(path, (DATE_S, DATE_S))


def _marks(facts: os.stat_result) -> tuple[int, int, int]:
    return facts.st_size, facts.st_ino, facts.st_mtime_ns


def _hashed(path: Path) -> Hashed:
    with path.open("rb") as file:
        return hash_blocks(blocks_of(file))

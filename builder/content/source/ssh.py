"""Channels in the home of a Kolibri on another machine, through the user's own `ssh`; it may run meanwhile.

Nothing is written there, and nothing has to be installed: every machine that a Kolibri runs on has `sh`, `tar`, `cat`,
`head` and `ls`. Files come as one archive, named on standard input, and each is hashed as it arrives.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote

from builder.content.pool.pool import Arrival, ContentPool, Spoilt
from builder.content.source.far_database import NAMES, Holdings, look_at
from builder.content.source.home import chosen_content
from builder.content.source.source import Listed
from builder.errors import CommandFailed, HostError, PlanError
from builder.host.namespace import as_oneself
from builder.host.piped import Piped, piped
from builder.kolibri.channels import ContentFile
from builder.kolibri.traces import JOURNAL_HEADER, copied_at_one_moment

_ADDRESS: Final = re.compile(
    r"ssh://(?P<who>(?:[^-@:/\s][^@:/\s]*@)?)(?P<host>\[[0-9A-Fa-f:.%]+\]|[^-@:/\s][^@:/\s]*)(?::(?P<port>\d{1,5}))?(?P<path>/.+)"
)
_OPTIONS: Final = (
    *("-o", "BatchMode=yes"),
    *("-o", "ConnectTimeout=20"),
    *("-o", "ServerAliveInterval=15"),
    *("-o", "ServerAliveCountMax=4"),
)
"""Nobody is there to type a password, and a line that is dead must be noticed."""

_COMMAND: Final = "SATCHEL_SSH"
"""The variable for another command than `ssh`, such as `ssh -F deploy.config`."""

_BLOCK: Final = 1 << 20
_LOST: Final = 255
"""What ssh itself ends with when it has no connection."""
_NO_HOME: Final = 44
_TAR_COMPLAINS: Final = (0, 1, 2)
"""A file that changed or is not there; what did arrive is judged by its hash."""


class SshSource:
    """A KOLIBRI_HOME on another machine."""

    def __init__(self, address: str, *, host: Sequence[str], home: str) -> None:
        self._address, self._host, self._home = address, tuple(host), _word(home)

    @property
    def name(self) -> str:
        """See `Source`."""
        return self._address

    def channels(self) -> tuple[Listed, ...]:
        """See `Source`."""
        there = self._said(f"ls -1 {self._content}/databases", why="list channels").split()
        return tuple(each for each in self._holdings.listed if f"{each.id}.sqlite3" in there)

    def identify(self, asked: str) -> str | None:
        """See `Source`; tokens are known to servers only."""
        return asked if asked in {each.id for each in self.channels()} else None

    def database(self, channel: str, target: Path) -> frozenset[str] | None:
        """See `Source`."""
        command = f"cat {self._content}/databases/{shlex.quote(channel)}.sqlite3"
        try:
            with self._running(command, why="fetch a database") as far, target.open("wb") as file:
                shutil.copyfileobj(far.output, file, _BLOCK)
        except CommandFailed as error:
            raise PlanError(f"{self.name} does not hold channel {channel}", details=error.tail) from error
        return self._holdings.nodes.get(channel, frozenset())

    def bring(
        self, files: Sequence[ContentFile], pool: ContentPool, *, advance: Callable[[int], None]
    ) -> Mapping[ContentFile, str]:
        """See `Source`."""
        left = {file.path.as_posix(): file for file in files}
        failed: dict[ContentFile, str] = {}
        names = tuple(f"{path}\n".encode() for path in left)
        command = f"cd {self._content} && exec tar -c -f - -T -"
        tail, reason = "", "it is not there"
        try:
            with piped(
                self._argv(command), why="fetch content", stdin=names, env=_agent(), accept=_TAR_COMPLAINS
            ) as far:
                try:
                    for path, wrong in self._arriving(far, left, pool, advance):
                        if wrong:
                            failed[left[path]] = wrong
                        del left[path]
                except tarfile.TarError:
                    # It broke off; how the program ends says why.
                    reason = "the connection was lost"
            tail = far.tail
        except CommandFailed as error:
            lost = "the connection was lost" if error.status == _LOST else "it failed"
            reason = f"{lost}: {_last(error.tail)}"
        finally:
            pool.settle()
        return failed | {file: _told(path, tail) or reason for path, file in left.items()}

    def _arriving(
        self, far: Piped, wanted: Mapping[str, ContentFile], pool: ContentPool, advance: Callable[[int], None]
    ) -> Iterator[tuple[str, str]]:
        """Each file that arrived whole, with what is wrong with it, if anything."""
        with tarfile.open(fileobj=far.output, mode="r|") as archive:
            for member in archive:
                file = wanted.get(member.name)
                stream = archive.extractfile(member) if file and member.isreg() else None
                if file is None or stream is None:
                    continue
                try:
                    with pool.arriving(file, origin=self.name) as arrival:
                        if arrival:
                            _copy(stream, arrival, advance)
                    yield member.name, ""
                except Spoilt as spoilt:
                    yield member.name, str(spoilt)

    @cached_property
    def _content(self) -> str:
        """The word for the directory of content, for a shell there."""
        command = f"cd {self._home} && test -f {NAMES[0]} || exit {_NO_HOME}; cat options.ini 2>/dev/null || true"
        try:
            options = self._said(command, why="look for a Kolibri home")
        except CommandFailed as error:
            if error.status != _NO_HOME:
                raise HostError(f"{self.name} does not answer as it should", details=error.tail) from error
            raise PlanError(
                f"{self.name} is not the home of a Kolibri: it has no {NAMES[0]}",
                hint="give KOLIBRI_HOME, which often is ~/.kolibri: ssh://HOST/~/.kolibri",
            ) from error
        chosen = chosen_content(options, f"options.ini of {self.name}")
        if "$" in chosen:
            raise PlanError(f"options.ini of {self.name} has a variable in CONTENT_DIR: {chosen}")
        if not chosen:
            return f"{self._home}/content"
        return _word(chosen) if chosen.startswith(("/", "~")) else f"{self._home}/{shlex.quote(chosen)}"

    @cached_property
    def _holdings(self) -> Holdings:
        return look_at(self._copy_database, self.name)

    def _copy_database(self, directory: Path) -> None:
        """Copy the home's database with its journal, as it was at one moment."""
        database, journal = NAMES
        both = f"cd {self._home} && exec tar -c -f - {database} $(test -f {journal} && echo {journal})"

        def copy() -> None:
            with self._running(both, why="look which resources are there", accept=_TAR_COMPLAINS) as far:
                _unpack(far, directory)

        if not copied_at_one_moment(copy, header=self._header, journal=directory / journal):
            message = f"the Kolibri of {self.name} writes too much to be looked at"
            raise HostError(message, hint="try again when it is idle")

    def _header(self) -> bytes:
        command = f"cd {self._home} && head -c {JOURNAL_HEADER} {NAMES[1]} 2>/dev/null || true"
        with self._running(command, why="look at the journal") as far:
            return far.output.read()

    def _said(self, command: str, *, why: str) -> str:
        with self._running(command, why=why) as far:
            return far.output.read().decode("utf-8", "replace")

    @contextmanager
    def _running(self, command: str, *, why: str, accept: Sequence[int] = (0,)) -> Iterator[Piped]:
        try:
            with piped(self._argv(command), why=why, env=_agent(), accept=accept) as far:
                yield far
        except tarfile.TarError as error:
            raise HostError(f"{self.name} was lost half way", hint="run it again when the line is better") from error
        except CommandFailed as error:
            if error.status != _LOST:
                raise
            raise HostError(
                f"{self.name} cannot be reached",
                details=error.tail,
                hint=f"`ssh {shlex.join(self._host)} true` has to work without asking anything",
            ) from error

    def _argv(self, command: str) -> tuple[str, ...]:
        program = shlex.split(os.environ.get(_COMMAND, "")) or ["ssh"]
        # Whatever shell the user has there.
        return as_oneself((*program, *_OPTIONS, *self._host, f"exec sh -c {shlex.quote(command)}"))


def open_far_home(address: str) -> SshSource:
    """The source for `ssh://[USER@]HOST[:PORT]/DIRECTORY`; `/~/` is the user's own directory there.

    Raises:
        PlanError: it is no such address.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise PlanError(
            f"{address} is no address of a Kolibri home",
            hint="write ssh://USER@HOST/home/USER/.kolibri, or ssh://HOST/~/.kolibri",
        )
    port = ("-p", match["port"]) if match["port"] else ()
    return SshSource(address, host=(*port, f"{match['who']}{match['host'].strip('[]')}"), home=unquote(match["path"]))


def _word(path: str) -> str:
    """A path there as a shell's word."""
    own = re.match(r"/?~(?:/|$)", path)
    if own is None:
        return shlex.quote(path)
    rest = path[own.end() :]
    return f'"$HOME"/{shlex.quote(rest)}' if rest else '"$HOME"'


def _agent() -> dict[str, str]:
    """Where the user's keys are, which no other program needs to know."""
    return {name: os.environ[name] for name in ("SSH_AUTH_SOCK",) if name in os.environ}


def _copy(stream: IO[bytes], arrival: Arrival, advance: Callable[[int], None]) -> None:
    # An archive has no middle to go on from.
    arrival.start_over()
    while block := stream.read(_BLOCK):
        arrival.write(block)
        advance(len(block))


def _unpack(far: Piped, directory: Path) -> None:
    with tarfile.open(fileobj=far.output, mode="r|") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name in NAMES and member.isreg() else None
            if stream:
                with (directory / member.name).open("wb") as file:
                    shutil.copyfileobj(stream, file, _BLOCK)


def _told(path: str, tail: str) -> str:
    """What tar says about a file."""
    told = [line.partition(path)[2].lstrip(": ") for line in tail.splitlines() if path in line]
    return told[-1] if told else ""


def _last(tail: str) -> str:
    return tail.splitlines()[-1] if tail else "it says nothing"

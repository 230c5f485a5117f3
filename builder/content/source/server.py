"""Channels of a server: Studio, or any Kolibri by its address, which may have only a part of a channel.

Only addresses below /api/public and /content are asked, which Kolibri keeps stable (kolibri/core/public/api_urls.py).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from builder.content.pool.pool import ContentPool
from builder.content.pool.room import explained
from builder.content.source.crew import Crew
from builder.content.source.source import Listed
from builder.errors import HostError, PlanError
from builder.kolibri.channels import ContentFile
from builder.kolibri.offer import whole_resources
from builder.web import Answer, Lost, Patience, Web

CONNECTIONS: Final = 8
"""At once. A far server is quicker with each (400 small files at 100 ms: 29 s with two, 15 with four, 7.5 with eight, 4
with sixteen); one on the same machine is not, and the more there are, the more time goes into taking turns."""

_API: Final = "/api/public/v1"
_ID: Final = re.compile(r"[0-9a-f]{32}")
_MOST: Final = 1 << 28
"""Bytes of a list of channels. Studio's has a few million."""

_ASKED: Final = 4000
"""Files in one question. The answer is one number with a bit for each, and Python refuses to print those that have more
than 4,300 digits, so that a Kolibri that is asked for more than 14,000 fails."""

_NO_SUCH_QUESTION: Final = (403, 404, 405, 410, 501)
"""How servers answer who do not tell which files they have, as Studio, which has all of them."""

_Read = TypeVar("_Read")


class ServerSource:
    """A Kolibri, or Studio, by its address."""

    def __init__(self, address: str, *, connections: int = CONNECTIONS, patience: Patience | None = None) -> None:
        self._address = address.rstrip("/")
        self._connections = connections
        self._patience = patience or Patience()

    @property
    def name(self) -> str:
        """See `Source`."""
        return self._address

    def channels(self) -> tuple[Listed, ...]:
        """See `Source`."""
        found = self._asked(f"{_API}/channels/", self._listed)
        if found is None:
            raise self._stranger("it has no list of channels")
        return tuple(sorted(found))

    def identify(self, asked: str) -> str | None:
        """See `Source`. A token, and an id, may be written with hyphens or without."""
        key = asked.strip().lower().replace("-", "")
        application = self._asked("/api/public/info/", self._application)
        if application is None:
            raise self._stranger("it does not introduce itself")
        if application == "kolibri" and not _ID.fullmatch(key):
            # Asked for one, it fails (HTTP 500).
            raise PlanError(f"{self.name} is a Kolibri, and knows no tokens; {asked} is no id", hint=_HINT)
        found = self._asked(f"{_API}/channels/lookup/{quote(key, safe='')}", self._listed)
        if not found and not _ID.fullmatch(key):
            raise PlanError(f"no channel of {self.name} has the token {asked}", hint=_HINT)
        if not found:
            return None
        if len(found) > 1:
            raise PlanError(
                f"the token {asked} stands for {len(found)} channels",
                details="\n".join(f"{channel.id} {channel.name}" for channel in sorted(found)),
                hint="name those that are wanted by their ids",
            )
        return found[0].id

    def database(self, channel: str, target: Path) -> frozenset[str] | None:
        """See `Source`."""
        if self._asked(f"/content/databases/{channel}.sqlite3", lambda answer: _saved(answer, target)) is None:
            raise PlanError(f"{self.name} does not have channel {channel}")
        with target.open("rb") as file:
            if not file.read(16).startswith(b"SQLite format 3"):
                raise self._stranger(f"what it gives for the database of channel {channel} is none")
        offered = whole_resources(target, self._has)
        if offered is not None and not offered:
            raise PlanError(f"{self.name} knows channel {channel}, but has nothing of it")
        return offered

    def bring(
        self, files: Sequence[ContentFile], pool: ContentPool, *, advance: Callable[[int], None]
    ) -> Mapping[ContentFile, str]:
        """See `Source`."""
        with self._web() as web:
            return Crew(web, pool, origin=self.name, advance=advance).bring(files, hands=self._connections)

    def _has(self, md5s: Sequence[str]) -> Collection[str]:
        """Those that the server says it has files of; all, if it does not say."""
        found: set[str] = set()
        for start in range(0, len(md5s), _ASKED):
            some = md5s[start : start + _ASKED]
            body = json.dumps(some).encode()
            mask = self._asked(f"{_API}/file_checksums/", lambda answer: answer.text(_ASKED), body=body)
            if mask is None:
                return md5s
            if not re.fullmatch(rb"[0-9]{1,4000}", mask):
                raise self._stranger("it does not say in Kolibri's way which files it has")
            bits = int(mask)
            found |= {md5 for place, md5 in enumerate(some) if bits >> place & 1}
        return found

    def _listed(self, answer: Answer) -> list[Listed]:
        body = answer.text(_MOST)
        try:
            entries = json.loads(body)
            if isinstance(entries, list):
                return [
                    Listed(id=_id(each["id"]), name=str(each["name"]), version=int(each["version"])) for each in entries
                ]
        except (ValueError, KeyError, TypeError):
            pass
        kind = answer.headers.get("Content-Type", "something").partition(";")[0]
        raise self._stranger(f"it answers with {kind} that is no list of channels")

    def _application(self, answer: Answer) -> str:
        with suppress(ValueError):
            about = json.loads(answer.text(_MOST))
            if isinstance(about, dict) and isinstance(about.get("application"), str):
                return str(about["application"])
        raise self._stranger("it does not introduce itself")

    def _asked(self, path: str, read: Callable[[Answer], _Read], *, body: bytes | None = None) -> _Read | None:
        """What the server answers, after as many tries as it takes; None if it does not know the question.

        Raises:
            HostError: it cannot be reached, or fails.
        """
        headers = {"Content-Type": "application/json"} if body is not None else {}
        lost = Lost("nobody asked it")
        with self._web() as web:
            for pause in (*self._patience.pauses_s, None):
                try:
                    with web.ask(path, body=body, headers=headers) as answer:
                        if answer.status < 300:
                            return read(answer)
                        if answer.status in _NO_SUCH_QUESTION:
                            return None
                        lost = Lost(f"it answers with HTTP {answer.status}")
                        if answer.status < 500 and answer.status != 429:
                            break
                except Lost as error:
                    lost = error
                if pause is not None:
                    time.sleep(pause)
        raise HostError(f"{self.name} cannot be used: {lost}", hint="is the address right, and is the server running?")

    @contextmanager
    def _web(self) -> Iterator[Web]:
        with closing(Web(self._address, connections=self._connections, patience=self._patience)) as web:
            yield web

    def _stranger(self, why: str) -> PlanError:
        return PlanError(
            f"{self.name} does not answer as a Kolibri server or Studio does",
            details=why,
            hint="is the address right? a Kolibri listens at port 8080 as a rule, and a network may answer in place of "
            "a server until somebody has logged in to it",
        )


_HINT: Final = "tokens look like abcde-fghij, and only Studio knows them; ids have 32 digits of 0-9 and a-f"


def _id(text: object) -> str:
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise ValueError(text)
    return text


def _saved(answer: Answer, target: Path) -> bool:
    with explained(target), target.open("wb") as file:
        for block in answer.blocks():
            file.write(block)
    return True

"""Bring many files from one server over several connections at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Lock, Thread
from typing import Final

from builder.content.pool.pool import Arrival, ContentPool, Spoilt
from builder.kolibri.channels import ContentFile
from builder.web import Answer, Lost, Web

_FINISH_S: Final = 5
"""What a thread gets to end when all is off; then the process ends without it."""

_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Refused(Exception):
    """The server will not give the file, however often it is asked. The text is for people."""


class Crew:
    """Threads that share the work; good for one `bring`."""

    def __init__(self, web: Web, pool: ContentPool, *, origin: str, advance: Callable[[int], None]) -> None:
        self._web = web
        self._pool = pool
        self._origin = origin
        self._advance = advance
        self._guard = Lock()
        self._left: list[ContentFile] = []
        self._failed: dict[ContentFile, str] = {}
        self._came = 0
        """Files that arrived so far: as long as there are more, the server is alive."""
        self._stop = Event()
        self._gone: str | None = None
        """Why the server is given up."""
        self._broken: BaseException | None = None

    def bring(self, files: Sequence[ContentFile], *, hands: int) -> Mapping[ContentFile, str]:
        """See `Source.bring`; `hands` is the number of connections."""
        # The largest first, so that none of them is left for the end, when the others have nothing to do.
        self._left = sorted(files, key=lambda file: file.size)
        crew = [Thread(target=self._work, daemon=True) for _ in range(min(hands, len(files)))]
        try:
            for hand in crew:
                hand.start()
            for hand in crew:
                hand.join()
        except BaseException:
            self._call_off()
            for hand in crew:
                hand.join(_FINISH_S)
            raise
        if self._broken is not None:
            raise self._broken
        self._pool.settle()
        if self._gone is not None:
            self._failed.update(dict.fromkeys(self._left, self._gone))
        return self._failed

    def _work(self) -> None:
        try:
            while not self._stop.is_set() and (file := self._next()) is not None:
                if (reason := self._brought(file)) is not None:
                    with self._guard:
                        self._failed[file] = reason
        except BaseException as error:
            # Whatever it is, it is raised again where somebody waits for us.
            self._broken = self._broken or error
            self._call_off()

    def _next(self) -> ContentFile | None:
        with self._guard:
            return self._left.pop() if self._left else None

    def _call_off(self) -> None:
        self._stop.set()
        self._web.hang_up()

    def _brought(self, file: ContentFile) -> str | None:
        """Bring one file, with as many tries as it takes; returns why it did not arrive."""
        spoilt = ""
        came = self._came
        for pause in (*self._web.patience.pauses_s, None):
            try:
                self._try(file)
            except _Refused as refused:
                return str(refused)
            except Spoilt as error:
                # Once more: it may have been on the way, or in the beginning that another source left.
                if spoilt:
                    return str(error)
                spoilt = str(error)
            except Lost as error:
                if self._stop.is_set():
                    return self._gone or "we were told to stop"
                if pause is None:
                    return self._given_up(str(error), came)
                # Since our last try, and not since our first: others still read what a dead server had sent.
                came = self._came
                self._stop.wait(pause)
            else:
                with self._guard:
                    self._came += 1
                return None
        return spoilt

    def _given_up(self, reason: str, came: int) -> str:
        with self._guard:
            alive = self._came > came
            if not alive and self._gone is None:
                self._gone = f"the server went away: {reason}"
        if not alive:
            self._call_off()
        return self._gone or reason

    def _try(self, file: ContentFile) -> None:
        with self._pool.arriving(file, origin=self._origin) as arrival:
            if arrival is None:
                self._told(file.size)
                return
            self._told(arrival.offset)
            try:
                self._fill(arrival, file)
            except Lost:
                # The next try tells it again.
                self._told(-arrival.offset)
                raise

    def _fill(self, arrival: Arrival, file: ContentFile) -> None:
        path = f"/content/{file.path.as_posix()}"
        if arrival.offset == file.size > 0:
            return
        if arrival.offset:
            with self._web.ask(path, headers={"Range": f"bytes={arrival.offset}-"}) as answer:
                if answer.status == 206 and _goes_on(answer, arrival, file):
                    self._pour(answer, arrival, file)
                    return
                if answer.status not in (200, 206, 416):
                    _refuse(answer, file)
            self._told(-arrival.offset)
            arrival.start_over()
        with self._web.ask(path) as answer:
            _refuse(answer, file)
            self._pour(answer, arrival, file)

    def _pour(self, answer: Answer, arrival: Arrival, file: ContentFile) -> None:
        for block in answer.blocks():
            if self._stop.is_set():
                raise Lost("we were told to stop")
            if arrival.offset + len(block) > file.size:
                self._told(-arrival.offset)
                arrival.start_over()
                raise Spoilt(f"more than {file.size} bytes")
            arrival.write(block)
            self._told(len(block))

    def _told(self, amount: int) -> None:
        with self._guard:
            self._advance(amount)


def _goes_on(answer: Answer, arrival: Arrival, file: ContentFile) -> bool:
    """Whether what comes is the rest of what is there."""
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return (
        found is not None
        and int(found[1]) == arrival.offset
        and found[2] in ("*", str(file.size))
        and not answer.packed
    )


def _refuse(answer: Answer, file: ContentFile) -> None:
    if answer.status in (404, 410):
        raise _Refused("the server does not have it")
    if answer.status >= 500 or answer.status == 429:
        raise Lost(f"it answers with HTTP {answer.status}")
    if answer.status != 200:
        raise _Refused(f"the server answers with HTTP {answer.status}")
    if answer.length not in (None, file.size):
        raise _Refused(f"the server has {answer.length} bytes instead of {file.size}")

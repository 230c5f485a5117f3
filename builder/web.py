"""Ask a server: connections that are kept, limits to every wait, and one sentence for whatever goes wrong.

The only door to urllib3. It brings what the standard library's client lacks: connections that several threads share,
proxies by the environment, reading what has arrived without waiting for more, and ending a wait from another thread.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3 import exceptions as wrong
from urllib3.util import Retry

import builder
from builder.errors import PlanError

_BLOCK: Final = 1 << 18
_ERROR_PAGE: Final = 1 << 16
"""Of a page that says what is wrong, more than that is not read to keep a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited, and how often something is tried again."""

    connect_s: float = 15
    silence_s: float = 45
    """Between two pieces of an answer."""
    crawl_s: float = 60
    crawl_bytes: int = 4096
    """An answer that brings less than that in `crawl_s` is given up: it would take for ever."""
    pauses_s: tuple[float, ...] = (0.5, 2, 6)
    """Before each further try after a lost connection."""


class Lost(Exception):
    """No answer, or only a part of one: another try may help. The text is for people."""


class Answer:
    """What a server answers, as it comes."""

    def __init__(self, response: urllib3.BaseHTTPResponse, patience: Patience) -> None:
        self._response = response
        self._patience = patience
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    @property
    def length(self) -> int | None:
        """Bytes that will come, if the server says so and packs them in no way."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() and not self.packed else None

    @property
    def packed(self) -> bool:
        """Whether it comes compressed, although we asked for it as it is."""
        return self.headers.get("Content-Encoding", "identity") != "identity"

    def blocks(self) -> Iterator[bytes]:
        """The body, in pieces as they arrive.

        Raises:
            Lost: it ended before its end, or comes too slowly.
        """
        since, arrived = time.monotonic(), 0
        with _said(self._patience):
            while block := self._response.read1(_BLOCK):
                yield block
                arrived += len(block)
                now = time.monotonic()
                if now - since >= self._patience.crawl_s:
                    if arrived < self._patience.crawl_bytes:
                        raise Lost(f"only {arrived} bytes came in {now - since:.0f} s")
                    since, arrived = now, 0

    def text(self, most: int) -> bytes:
        """The first bytes of the body, `most` of them.

        Raises:
            Lost: see `blocks`.
        """
        body = bytearray()
        for block in self.blocks():
            body += block
            if len(body) >= most:
                break
        return bytes(body[:most])

    def hang_up(self) -> None:
        """End a wait for the body, from another thread."""
        with suppress(ValueError, RuntimeError, OSError):
            self._response.shutdown()


class Web:
    """One server, by its address; may be used by several threads."""

    def __init__(self, address: str, *, connections: int, patience: Patience) -> None:
        self._base = address.rstrip("/")
        self.patience = patience
        self._pools = _pools(self._base, connections)
        self._guard = Lock()
        self._open: set[Answer] = set()
        self._closed = False

    @contextmanager
    def ask(
        self, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Answer]:
        """GET `path`, which begins with a slash, or POST `body` to it.

        Raises:
            Lost: the server does not answer.
            PlanError: the address is none.
        """
        timeout = urllib3.Timeout(connect=self.patience.connect_s, read=self.patience.silence_s)
        follow = Retry(total=None, connect=0, read=0, status=0, other=0, redirect=5, raise_on_redirect=True)
        sent = {"User-Agent": f"satchel/{builder.__version__}", "Accept-Encoding": "identity", **(headers or {})}
        with _said(self.patience):
            response = self._pools.request(
                "GET" if body is None else "POST",
                f"{self._base}{path}",
                body=body,
                headers=sent,
                timeout=timeout,
                retries=follow,
                preload_content=False,
            )
        answer = Answer(response, self.patience)
        with self._guard:
            self._open.add(answer)
        try:
            if self._closed:
                raise Lost("we were told to stop")
            yield answer
            if answer.status >= 400:
                # Read to its end, its connection serves the next question.
                answer.text(_ERROR_PAGE)
        finally:
            with self._guard:
                self._open.discard(answer)
            # What was not read to its end would be taken for the answer to the next question.
            response.close()

    def hang_up(self) -> None:
        """End all waiting, from another thread; nothing is asked any more."""
        self._closed = True
        with self._guard:
            waiting = list(self._open)
        for answer in waiting:
            answer.hang_up()

    def close(self) -> None:
        """Let go of the connections that were kept."""
        self._pools.clear()


def _pools(address: str, connections: int) -> urllib3.PoolManager:
    scheme, host = _scheme_and_host(address)
    proxy = None if proxy_bypass(host) else getproxies().get(scheme)
    if proxy is not None:
        return urllib3.ProxyManager(proxy, maxsize=connections)
    return urllib3.PoolManager(maxsize=connections)


def _scheme_and_host(address: str) -> tuple[str, str]:
    with suppress(ValueError):
        parts = urlsplit(address)
        # Asked for, because a number that is no port is noticed only then.
        _ = parts.port
        # Names and passwords would stand in every message.
        if parts.scheme in ("http", "https") and parts.hostname and parts.username is None:
            return parts.scheme, parts.hostname
    raise PlanError(
        f"{address} is not the address of a server",
        hint="it looks like http://192.168.1.5:8080 or https://studio.learningequality.org",
    )


@contextmanager
def _said(patience: Patience) -> Iterator[None]:
    """Whatever urllib3 raises, as `Lost`."""
    try:
        yield
    except wrong.HTTPError as error:
        raise Lost(_sentence(error, patience)) from error
    except OSError as error:
        raise Lost(error.strerror or str(error)) from error


def _sentence(error: Exception, patience: Patience) -> str:
    cause = (error.reason or error) if isinstance(error, wrong.MaxRetryError) else error
    match cause:
        case wrong.ProxyError():
            return f"the proxy does not let us through: {_innermost(cause)}"
        case wrong.NameResolutionError():
            return "no such host"
        case wrong.NewConnectionError():
            return _innermost(cause).lower()
        case wrong.ConnectTimeoutError():
            return f"no connection within {patience.connect_s:g} s"
        case wrong.ReadTimeoutError():
            return f"silent for {patience.silence_s:g} s"
        case wrong.SSLError():
            return f"no secure connection: {_innermost(cause)}"
        case wrong.ResponseError():
            return "it sends us round in circles (too many redirects)"
        case wrong.ProtocolError():
            return "it broke off the connection"
        case _:
            return f"{type(cause).__name__}: {cause}"


def _innermost(error: BaseException) -> str:
    """What the operating system or the TLS library said."""
    while (below := error.__cause__ or error.__context__ or getattr(error, "original_error", None)) is not None:
        error = below
    if isinstance(error, socket.gaierror):
        return "no such host"
    return getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)

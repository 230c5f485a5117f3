"""Ask a registry for an image (OCI distribution specification 1.1): manifests, and files by their digest.

Whoever must log in does it as registries say they want it: by a token that another server gives, or by name and
password (the specification leaves that open; all use Docker's token scheme).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlencode, urlsplit

from builder.errors import HostError, PlanError
from builder.oci.credentials import login
from builder.oci.mirrors import Place
from builder.oci.model import INDEXES, MANIFESTS
from builder.web import Answer, Lost, Patience, Web

_MOST: Final = 4 << 20
"""Bytes of a manifest, or of an answer about a token."""
_PARAMETER: Final = re.compile(r'([a-z_]+)="([^"]*)"')

_Used = TypeVar("_Used")


class NotThere(Exception):
    """The registry does not have it, or does not give it. The text is for people."""


class _Bar:
    """How far a file has come, for a bar that only knows steps."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._told = 0

    def at(self, position: int) -> None:
        """So many bytes are there."""
        self._advance(position - self._told)
        self._told = position


class Repository:
    """The images of one repository; for one thread."""

    def __init__(self, place: Place, *, patience: Patience | None = None) -> None:
        self.place = place
        self._web = Web(place.address, connections=1, patience=patience or Patience())
        self._authorization: str | None = None

    def manifest(self, reference: str) -> bytes:
        """The manifest or index with a tag or a digest.

        Raises:
            NotThere: the registry does not have it.
            HostError: it does not answer.
        """
        accept = {"Accept": ", ".join((*MANIFESTS, *INDEXES))}

        def read(answer: Answer) -> bytes:
            return answer.text(_MOST)

        return self._patiently(lambda: self._asked(f"manifests/{reference}", accept, read))

    def blob(self, digest: str, target: Path, size: int, *, advance: Callable[[int], None]) -> None:
        """Bring a file to `target`, going on with what is there already. Its digest is for the caller to prove.

        Raises:
            NotThere: the registry does not have it, or has more bytes than `size`.
            HostError: it does not answer any more; what came stays.
        """
        bar = _Bar(advance)
        self._patiently(lambda: self._bring(digest, target, size, bar))

    def close(self) -> None:
        """Let go of the connection."""
        self._web.close()

    def _bring(self, digest: str, target: Path, size: int, bar: _Bar) -> None:
        have = target.stat().st_size if target.exists() else 0
        bar.at(have)
        if have >= size > 0:
            return

        def pour(answer: Answer) -> None:
            # Not every registry goes on in the middle.
            arrived = have if answer.status == 206 else 0
            with target.open("r+b" if arrived else "wb") as file:
                file.seek(arrived)
                for block in answer.blocks():
                    arrived += len(block)
                    if arrived > size:
                        raise NotThere(f"{self.place} gives more than the {size} bytes of {digest}")
                    file.write(block)
                    bar.at(arrived)
            if arrived < size:
                raise Lost(f"it broke off after {arrived} of {size} bytes")

        self._asked(f"blobs/{digest}", {"Range": f"bytes={have}-"} if have else {}, pour)

    def _asked(self, what: str, headers: Mapping[str, str], use: Callable[[Answer], _Used]) -> _Used:
        """Ask, log in if that is wanted, ask again."""
        for last in (False, True):
            with self._answer(what, headers) as answer:
                if answer.status == 401 and not last:
                    challenge = answer.headers.get("WWW-Authenticate", "")
                else:
                    self._refuse(answer, what)
                    return use(answer)
            self._authorization = self._log_in(challenge)
        raise AssertionError

    @contextmanager
    def _answer(self, what: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        authorization = {"Authorization": self._authorization} if self._authorization else {}
        with self._web.ask(f"/v2/{self.place.repository}/{what}", headers={**headers, **authorization}) as answer:
            yield answer

    def _refuse(self, answer: Answer, what: str) -> None:
        if answer.status in (200, 206):
            return
        if answer.status >= 500 or answer.status == 429:
            raise Lost(f"it answers with HTTP {answer.status}")
        if answer.status in (401, 403):
            raise NotThere(f"{self.place} wants somebody else to ask; log in with `podman login {self.place.host}`")
        if answer.status == 404:
            raise NotThere(f"{self.place} has no {what.replace('s/', ' ', 1)}")
        raise NotThere(f"{self.place} answers with HTTP {answer.status}")

    def _log_in(self, challenge: str) -> str:
        scheme, _, rest = challenge.partition(" ")
        known = login(str(self.place))
        basic = f"Basic {known}" if known else None
        if scheme.lower() == "basic" and basic:
            return basic
        parameters = dict(_PARAMETER.findall(rest))
        realm = parameters.get("realm", "")
        if scheme.lower() != "bearer" or not realm:
            raise NotThere(f"{self.place} wants a login; `podman login {self.place.host}` keeps one")
        asked = {name: parameters[name] for name in ("service", "scope") if name in parameters}
        return f"Bearer {self._token(realm, asked, basic)}"

    def _token(self, realm: str, asked: Mapping[str, str], basic: str | None) -> str:
        where = urlsplit(realm)
        web = Web(f"{where.scheme}://{where.netloc}", connections=1, patience=self._web.patience)
        query = "&".join(filter(None, (where.query, urlencode(asked))))
        try:
            with web.ask(f"{where.path}?{query}", headers={"Authorization": basic} if basic else {}) as answer:
                if answer.status != 200:
                    raise NotThere(f"{where.netloc} gives no token for {self.place} (HTTP {answer.status})")
                document = json.loads(answer.text(_MOST))
        except ValueError as error:
            raise NotThere(f"{where.netloc} gives no token for {self.place} that we understand") from error
        finally:
            web.close()
        token = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
        if not isinstance(token, str):
            raise NotThere(f"{where.netloc} gives no token for {self.place} that we understand")
        return token

    def _patiently(self, work: Callable[[], _Used]) -> _Used:
        """Try again after a lost connection, as often as patience allows."""
        for pause in (*self._web.patience.pauses_s, None):
            try:
                return work()
            except Lost as error:
                if pause is None:
                    raise HostError(f"{self.place.host}: {error}", hint="what came is kept; try again later") from error
                time.sleep(pause)
            except PlanError as error:
                raise NotThere(error.message) from error
        raise AssertionError

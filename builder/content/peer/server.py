"""A server that Kolibri can import from, as it can from another Kolibri.

`http.server` is enough: it knows one method and a table of paths, and the kernel moves the bytes. Every path is looked
up among those that the shelf knows, so there is none that could lead anywhere else.
"""

from __future__ import annotations

import errno
import hashlib
import json
import mimetypes
import os
import resource
import socket
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import getnode

from builder.content.peer.answers import Identity, NotThere, Unsatisfiable, answer, asked_range, available_mask
from builder.content.peer.sending import CutShort, send
from builder.content.peer.shelf import Body, Shelf
from builder.content.peer.visitors import Visitors
from builder.errors import HostError
from builder.units import MIB

_PATIENCE_S: Final = 300
"""How long a connection may be idle or take nothing: longer than a poor card takes to swallow what it was given."""
_LARGEST: Final = 64 * MIB
"""Bytes of a list of checksums: a million of them, and more."""
_CHECKSUMS: Final = "/api/public/v1/file_checksums/"
_CONTENT: Final = "/content/"
_WELCOME: Final = (
    "Satchel serves Kolibri channels here, to be imported.\n\n"
    "In Kolibri: Device > Channels > Import > Local network or internet > Add new device, with this page's address.\n"
)
_TYPES: Final = mimetypes.MimeTypes(filenames=())
"""Python's own list, whatever this machine has in /etc."""


class ContentServer(ThreadingHTTPServer):
    """Serves a shelf; a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], shelf: Shelf) -> None:
        super().__init__(address, _Handler)
        self.shelf = shelf
        self.visitors = Visitors()
        self.identity = identity_here(self.server_port)
        self.ending = False

    def finish(self, hurry: Event) -> None:
        """Begin nothing new, and wait until what is being sent has arrived, or somebody is in a hurry.

        When a connection breaks within a file, Kolibri 0.19.5 asks for the file again and appends it to what it has
        (`TransferFile`, kolibri/utils/file_transfer.py): the checksum is wrong and its whole import fails. When one
        breaks between two files, it waits.
        """
        self.ending = True
        while any(visitor.busy for visitor in self.visitors.all()) and not hurry.wait(0.1):
            pass

    def server_bind(self) -> None:
        """As a plain TCP server: an HTTP server would ask the name servers for our name, which may take a minute."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of devices that went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(shelf: Shelf, *, listen: str, port: int) -> Iterator[ContentServer]:
    """Serve while the context lasts; port 0 takes any that is free.

    Raises:
        HostError: the port is taken, or is not ours to take.
    """
    # A Kolibri holds ten connections; with forty of them the usual limit of 1,024 open files is near.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        server = ContentServer((listen, port), shelf)
    except OSError as error:
        raise HostError(
            f"cannot listen at {listen}, port {port}: {error.strerror}",
            hint="another port: --port 8008; a Kolibri that is told no port tries 8080, 80, 8008, 8000 and 5000",
        ) from error
    with server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def identity_here(port: int) -> Identity:
    """Who we are at a port of this machine: the same at every start."""
    try:
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine = f"{getnode():x}"
    name = socket.gethostname()
    instance = hashlib.sha256(f"satchel content {machine} {port}".encode()).hexdigest()[:32]
    return Identity(instance=instance, name=f"{name} (Satchel)"[:50])


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: ContentServer
    protocol_version = "HTTP/1.1"
    server_version = "Satchel"
    sys_version = ""
    timeout = _PATIENCE_S
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name in the base class
        """Nothing: the screen belongs to the board of devices."""

    def do_GET(self) -> None:
        """Answer, unless it is too late to begin."""
        address, visitors = self.client_address[0], self.server.visitors
        # Counted before the look whether it is late: `finish` does both the other way round, so none slips through.
        visitors.count(address, busy=1)
        try:
            if self.server.ending:
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, close=True)
            else:
                self._answer()
        finally:
            visitors.count(address, busy=-1)

    do_HEAD = do_GET

    def _answer(self) -> None:
        try:
            asked = urlsplit(self.path)
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        path = unquote(asked.path)
        if path == "/":
            self._text(HTTPStatus.OK, _WELCOME)
        elif path.startswith(_CONTENT):
            body = self.server.shelf.bodies.get(path.removeprefix(_CONTENT))
            if body is None:
                self._refuse(HTTPStatus.NOT_FOUND)
            else:
                self._content(path, body)
        else:
            try:
                found = answer(path, dict(parse_qsl(asked.query)), self.server.shelf, self.server.identity)
            except NotThere:
                self._refuse(HTTPStatus.NOT_FOUND)
            else:
                self._bytes(HTTPStatus.OK, json.dumps(found).encode(), "application/json")

    def do_POST(self) -> None:
        """Answer the one question that is asked this way: which of many files are here."""
        if not self.path.startswith(_CHECKSUMS):
            self._refuse(HTTPStatus.NOT_FOUND, close=True)
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, close=True)
            return
        if len(length) > 18 or int(length) > _LARGEST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, close=True)
            return
        try:
            data = self.rfile.read(int(length))
            if self.headers.get_content_type() == "application/gzip":
                data = zlib.decompressobj(wbits=31).decompress(data, _LARGEST)
            mask = available_mask(data, self.server.shelf)
        except (ValueError, RecursionError, zlib.error):
            self._refuse(HTTPStatus.BAD_REQUEST)
        else:
            self._bytes(HTTPStatus.OK, mask, "application/octet-stream")

    def _content(self, path: str, body: Body) -> None:
        tag, size = f'"{body.md5}"', body.stored.size
        if self.headers.get("If-None-Match") == tag:
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        # A range is for GET alone, and only of the file that it was meant for (RFC 9110, 14.2 and 13.1.5).
        ranged = self.command == "GET" and self.headers.get("If-Range", tag) == tag
        try:
            part = asked_range(self.headers.get("Range"), size) if ranged else None
        except Unsatisfiable:
            self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, ("Content-Range", f"bytes */{size}"))
            return
        try:
            holder = body.stored.open()
        except OSError as error:
            # A drive that was pulled out, perhaps: after a 503 Kolibri asks again every half a minute.
            self.server.visitors.complain(f"{body.stored.path}: {error.strerror}")
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        try:
            self._send(path, body, part, holder)
        finally:
            os.close(holder)

    def _send(self, path: str, body: Body, part: tuple[int, int] | None, holder: int) -> None:
        size = body.stored.size
        start, length = part or (0, size)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK)
        self.send_header("Content-Type", _TYPES.guess_type(path)[0] or "application/octet-stream")
        self.send_header("Content-Length", str(length))
        if part:
            self.send_header("Content-Range", f"bytes {start}-{start + length - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{body.md5}"')
        self.end_headers()
        if self.command == "HEAD":
            return
        address, visitors = self.client_address[0], self.server.visitors
        try:
            spans = body.stored.part(start, length)
            send(self.connection, holder, spans, advance=lambda sent: visitors.count(address, sent=sent))
            if start + length == size and path.startswith(f"{_CONTENT}storage/"):
                visitors.count(address, files=1)
        except CutShort:
            # What was announced cannot be kept; that the connection ends tells the other side so.
            visitors.complain(f"{body.stored.path} became shorter")
            self.close_connection = True
        except OSError as error:
            if error.errno == errno.EIO:
                visitors.complain(f"{body.stored.path}: {error.strerror}")
            raise

    def _refuse(self, status: HTTPStatus, *headers: tuple[str, str], close: bool = False) -> None:
        """`close` when what the other side still sends was not read."""
        self.close_connection = self.close_connection or close
        self._text(status, f"{status.value} {status.phrase}\n", *headers)

    def _text(self, status: HTTPStatus, text: str, *headers: tuple[str, str]) -> None:
        self._bytes(status, text.encode(), "text/plain; charset=utf-8", *headers)

    def _bytes(self, status: HTTPStatus, data: bytes, kind: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Type", kind), ("Content-Length", str(len(data)))):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

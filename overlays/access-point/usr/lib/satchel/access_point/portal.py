"""What is told on port 80: browsers the way to what this device serves, systems that they are online.

A phone or a tablet that hears nothing leaves the network after a while, or sends its questions over another one. So it
is told what it wants to hear, and the school's network stays the one that it uses.
"""

from __future__ import annotations

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer

from device.paths import Paths

_APPLE = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"

ANSWERS = {
    "/generate_204": None,
    "/gen_204": None,
    "/hotspot-detect.html": _APPLE,
    "/library/test/success.html": _APPLE,
    "/connecttest.txt": "Microsoft Connect Test",
    "/ncsi.txt": "Microsoft NCSI",
    "/success.txt": "success\n",
    "/check_network_status.txt": "NetworkManager is online\n",
}
"""What Android and ChromeOS, macOS and iOS, Windows, Firefox and NetworkManager ask for, and want to hear; none stands
for an answer without a body (204). Sources: their makers' documentation of connectivity checks."""

_FIRST_DESCRIPTOR = 3
"""Of the sockets that systemd hands over (sd_listen_fds(3))."""
_SECONDS = 30


class Portal(BaseHTTPRequestHandler):
    """Answers whoever asks."""

    home: str | None
    timeout = _SECONDS
    server_version, sys_version = "Satchel", ""

    def do_GET(self) -> None:
        """What a system asks for, or the way home."""
        path = self.path.partition("?")[0]
        if path in ANSWERS:
            answer = ANSWERS[path]
            self._answer(204 if answer is None else 200, answer or "")
        elif self.home is None:
            self._answer(404, "Nothing is served here.\n")
        else:
            self._answer(302, "", home=self.home)

    do_HEAD = do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing: tablets ask every minute, and a card has better things to keep."""

    def _answer(self, status: int, text: str, *, home: str | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        if home is not None:
            self.send_header("Location", home)
        if status != 204:
            self.send_header("Content-Type", "text/html" if text.startswith("<") else "text/plain")
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Serves the portal on a socket that listens already."""

    def __init__(self, home: str | None, listening: socket.socket) -> None:
        handler = type("Here", (Portal,), {"home": home})
        BaseServer.__init__(self, listening.getsockname(), handler)
        self.socket = listening


def main(settings: Path | None = None) -> None:
    """Serve on the socket that systemd hands over."""
    told = json.loads((settings or Paths().at("/usr/lib/satchel/access-point.json")).read_text(encoding="utf-8"))
    Server(told["home"], socket.socket(fileno=_FIRST_DESCRIPTOR)).serve_forever()

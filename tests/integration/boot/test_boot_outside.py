"""Ask a real web server on the loopback address, as it stands behind a forwarded port."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from builder.boot.outside import ask
from builder.recipe.model import Check, HttpCheck


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match self.path:
            case "/channels?x=1":
                self._send(200, json.dumps([{"name": "Demo"}]))
            case "/moved":
                self._send(302, "")
            case _:
                self._send(200, "not json")

    def _send(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as httpd:
        thread = Thread(target=httpd.serve_forever)
        thread.start()
        yield httpd.server_address[1]
        httpd.shutdown()
        thread.join()


def claim(path: str, **facts: object) -> Check:
    http = HttpCheck.model_validate({"url": f"http://127.0.0.1:8080{path}", **facts})
    return Check(name="a claim", http=http)


@pytest.mark.parametrize(
    ("check", "detail"),
    [
        (claim("/channels?x=1", json_contains={"0.name": "*"}), ""),
        (claim("/moved", status=302), ""),
        (claim("/moved"), "status 302, not 200"),
        (claim("/channels?x=1", json_contains={"0.name": "Other"}), '0.name is "Demo", but must be "Other"'),
        (claim("/text", json_contains={"0.name": "*"}), "the answer is not JSON"),
    ],
)
def test_an_address_is_asked_through_its_forwarded_port(check: Check, detail: str, server: int) -> None:
    (answer,) = ask((check,), {8080: server}, within=0)
    assert (answer.ok, answer.detail) == (not detail, detail)
    assert answer.name == "a claim (from outside)"


def test_a_port_that_is_not_forwarded_is_left_to_the_device() -> None:
    assert ask((claim("/"), Check(name="unit", unit="ssh.service")), {}, within=0) == ()


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    (answer,) = ask((claim("/"),), {8080: free}, within=0)
    assert not answer.ok
    assert answer.detail.startswith("no answer: ")

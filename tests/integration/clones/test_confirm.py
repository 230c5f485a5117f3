"""A suspicion is confirmed by asking: real servers on loopback that answer as a twin, a stranger or a liar would."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from clones import history, told, watch
from firstboot.device import Device
from firstboot.screen import Screen

ID = "0123456789abcdef" * 2


@contextmanager
def answering(body: bytes, *, status: int = 200) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/api/public/info/?v=3"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_who_gives_our_id_is_a_twin() -> None:
    with answering(json.dumps({"instance_id": ID, "device_name": "box\n\x1b[2J" + "x" * 99}).encode()) as port:
        twin = watch.confirm("127.0.0.1", port, ID)
    assert twin is not None
    assert twin.device_name == ("box[2J" + "x" * 99)[:50]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"instance_id": "f" * 32}).encode(),
        json.dumps([ID]).encode(),
        b"",
        b"<html>login</html>",
        b"[" * 60_000,
        json.dumps({"pad": "x" * 200_000, "instance_id": ID}).encode(),
    ],
)
def test_who_gives_another_or_none_is_not(body: bytes) -> None:
    with answering(body) as port:
        assert watch.confirm("127.0.0.1", port, ID) is None


def test_who_does_not_answer_is_not() -> None:
    assert watch.confirm("127.0.0.1", 1, ID) is None


def test_what_a_restart_must_find_is_written_before_kolibri_is_stopped(
    school: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, bool]] = []

    def run(argv: tuple[str, ...], **_: object) -> None:
        done.append((" ".join(argv), school.paths.twin.exists()))

    # The host that runs the tests may have a Kolibri of its own, which must go on.
    monkeypatch.setattr(watch.subprocess, "run", run)
    screen = Screen(active=school.paths.at("/none"), devices=school.paths.at("/dev"))
    watch.close(school, watch.Twin(address="10.0.0.7", port=8080, device_name="box"), screen)
    assert ("systemctl stop kolibri.service", True) in done
    assert "10.0.0.7" in told.twin(school.paths)
    assert "satchel-identity" in school.paths.issue.read_text()
    assert history.load(school.paths).events[-1]["what"] == "twin-seen"


def test_own_addresses_are_known() -> None:
    from clones.mdns import is_own

    assert is_own("127.0.0.1")
    assert not is_own("192.0.2.1")

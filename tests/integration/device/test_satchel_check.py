"""The checks and the agent's report against this running system; the host's own model reads the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from agent import first_boot
from agent.__main__ import report
from device.paths import Paths
from firstboot.steps import STEPS

from builder.boot.answer import FirstBootAnswer, GuestReport, parse_answer

PROGRAM = Path(__file__).resolve().parents[3] / "overlays/firstboot/usr/lib/satchel/bin/satchel-check"


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        moved = self.path == "/moved"
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", "/channels")
        self.end_headers()
        self.wfile.write(b'[{"name": "Demo"}]')

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def prove(tmp_path: Path, *claims: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """The exit status of satchel-check and its results."""
    file = tmp_path / "checks.json"
    file.write_text(json.dumps([{"name": f"claim {number}", **claim} for number, claim in enumerate(claims)]))
    argv = (sys.executable, "-BI", PROGRAM, "--json", "--file", file)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_claims_that_hold(tmp_path: Path, port: int) -> None:
    base = f"http://127.0.0.1:{port}"
    status, results = prove(
        tmp_path,
        {"http": {"url": f"{base}/channels", "status": 200, "json_contains": {"0.name": "*"}}},
        {"http": {"url": f"{base}/moved", "status": 302}},
        {"listen": {"port": port, "protocol": "tcp"}},
        {"mount": {"path": "/proc", "type": "proc", "options": ["rw"]}},
        {"command": {"run": ["uname", "-s"], "status": 0, "stdout": "Linux"}},
    )
    assert [result for result in results if not result["ok"]] == []
    assert status == 0


def test_claims_that_do_not_hold(tmp_path: Path, port: int) -> None:
    base = f"http://127.0.0.1:{port}"
    status, results = prove(
        tmp_path,
        {"http": {"url": f"{base}/moved", "status": 200}},
        {"http": {"url": "http://127.0.0.1:1/", "status": 200}},
        {"listen": {"port": 1, "protocol": "tcp"}},
        {"listen": {"port": port, "protocol": "udp"}},
        {"mount": {"path": "/proc", "type": "ext4"}},
        {"command": {"run": ["false"]}},
        {"command": {"run": ["no-such-program"]}},
        {"command": {"run": ["uname"], "stdout": "Minix"}},
        {"unit": "no-such-unit.service"},
    )
    assert [result["name"] for result in results if result["ok"]] == []
    assert all(result["detail"] for result in results)
    assert status == 1


def test_a_device_without_first_boot_still_answers_what_the_host_can_read(tmp_path: Path) -> None:
    for directory in ("proc/self", "proc/sys/kernel/random", "etc"):
        (tmp_path / directory).mkdir(parents=True)
    for path in ("proc/self/mountinfo", "proc/sys/kernel/random/boot_id", "proc/sys/kernel/hostname"):
        (tmp_path / path).write_text(Path("/", path).read_text())
    answer = parse_answer(json.dumps({**report(Paths(root=tmp_path), within=1), "nonce": "beef"}), GuestReport)
    assert answer.nonce == "beef"
    assert answer.kernel == os.uname().release
    assert answer.identity.facility_id is None
    assert [check.ok for check in answer.checks] == [False]
    told = parse_answer(
        json.dumps({**first_boot.answer(Paths(root=tmp_path), within=0), "nonce": "f"}), FirstBootAnswer
    )
    assert told.state != "active"
    assert len(told.undone) == len(STEPS)
    assert told.kolibri is None

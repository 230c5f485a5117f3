from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checks import http, listen
from checks import run as checks

CHANNELS = [{"name": "Demo", "total_resource_count": 24, "langs": [], "ok": True}]


@pytest.mark.parametrize(
    ("wanted", "ok"),
    [
        ({"0.name": "*", "0.total_resource_count": "*"}, True),
        ({"0.name": "Demo"}, True),
        ({"0.total_resource_count": 24}, True),
        ({"0.total_resource_count": "24"}, False),
        ({"0.langs": "*"}, False),
        ({"0.name": "*", "1.name": "*"}, False),
        ({"0.missing": "*"}, False),
        ({"name": "Demo"}, False),
        ({"0.name.first": "*"}, False),
        ({"-1.name": "Demo"}, False),
    ],
)
def test_json_paths(wanted: dict[str, Any], ok: bool) -> None:
    outcome = http.compare(json.dumps(CHANNELS).encode(), wanted)
    assert outcome.ok is ok
    assert next(iter(wanted)) in outcome.detail or not ok


@pytest.mark.parametrize("body", [b"[]", b"", b"<html>", b"[{}]", b"\xff"])
def test_an_empty_answer_proves_nothing(body: bytes) -> None:
    assert not http.compare(body, {"0.name": "*"}).ok


TCP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue tr
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:D431 01 00000000:00000000 00:0
"""
UDP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref
  302: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   104        0 14203 2
  303: 0100007F:0035 0100007F:1111 01 00000000:00000000 00:00000000 00000000   104        0 14204 2
"""


def test_only_sockets_that_wait_for_clients_count() -> None:
    assert listen.open_ports(TCP6, "tcp") == {22}
    assert listen.open_ports(UDP, "udp") == {5353}


def test_what_cannot_be_proved_does_not_hold(tmp_path: Path) -> None:
    assert not checks.prove({"name": "future", "quantum": {}})["ok"]
    assert [result["ok"] for result in checks.run(tmp_path / "missing.json")] == [False]
    (tmp_path / "cut.json").write_text('[{"name"')
    assert [result["ok"] for result in checks.run(tmp_path / "cut.json")] == [False]


def test_text_for_people() -> None:
    text = checks.as_text(
        [{"name": "a", "ok": True, "detail": "yes"}, {"name": "b", "ok": False, "detail": "no answer"}]
    )
    assert text == "ok    a: yes\nFAIL  b: no answer\n2 checks, 1 failed"

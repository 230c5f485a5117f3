from __future__ import annotations

import json
import os
import pty
import socket
from pathlib import Path

import pytest
from agent import port
from agent.port import Port

from builder.boot.answer import is_greeting


def test_lines_are_found_whatever_surrounds_them() -> None:
    host, guest = socket.socketpair()
    with host, guest:
        host.sendall(b'login: \n{"nonce": 7}\n[]\n{"nonce": "a1", "th')
        host.sendall(b'en": "stay"}\n{"nonce": "b2"}\n')
        requests = Port(guest.fileno()).requests()
        assert next(requests) == {"nonce": "a1", "then": "stay"}
        assert next(requests) == {"nonce": "b2"}


def test_an_answer_is_one_line() -> None:
    host, guest = socket.socketpair()
    with host, guest:
        Port(guest.fileno()).answer({"detail": "two\nlines", "name": "é"})
        line = host.recv(4096)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"detail": "two\nlines", "name": "é"}


def test_the_greeting_is_a_line_of_its_own_and_the_host_knows_it() -> None:
    host, guest = socket.socketpair()
    with host, guest:
        guest.sendall(b"BdsDxe: ")
        Port(guest.fileno()).greet()
        noise, line, rest = host.recv(4096).split(b"\n")
    assert noise == b"BdsDxe: "
    assert is_greeting(line)
    assert rest == b""
    assert not is_greeting(noise)
    assert not is_greeting(b'{"nonce": "a1"}')


def test_a_serial_adapter_neither_echoes_nor_waits_for_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host, guest = pty.openpty()
    (tmp_path / "port").symlink_to(os.ttyname(guest))
    monkeypatch.setattr(port, "PORT", tmp_path / "port")
    opened = port.open_port()
    os.write(host, b'{"nonce": "a1"}\n')
    assert next(opened.requests()) == {"nonce": "a1"}
    opened.answer({"ok": True})
    assert os.read(host, 4096) == b'{"ok": true}\n'
    for descriptor in (host, guest, opened.descriptor):
        os.close(descriptor)

from __future__ import annotations

import json
import socket

from agent.port import Port


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

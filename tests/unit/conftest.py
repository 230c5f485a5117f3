"""Unit tests are pure: one that starts a program or opens a connection fails."""

import socket
import subprocess

import pytest


@pytest.fixture(autouse=True)
def _no_outside_world(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object, **_kwargs: object) -> None:
        pytest.fail("a unit test may not leave its process; this one belongs into tests/integration")

    monkeypatch.setattr(subprocess, "Popen", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)

"""A real Kolibri that takes content sticks with the device's own code, in directories of a test; also as a program that
dies where it is told to.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.paths import Paths
from device.settings import Kolibri as Settings
from firstboot.screen import Screen
from stick import switching
from stick.copying import Stick
from stick.places import STATE, Places
from stick.take import Device, take
from stick.telling import Telling

from builder.host.places import REPOSITORY

from .kolibri_device import Device as Kolibri

RECIPE = "kolibri-pc"
IDS = {"MORANGO_SYSTEM_ID": "0123456789abcdef", "MORANGO_NODE_ID": "fedcba9876543210"}


class Idle:
    """A service that does not run."""

    def hold(self) -> None:
        pass

    def release(self) -> None:
        pass


@dataclass
class Running:
    """A server that runs, is stopped and started again, as systemd would do it."""

    kolibri: Kolibri
    done: list[str] = field(default_factory=list)
    pages: str = ""
    stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        self.pages, _ = self.stack.enter_context(self.kolibri.served())

    def hold(self) -> None:
        self.done.append("held")
        self.stack.close()

    def release(self) -> None:
        self.done.append("released")
        self.start()


@dataclass(frozen=True, kw_only=True)
class Taker:
    """A device in a directory."""

    room: Path
    venv: str
    user: str
    home: Path
    content: Path
    keys: tuple[str, ...]

    @classmethod
    def of(cls, kolibri: Kolibri, room: Path, keys: tuple[str, ...]) -> Taker:
        settings = kolibri.kolibri
        (room / "run").mkdir(parents=True, exist_ok=True)
        variables = {**kolibri.environment(), **kolibri.own}
        (room / "kolibri.env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        return cls(
            room=room,
            venv=settings.venv,
            user=settings.user,
            home=kolibri.home,
            content=Path(settings.content),
            keys=keys,
        )

    def places(self, **others: Any) -> Places:
        settings = Settings(
            venv=self.venv, user=self.user, home=str(self.home), content=str(self.content), port=8080, zip_port=8081
        )
        return Places(
            kolibri=settings,
            home=self.home,
            preloaded=self.content,
            state=self.home.parent / STATE,
            scratch=self.room / "run",
            environment=(self.room / "kolibri.env",),
            venv=Path(self.venv),
            **others,
        )

    def take(
        self, stick: Path, *, service: Any = None, recipe: str = RECIPE, present: Any = lambda: True, **others: Any
    ) -> dict[str, Any]:
        """Put a stick in; what the status page's data says in the end."""
        paths = Paths(root=self.room)
        tell = Telling(paths, Screen(active=self.room / "none", devices=self.room / "none"))
        device = Device(recipe=recipe, keys=self.keys, places=self.places(**others), service=service or Idle())
        take(Stick(stick, present=present), device, tell)
        status: dict[str, Any] = json.loads((self.room / "run/satchel/content-stick.json").read_text())
        return status

    def start_kolibri(self) -> bool:
        """What the unit does before it starts Kolibri."""
        return switching.finish(self.places())

    def take_and_die(self, stick: Path, *, event: str, at: str, nth: int = 1) -> None:
        """The same in a process that is killed right before it renames a file, or starts a program, with `at` in it."""
        facts = {name: str(getattr(self, name)) for name in ("room", "venv", "user", "home", "content")}
        order = {**facts, "keys": self.keys, "stick": str(stick), "event": event, "at": at, "nth": nth}
        argv = (sys.executable, "-m", "tests.integration.kolibri.stick_taker", json.dumps(order))
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(argv, cwd=REPOSITORY, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def identity(home: Path) -> dict[str, list[Any]]:
    """Everything in a home that is not content."""
    with closing(sqlite3.connect(home / "db.sqlite3")) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        own = [name for name in tables if name.startswith(("kolibriauth_", "morango_", "logger_", "lessons_"))]
        return {name: database.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in sorted(own)}


def _die_at(order: Mapping[str, Any]) -> None:
    left = [order["nth"]]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != order["event"] or order["at"] not in str(arguments):
            return
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main() -> None:
    order = json.loads(sys.argv[1])
    places = {name: Path(order[name]) for name in ("room", "home", "content")}
    taker = Taker(**places, venv=order["venv"], user=order["user"], keys=tuple(order["keys"]))
    _die_at(order)
    taker.take(Path(order["stick"]))


if __name__ == "__main__":
    main()

"""Run Kolibri's own commands inside a tree, the same way every time.

Owns what Kolibri may see while an image is built: no telemetry, no log files, no byte code, and the same made-up
machine on every build host, so that nothing of the host can get into a database.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from builder.kolibri import rewrite
from builder.recipe.model import Kolibri


class Runner(Protocol):
    """Runs a program inside a tree; `host.sandbox.Sandbox` is one."""

    def run(
        self, command: Sequence[str], *, why: str, env: Mapping[str, str] | None = None, user: str = ""
    ) -> str:  # fmt: skip
        """Run `command` to its end as `user` of the tree and return its standard output.

        Raises:
            CommandFailed: it ended badly.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KolibriCommand:
    """Kolibri as a recipe lays it out, in a tree that `runner` can run programs in."""

    runner: Runner
    kolibri: Kolibri

    def manage(self, *arguments: str, why: str, room: str | None = None) -> str:
        """Run `kolibri manage ARGUMENTS` as the service account.

        With `room`, that is its writable content directory.
        """
        argv = (f"{self.kolibri.venv}/bin/kolibri", "manage", *arguments)
        return self.runner.run(argv, why=why, env=self._environment(room), user=self.kolibri.user)

    def provision(self, file: str, *, why: str) -> None:
        """Let Kolibri set its home up as a provisioning file of the tree says, which it then deletes."""
        argv = (f"{self.kolibri.venv}/bin/kolibri", "configure", "setup")
        env = {**self._environment(None), "KOLIBRI_AUTOMATIC_PROVISION_FILE": file}
        self.runner.run(argv, why=why, env=env, user=self.kolibri.user)

    def rewrite_database(self, *statements: tuple[str, Sequence[object]], why: str) -> None:
        """Run SQL statements with their values on Kolibri's main database, and write it anew (see `rewrite`)."""
        program, database = inspect.getsource(rewrite), f"{self.kolibri.home}/db.sqlite3"
        argv = (f"{self.kolibri.venv}/bin/python", "-I", "-c", program, database, json.dumps(statements))
        self.runner.run(argv, why=why, user=self.kolibri.user)

    def _environment(self, room: str | None) -> dict[str, str]:
        environment = {
            "HOME": self.kolibri.home,
            "KOLIBRI_HOME": self.kolibri.home,
            "KOLIBRI_DISABLE_PING": "1",
            "KOLIBRI_NO_FILE_BASED_LOGGING": "1",
            "KOLIBRI_CHERRYPY_THREAD_POOL": "10",
            "MORANGO_SYSTEM_ID": "satchel-build",
            "MORANGO_NODE_ID": "satchel-build",
            "PYTHONDONTWRITEBYTECODE": "1",
            # Kolibri writes sets to plugins.json, in the order of their hashes.
            "PYTHONHASHSEED": "0",
            "PYTHONWARNINGS": "ignore",
        }
        return {**environment, "KOLIBRI_CONTENT_DIR": room} if room else environment

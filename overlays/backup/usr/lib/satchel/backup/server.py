"""The PostgreSQL server with the databases: what it dumps, what it can restore, and databases exchanged at once.

Dumps hold no passwords: a device sets those of its roles from its own secrets.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from shutil import copyfileobj

from backup import pipes
from backup.pipes import Readable, Writable
from backup.settings import Postgres
from device.commands import run
from device.errors import DeviceError
from device.paths import Paths

_ACCOUNT = "postgres"
_SOCKET = "/run/postgresql"
_ADVICE = "Nothing was changed. What the server itself wrote: sudo journalctl --unit satchel-postgres"
_HOUR = 3600
_MARGIN_BYTES = 64 << 20
"""For the log of changes, while a database is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server of this device."""

    paths: Paths
    postgres: Postgres

    def sql(self, text: str, *, why: str, database: str = "postgres") -> str:
        """Have it do something; what comes back has a line for each row."""
        argv = (
            *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"),
            *self._reached(),
            *("--dbname", database),
        )
        return run(argv, why=why, advice=_ADVICE, user=_ACCOUNT, stdin=text, timeout=12 * _HOUR).strip()

    def facts(self, name: str) -> tuple[str, int, tuple[str, ...]]:
        """Whose a database is, its size in bytes, and all roles but the server's own.

        Raises:
            DeviceError: it is not there.
        """
        query = f"SELECT pg_database_size(oid), pg_get_userbyid(datdba) FROM pg_database WHERE datname = {_text(name)}"
        found = self.sql(query, why=f"look at the database {name}")
        if not found:
            raise DeviceError(f"there is no database {name}", advice=_ADVICE)
        size, _, owner = found.partition("|")
        roles = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres' ORDER BY 1"
        return owner, int(size), tuple(self.sql(roles, why="list roles").splitlines())

    def dump(self, name: str, sink: Writable) -> None:
        """Write a dump as it is at one moment, in the custom format of pg_dump."""
        argv = (self._program("pg_dump"), "--format=custom", "--no-password", *self._reached(), name)
        with pipes.running(argv, why=f"dump {name}", advice=_ADVICE, user=_ACCOUNT, writes=True) as process:
            assert process.stdout
            copyfileobj(process.stdout, sink, pipes.BLOCK)

    def load(self, name: str, source: Readable, *, owner: str, roles: Sequence[str]) -> None:
        """Make a database from a dump. Roles that are missing come back, too, but may not log in.

        Raises:
            DeviceError: the dump is damaged, or the server refused it; the database may be there in part.
        """
        there = self.sql("SELECT rolname FROM pg_roles", why="list roles").splitlines()
        text = "".join(f"CREATE ROLE {_name(role)};\n" for role in sorted({owner, *roles} - set(there)))
        make = f"{text}CREATE DATABASE {_name(name)} OWNER {_name(owner)} TEMPLATE template0;\n"
        self.sql(make, why=f"make the database {name}")
        argv = (self._program("pg_restore"), "--exit-on-error", "--no-password", *self._reached(), "--dbname", name)
        with pipes.running(argv, why="restore the dump", advice=_ADVICE, user=_ACCOUNT, reads=True) as process:
            assert process.stdin
            copyfileobj(source, process.stdin, pipes.BLOCK)

    def read_through(self, source: Readable) -> None:
        """Have pg_restore read all of a dump, without a server.

        Raises:
            DeviceError: it is damaged.
        """
        argv = (self._program("pg_restore"), "--file=/dev/null")
        with pipes.running(argv, why="read the dump", advice=_ADVICE, user=_ACCOUNT, reads=True) as process:
            assert process.stdin
            copyfileobj(source, process.stdin, pipes.BLOCK)

    def identity(self, name: str) -> int | None:
        """The number of a database, which stays with it whatever it is called; none if it is not there."""
        found = self.sql(f"SELECT oid FROM pg_database WHERE datname = {_text(name)}", why=f"look for {name}")
        return int(found) if found else None

    def exchange(self, one: str, other: str) -> None:
        """Let two databases have each other's name, at once; who is connected is sent away.

        When there is only one of them, it gets the other's name.
        """
        there = [pair for pair in ((one, other), (other, one)) if self.identity(pair[0]) is not None]
        names = ", ".join(_text(name) for name, _ in there)
        closed = "".join(_altered(name, "ALLOW_CONNECTIONS false") for name, _ in there)
        away = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ({names});\n"
        aside = "".join(_altered(name, f"RENAME TO satchel_{number}") for number, (name, _) in enumerate(there))
        home = "".join(
            _altered(f"satchel_{number}", f"RENAME TO {_name(new)}") for number, (_, new) in enumerate(there)
        )
        opened = "".join(_altered(new, "ALLOW_CONNECTIONS true") for _, new in there)
        text = f"{closed}{away}BEGIN;\n{aside}{home}{opened}COMMIT;\n"
        self.sql(text, why=f"exchange the database {one}")

    def admit(self, name: str) -> None:
        """Let everybody in again, if an exchange was broken off."""
        if self.identity(name) is not None:
            self.sql(_altered(name, "ALLOW_CONNECTIONS true"), why=f"open the database {name}")

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected; nothing to do when it is not there."""
        self.sql(f"DROP DATABASE IF EXISTS {_name(name)} WITH (FORCE);", why=f"remove the database {name}")

    def require_room(self, content_bytes: int) -> None:
        """Insist that a database of that size can be made: a server whose disk is full stops.

        Raises:
            DeviceError: there is too little room.
        """
        facts = os.statvfs(self.paths.at(self.postgres.data))
        free = facts.f_bavail * facts.f_frsize
        needed = content_bytes + content_bytes // 5 + _MARGIN_BYTES
        if free < needed:
            raise DeviceError(
                f"{needed >> 20} MiB must be free at {self.postgres.data} to load the dump, and {free >> 20} MiB are",
                advice="Nothing was changed. Move something away from there, and try again.",
            )

    def _reached(self) -> tuple[str, ...]:
        return ("--host", _SOCKET, "--port", str(self.postgres.port))

    def _program(self, name: str) -> str:
        return str(self.paths.at(f"/usr/lib/postgresql/{self.postgres.version}/bin/{name}"))


def _name(text: str) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"'


def _text(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def _altered(name: str, how: str) -> str:
    return f"ALTER DATABASE {_name(name)} {how};\n"

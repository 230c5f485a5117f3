"""Roles, databases and extensions as the recipe says; what is there already stays, and nothing is ever removed."""

from __future__ import annotations

from collections.abc import Iterator

from device import secret_files
from device.paths import Paths
from postgres.programs import sql
from postgres.settings import Database, Role, Settings


def settle(paths: Paths, settings: Settings) -> None:
    """Have the server that runs make what is missing. A replica has what the other server has."""
    if settings.replica:
        return
    passwords = {role.name: secret_files.read(paths, role.secret) for role in settings.roles}
    # No statement may bring a password into the journal: neither one that fails, nor when the recipe logs all of them.
    quiet = "SET log_min_error_statement = panic; SET log_statement = none; SET log_min_duration_statement = -1;\n"
    text = quiet + "".join(line for role in settings.roles for line in _role(role, passwords[role.name]))
    sql(text, port=settings.port, why="make the roles of the database server")
    there = sql("SELECT datname FROM pg_database", port=settings.port, why="list databases").splitlines()
    for database in settings.databases:
        if database.name not in there:
            text = f'CREATE DATABASE "{database.name}" OWNER "{database.owner}" TEMPLATE template0;'
            sql(text, port=settings.port, why=f"make the database {database.name}")
        _extend(database, settings.port)


def _role(role: Role, password: str) -> Iterator[str]:
    """The names have only letters, digits and underscores."""
    yield f"SELECT 'CREATE ROLE \"{role.name}\"' WHERE NOT EXISTS "
    yield f"(SELECT FROM pg_roles WHERE rolname = '{role.name}') \\gexec\n"
    kind = "REPLICATION" if role.replication else "NOREPLICATION"
    quoted = password.replace("'", "''")
    yield f"ALTER ROLE \"{role.name}\" LOGIN {kind} PASSWORD '{quoted}';\n"


def _extend(database: Database, port: int) -> None:
    # Whoever owns a database may do everything in it; in `public`, nobody else may make anything (as since 15).
    text = "".join(f'CREATE EXTENSION IF NOT EXISTS "{name}";\n' for name in database.extensions)
    if text:
        sql(text, port=port, database=database.name, why=f"make the extensions of {database.name}")

"""What a recipe says about databases: a server on the device itself, beside its containers. Pure.

Rules that concern several keys live in `semantics_database`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from builder.recipe.shapes import AbsolutePath, Name, Part, Port, Shape

SqlName = Annotated[
    str, Shape(r"[a-z_][a-z0-9_]{0,62}", "a name of at most 63 small letters, digits and '_', beginning with a letter")
]
Extension = Annotated[str, Shape(r"[a-z][a-z0-9_-]{0,62}", "the name of an extension such as postgis")]
SettingName = Annotated[str, Shape(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?", "the name of a setting such as work_mem")]
SettingValue = Annotated[str, Field(description="The value of the setting, as a text.")]
HostName = Annotated[
    str,
    Shape(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", "a host name such as db.example.org"),
]


class PostgresRole(Part):
    """Somebody who may log in."""

    name: SqlName
    """The name."""
    secret: Name
    """The password, one of `secrets`."""
    replication: bool = False
    """May copy everything, as a replica does; may nothing else."""


class PostgresDatabase(Part):
    """A database."""

    name: SqlName
    """The name."""
    owner: SqlName
    """Whose it is; one of `roles`."""
    extensions: tuple[Extension, ...] = ()
    """Extensions that are made in it; their packages are yours to name."""


class Replica(Part):
    """A server that copies another one as it works, and answers questions only."""

    primary: HostName
    """The name of the other one, which its certificate bears."""
    port: Port = 5432
    """Its port."""
    role: SqlName
    """Who copies; one of `roles`, with `replication: true`."""


class Postgres(Part):
    """A PostgreSQL server as a service of the device: `satchel-postgres.service`. Needs the part `lib/postgres.yml`."""

    version: Annotated[int, Field(ge=13, le=99)] = 17
    """The major version; the package `postgresql-VERSION` must be in `packages.apt`."""
    data: AbsolutePath = "/srv/data/postgres"
    """Where its data lies, in a directory for each major version; on a partition with valuable data."""
    port: Port = 5432
    """The port."""
    listen: Literal["device", "containers", "network"] = "device"
    """Who reaches it, always by TLS and with a password: programs on the device, its containers too, or everybody whom
    the firewall lets in."""
    roles: tuple[PostgresRole, ...] = ()
    """Who may log in."""
    databases: tuple[PostgresDatabase, ...] = ()
    """Databases."""
    replica: Replica | None = None
    """Be a copy of another server instead of one of one's own; roles and databases are then the other one's."""
    upgrade_from: tuple[Annotated[int, Field(ge=10, le=98)], ...] = ()
    """Earlier major versions whose data `satchel-postgres upgrade` can take over; their packages must be there."""
    settings: dict[SettingName, SettingValue] = Field(default={})
    """Settings of postgresql.conf besides those that follow from the rest."""


class Database(Part):
    """Databases on the device."""

    postgres: Postgres | None = None
    """PostgreSQL."""

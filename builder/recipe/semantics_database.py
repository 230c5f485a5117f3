"""Rules about the databases of a recipe. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from builder.recipe.database import Postgres
from builder.recipe.disk import DataClass
from builder.recipe.finding import Finding, Rule, misplaced, repeated
from builder.recipe.model import Recipe
from builder.recipe.problems import suggest

_KEYS = ("database", "postgres")
_FIXED = (
    "config_file", "data_directory", "hba_file", "ident_file", "listen_addresses", "port", "ssl", "ssl_ca_file",
    "ssl_cert_file", "ssl_key_file", "unix_socket_directories",
)  # fmt: skip
"""What follows from the rest of the recipe."""


def _postgres(recipe: Recipe) -> Postgres | None:
    return recipe.database.postgres if recipe.database else None


def _brought(recipe: Recipe) -> Iterator[Finding]:
    postgres = _postgres(recipe)
    if postgres is None:
        return
    if all(overlay.name != "postgres" for overlay in recipe.overlays):
        yield Finding(_KEYS, "nothing on the device runs PostgreSQL", "add lib/postgres.yml to `extends`")
    for place, version in (
        (("version",), postgres.version),
        *((("upgrade_from", i), version) for i, version in enumerate(postgres.upgrade_from)),
    ):
        if f"postgresql-{version}" not in recipe.packages.apt:
            hint = f"add postgresql-{version} to packages.apt"
            if place != ("version",) and not recipe.base.older:
                hint += ", and the release that has it as base.older"
            yield Finding((*_KEYS, *place), f"no package brings PostgreSQL {version}", hint)
    if recipe.tls is None:
        yield Finding(_KEYS, "its certificate would be signed by itself, and nobody could verify it", "add `tls`")


def _upgrades(recipe: Recipe) -> Iterator[Finding]:
    postgres = _postgres(recipe)
    for i, version in enumerate(postgres.upgrade_from if postgres else ()):
        if postgres and version >= postgres.version:
            yield Finding((*_KEYS, "upgrade_from", i), f"{version} is not earlier than {postgres.version}")


def _data(recipe: Recipe) -> Iterator[Finding]:
    if postgres := _postgres(recipe):
        yield from misplaced(recipe, (*_KEYS, "data"), postgres.data, DataClass.VALUABLE)


def _names(recipe: Recipe) -> Iterator[Finding]:
    postgres = _postgres(recipe)
    if postgres is None:
        return
    roles, secrets = [role.name for role in postgres.roles], [secret.name for secret in recipe.secrets]
    yield from repeated((((*_KEYS, "roles", i, "name"), name) for i, name in enumerate(roles)), "role")
    databases = (((*_KEYS, "databases", i, "name"), each.name) for i, each in enumerate(postgres.databases))
    yield from repeated(databases, "database")
    for i, role in enumerate(postgres.roles):
        if role.name in ("postgres", "public") or role.name.startswith("pg_"):
            yield Finding((*_KEYS, "roles", i, "name"), f"{role.name} is PostgreSQL's own")
        if role.secret not in secrets:
            hint = suggest(role.secret, secrets, of="the secrets are") if secrets else "add it to `secrets`"
            yield Finding((*_KEYS, "roles", i, "secret"), f"{role.secret} is none of the secrets", hint)
    for i, database in enumerate(postgres.databases):
        if database.owner not in roles:
            hint = suggest(database.owner, roles, of="the roles are") if roles else "add it to `roles`"
            yield Finding((*_KEYS, "databases", i, "owner"), f"{database.owner} is none of the roles", hint)


def _replica(recipe: Recipe) -> Iterator[Finding]:
    postgres = _postgres(recipe)
    if postgres is None or postgres.replica is None:
        return
    role = next((each for each in postgres.roles if each.name == postgres.replica.role), None)
    if role is None or not role.replication:
        message = f"{postgres.replica.role} is no role with `replication: true`"
        yield Finding((*_KEYS, "replica", "role"), message)
        return
    for keys, name in (((*_KEYS, "roles", postgres.roles.index(role), "secret"), role.secret), _authority_of(recipe)):
        secret = next((each for each in recipe.secrets if each.name == name), None)
        if secret and secret.scope != "site":
            message = f"two servers must agree on the secret {name}, and each device would make its own"
            yield Finding(keys, message, f"write `scope: site` for {name}")


def _authority_of(recipe: Recipe) -> tuple[tuple[str, ...], str]:
    return ("tls", "authority"), recipe.tls.authority if recipe.tls else ""


def _settings(recipe: Recipe) -> Iterator[Finding]:
    postgres = _postgres(recipe)
    for name in postgres.settings if postgres else ():
        if name in _FIXED:
            yield Finding((*_KEYS, "settings", name), f"{name} follows from the rest of the recipe")


_SECTIONS = ("database", "base", "packages", "overlays", "secrets", "tls", "disk")
DATABASE_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (_SECTIONS, _brought),
    (_SECTIONS, _upgrades),
    (_SECTIONS, _data),
    (_SECTIONS, _names),
    (_SECTIONS, _replica),
    (_SECTIONS, _settings),
)
"""Every rule about databases, with the sections that it reads."""

"""What the recipe decided about PostgreSQL, as the builder wrote it into the image (`postgres.json`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from device.errors import DeviceError

FILE = "/usr/lib/satchel/postgres.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Somebody who may log in."""

    name: str
    secret: str
    replication: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database, its owner and its extensions."""

    name: str
    owner: str
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """The server that this one copies, and as whom."""

    primary: str
    port: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The recipe's part."""

    version: int
    data: str
    port: int
    roles: tuple[Role, ...]
    databases: tuple[Database, ...]
    replica: Replica | None
    upgrade_from: tuple[int, ...]

    def secret_of(self, role: str) -> str:
        """The secret that holds the password of a role."""
        return next(each.secret for each in self.roles if each.name == role)


def load(path: Path) -> Settings:
    """The settings in a file.

    Raises:
        DeviceError: the file is not what the builder writes.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Settings(
            **{
                **raw,
                "roles": tuple(Role(**each) for each in raw["roles"]),
                "databases": tuple(
                    Database(**{**each, "extensions": tuple(each["extensions"])}) for each in raw["databases"]
                ),
                "replica": Replica(**raw["replica"]) if raw["replica"] else None,
                "upgrade_from": tuple(raw["upgrade_from"]),
            }
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DeviceError(f"{path} cannot be read: {error}", advice="Flash the device again.") from error

"""What the recipe decided about backups, as the builder wrote it into the image (`backup.json`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.errors import DeviceError

FILE = "/usr/lib/satchel/backup.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A directory that is worth a backup, and what stands still meanwhile."""

    path: str
    stop: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A directory on a disk of the device."""

    path: str
    beside_data: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Usb:
    """A file system that comes and goes, known by one of the two."""

    label: str | None
    uuid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Where half of what opens a bucket stands."""

    secret: str | None
    file: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class S3:
    """A bucket."""

    endpoint: str
    bucket: str
    region: str
    prefix: str
    access_key: Credential
    secret_key: Credential
    authorities: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where backups go; one of the kinds."""

    name: str
    disk: Disk | None
    usb: Usb | None
    s3: S3 | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """The server with the databases."""

    version: int
    data: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The recipe's part."""

    keep: int
    directories: tuple[Directory, ...]
    databases: tuple[str, ...]
    stop: tuple[str, ...]
    targets: tuple[Target, ...]
    mounts: tuple[str, ...]
    """Where the partitions of the device are mounted."""
    postgres: Postgres | None

    def users(self) -> tuple[str, ...]:
        """Units that use what is backed up."""
        named = (*self.stop, *(unit for directory in self.directories for unit in directory.stop))
        return tuple(dict.fromkeys(named))


def load(path: Path) -> Settings:
    """The settings in a file.

    Raises:
        DeviceError: the file is not what the builder writes.
    """
    try:
        return understood(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DeviceError(f"{path} cannot be read: {error}", advice="Flash the device again.") from error


def understood(raw: dict[str, Any]) -> Settings:
    """The settings that a mapping holds."""
    return Settings(
        keep=raw["keep"],
        directories=tuple(Directory(path=each["path"], stop=tuple(each["stop"])) for each in raw["directories"]),
        databases=tuple(raw["databases"]),
        stop=tuple(raw["stop"]),
        targets=tuple(_target(each) for each in raw["targets"]),
        mounts=tuple(raw["mounts"]),
        postgres=Postgres(**raw["postgres"]) if raw["postgres"] else None,
    )


def _target(raw: dict[str, Any]) -> Target:
    s3 = raw["s3"]
    if s3:
        s3 = S3(**{**s3, **{key: Credential(**s3[key]) for key in ("access_key", "secret_key")}})
    disk, usb = raw["disk"], raw["usb"]
    return Target(name=raw["name"], disk=Disk(**disk) if disk else None, usb=Usb(**usb) if usb else None, s3=s3)

"""What the recipe decided about containers, as the builder wrote it into the image (`containers.json`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.errors import DeviceError

FILE = "/usr/lib/satchel/containers.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUse:
    """How a container gets a secret: as a variable, or as a file."""

    name: str
    variable: str | None
    file: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A directory of the device that a container sees, and whose it is when it is made."""

    path: str
    """Where the container has it."""
    source: str
    user: int
    group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a container gets when it starts."""

    name: str
    image: str
    """What it runs from, as the recipe says."""
    env_files: tuple[str, ...]
    require: tuple[str, ...]
    secrets: tuple[SecretUse, ...]
    volumes: tuple[Volume, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The recipe's part."""

    store: str
    """The mount point of the partition with all images."""
    label: str | None
    """What its file system is called."""
    images: tuple[str, ...]
    copies: str | None
    """An image layout with all images, if the recipe wants one."""
    units: tuple[Unit, ...]


def load(path: Path) -> Settings:
    """The settings in a file.

    Raises:
        DeviceError: the file is not what the builder writes.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Settings(**{**raw, "images": tuple(raw["images"]), "units": tuple(map(_unit, raw["units"]))})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DeviceError(f"{path} cannot be read: {error}", advice="Flash the device again.") from error


def _unit(raw: dict[str, Any]) -> Unit:
    return Unit(
        name=raw["name"],
        image=raw["image"],
        env_files=tuple(raw["env_files"]),
        require=tuple(raw["require"]),
        secrets=tuple(SecretUse(**secret) for secret in raw["secrets"]),
        volumes=tuple(map(_volume, raw["volumes"])),
    )


def _volume(raw: dict[str, Any]) -> Volume:
    user, _, group = raw["owner"].partition(":")
    return Volume(path=raw["path"], source=raw["source"], user=int(user), group=int(group))

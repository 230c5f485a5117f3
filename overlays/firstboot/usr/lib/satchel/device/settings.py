"""What the recipe decided about first boot, as the builder wrote it into the image (`firstboot.json`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.errors import DeviceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """The Kolibri facility that shall be born here; `{code}` in its name stands for the facility code."""

    name: str
    preset: str
    language: str
    admin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kolibri:
    """Where Kolibri lies and how it listens."""

    venv: str
    user: str
    home: str
    content: str
    port: int
    zip_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFile:
    """A copy of a secret for a program."""

    path: str
    owner: str
    group: str
    mode: str
    """In octal digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A value that this device makes, or is told by its seed."""

    name: str
    generate: str
    scope: str
    shown: str
    file: SecretFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """An authority of the device's, or of its site's, and what it vouches for."""

    authority: str
    """The secret that holds its key."""
    names: tuple[str, ...]
    """Names besides the host name; `{hostname}` stands for it."""
    group: str | None
    """Who besides root may read the device's key."""
    reload: tuple[str, ...]
    """Units that must read a new certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The recipe's part in first boot."""

    recipe: str
    hostname: str
    """`{code}` stands for the facility code in small letters."""
    facility: Facility | None
    kolibri: Kolibri | None
    minutes: int
    """How long first boot may take in all."""
    on_new_machine: str
    """`record`, `ask` or `fork`: what to do when the disk finds itself in another machine."""
    secrets: tuple[Secret, ...]
    tls: Tls | None
    console_users: tuple[str, ...]
    """Accounts that get the administrator's password for the console."""
    grow: str | None
    """The mount point whose partition shall reach to the end of the disk."""
    esp: str | None
    """The mount point of the EFI system partition."""
    keep: str | None
    """The mount point of the first partition that is valuable, if there is one."""
    mounts: tuple[str, ...]
    """Every mount point that the recipe promises."""


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
                "facility": Facility(**raw["facility"]) if raw["facility"] else None,
                "kolibri": Kolibri(**raw["kolibri"]) if raw["kolibri"] else None,
                "secrets": tuple(map(_secret, raw["secrets"])),
                "tls": _tls(raw["tls"]) if raw["tls"] else None,
                "console_users": tuple(raw["console_users"]),
                "mounts": tuple(raw["mounts"]),
            }
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DeviceError(f"{path} cannot be read: {error}", advice="Flash the device again.") from error


def _secret(raw: dict[str, Any]) -> Secret:
    return Secret(**{**raw, "file": SecretFile(**raw["file"]) if raw["file"] else None})


def _tls(raw: dict[str, Any]) -> Tls:
    return Tls(**{**raw, "names": tuple(raw["names"]), "reload": tuple(raw["reload"])})

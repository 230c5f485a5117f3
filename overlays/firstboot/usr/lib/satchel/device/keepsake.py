"""Who this device is, kept with its data: a new system that is put beside the old data becomes the same device again.

The system and its data lie on different partitions, and only the data is worth keeping. But keys, ids and names lie
with the system. So a copy of them lies with the data, in one file for root only, which is whole or absent. What a
person could have told a device is kept as a seed, and is told to it again; the rest are files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device import files
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Settings
from seed import document
from seed.document import Facility, Seed, SeedError, Wifi

FILE = ".satchel-self.json"
_VERSION = 1
_PRIVATE, _PUBLIC = 0o600, 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepsake:
    """What makes a device the one that it is."""

    seed: Seed
    texts: dict[str, str]
    """The texts of files, by their paths on the device."""


def place(paths: Paths, settings: Settings) -> Path | None:
    """Where it lies; none on a device whose data has no partition of its own."""
    return paths.at(settings.keep) / FILE if settings.keep else None


def save(paths: Paths, settings: Settings, facts: dict[str, str]) -> None:
    """Write down who this device is, unless that is what stands there.

    Raises:
        DeviceError: it is somebody whom no seed could make.
    """
    where = place(paths, settings)
    if where is None:
        return
    try:
        seed = document.render(_seed(paths, facts)).decode().rstrip() + "\n"
    except (SeedError, ValueError, TypeError) as error:
        raise DeviceError(f"who this device is cannot be kept: {error}", advice="Correct the recipe.") from error
    texts = {str(path.relative_to(paths.root)): path.read_text(encoding="utf-8") for path in _kept(paths)}
    text = json.dumps({"version": _VERSION, "seed": seed, "files": texts}, indent=1, sort_keys=True) + "\n"
    if files.read(where) != text.strip():
        files.write(where, text, mode=_PRIVATE)


def load(paths: Paths, settings: Settings) -> Keepsake | None:
    """Who this device was; none if it never was anybody.

    Raises:
        DeviceError: it is damaged. Becoming somebody else beside somebody's data would be worse than stopping.
    """
    where = place(paths, settings)
    text = files.read(where) if where else None
    if text is None:
        return None
    try:
        return _understood(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, SeedError) as error:
        raise DeviceError(
            f"{where} cannot be understood: {error}",
            advice="Flash the whole device again. Without this file it would become a new device beside the old data.",
        ) from error


def _understood(raw: dict[str, Any]) -> Keepsake:
    seed = document.parse(raw["seed"].encode())
    if raw["version"] != _VERSION or seed is None:
        raise ValueError("it is of a version that this system does not know")
    known = {str(path) for path in _names()}
    return Keepsake(seed=seed, texts={name: str(text) for name, text in raw["files"].items() if name in known})


def restore(paths: Paths, keepsake: Keepsake) -> None:
    """Put the files back."""
    for name, text in sorted(keepsake.texts.items()):
        files.write(paths.root / name, text, mode=_mode(name))


def forget(paths: Paths, settings: Settings) -> None:
    """Remove it for good: the device becomes somebody else."""
    where = place(paths, settings)
    if where and where.parent.is_dir():
        where.unlink(missing_ok=True)
        files.sync_directory(where.parent)


def _names() -> Iterator[Path]:
    """Every file that may be in it, below the root."""
    here = Paths()
    yield from (path.relative_to(here.root) for path in _places(here))
    yield from (Path(f"etc/ssh/ssh_host_{kind}_key") for kind in ("ed25519", "ecdsa"))


def _places(paths: Paths) -> tuple[Path, ...]:
    return (
        paths.machine_id,
        *paths.tls,
        paths.tls_authority,
        paths.tls_supplied,
        paths.kolibri_environment[1],
        paths.machine,
        paths.machines,
    )


def _kept(paths: Paths) -> Iterator[Path]:
    keys = [path for path in paths.at("/etc/ssh").glob("ssh_host_*_key") if path.is_file()]
    yield from (path for path in (*_places(paths), *keys) if path.is_file())


def _mode(name: str) -> int:
    if name == "etc/machine-id":
        return 0o444
    return _PUBLIC if name.endswith(("certificate.pem", "kolibri-identity.env")) else _PRIVATE


def _seed(paths: Paths, facts: dict[str, str]) -> Seed:
    """What a person would have to tell a device to make it this one."""
    wifi = json.loads(files.read(paths.wifi) or "null")
    return Seed(
        code=facts.get("code"),
        hostname=facts.get("hostname"),
        timezone=facts.get("timezone"),
        # Its name lies in Kolibri's own database.
        facility=Facility(admin=facts.get("admin")),
        wifi=Wifi(**wifi) if wifi else None,
        admin_password=files.read(paths.admin_password),
        extra=json.loads(files.read(paths.site) or "{}"),
    )

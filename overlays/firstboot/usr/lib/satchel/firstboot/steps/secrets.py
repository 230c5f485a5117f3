"""The recipe's secrets: told by the seed, known from before, or made here; never shown but as the recipe says."""

from __future__ import annotations

import shutil

from device import files, own_seed, secret_files
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Secret, SecretFile
from firstboot.device import Device
from firstboot.journal import Facts
from seed import document, makers


def run(device: Device) -> Facts:
    """Keep every secret, and copy it to where a program wants it.

    Raises:
        DeviceError: one that the site shares is not there, or one can be read by others.
    """
    wanted = device.settings.secrets
    if not wanted:
        return {}
    secret_files.settle(device.paths, keep=device.settings.keep)
    told = own_seed.wanted(device.paths).shared
    for secret in wanted:
        value = _value(device.paths, secret, told.get(secret.name))
        if secret.file:
            _copy(device.paths, secret.file, value)
    return {}


def _value(paths: Paths, secret: Secret, told: str | None) -> str:
    known = secret_files.known(paths, secret.name)
    if told is None and known is None and secret.scope == "site":
        raise DeviceError(
            f"all devices of this site share the secret {secret.name}, and this one was not told",
            advice=f'Write it into {document.FILE}, below [secrets]: {secret.name} = "..."',
        )
    value = told or known or makers.MAKERS[secret.generate]()
    if value != known:
        secret_files.write(paths, secret.name, value)
    return value


def _copy(paths: Paths, copy: SecretFile, value: str) -> None:
    """Whole, and with its owner, before it has its name."""
    path = paths.at(copy.path)
    made = files.unfinished(path)
    files.write(made, f"{value}\n", mode=0o600)
    shutil.chown(made, copy.owner, copy.group)
    made.chmod(int(copy.mode, 8))
    made.replace(path)
    files.sync_directory(path.parent)

"""Before a container starts: its directories, and its variables from files and secrets, in memory and for root only.

A container that lacks a variable is not started, because most programs then run with a default that nobody wanted. The
same goes for a secret that others can read: it is none any more.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

from containers.settings import FILE, Settings, Unit, Volume, load
from device import environment, files, secret_files
from device.errors import DeviceError
from device.paths import Paths

PLACE = "/run/satchel/containers"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def main(arguments: list[str]) -> int:
    """Prepare the container that the one argument names; the exit status is for systemd."""
    paths = Paths()
    try:
        prepare(paths, load(paths.at(FILE)), arguments[0])
    except DeviceError as error:
        print(f"{error.reason}\n{error.advice}", file=sys.stderr)
        return 1
    return 0


def prepare(paths: Paths, settings: Settings, name: str) -> None:
    """Make what a container gets.

    Raises:
        DeviceError: a variable is missing, or a secret is missing or can be read by others.
    """
    unit = next(each for each in settings.units if each.name == name)
    for volume in unit.volumes:
        _make_directory(paths, volume)
    # What lies below can be read by the container's user only because it is handed to the container.
    paths.at(PLACE).mkdir(mode=0o700, parents=True, exist_ok=True)
    variables = dict(_from_files(paths, unit))
    for use in unit.secrets:
        secret = secret_files.read(paths, use.name)
        if use.variable:
            variables[use.variable] = secret
        else:
            files.write(paths.at(f"{PLACE}/{name}/{use.name}"), secret, mode=0o444)
    missing = [each for each in unit.require if not variables.get(each)]
    if missing:
        places = " and ".join(unit.env_files) or "the recipe"
        raise DeviceError(
            f"{name} is not started: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
            advice=f"Set it in {places}, then: systemctl restart {name}",
        )
    text = "".join(f"{key}={value}\n" for key, value in variables.items())
    files.write(paths.at(f"{PLACE}/{name}.env"), text, mode=0o600)


def _make_directory(paths: Paths, volume: Volume) -> None:
    """What is there already belongs to whom it belongs."""
    directory = paths.at(volume.source)
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        # The owner before the name: a power cut must not leave one that the container cannot write to.
        made = files.unfinished(directory)
        made.mkdir(mode=0o750, exist_ok=True)
        os.chown(made, volume.user, volume.group)
        made.rename(directory)
        files.sync_directory(directory.parent)


def _from_files(paths: Paths, unit: Unit) -> Iterator[tuple[str, str]]:
    for file in unit.env_files:
        try:
            text = paths.at(file).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise DeviceError(f"{file} is missing, with variables of {unit.name}", advice="Write it.") from error
        for name, value in environment.parse(text).items():
            if not _NAME.fullmatch(name):
                raise DeviceError(f"{file} sets {name!r}, which is not the name of a variable", advice="Correct it.")
            yield name, value

"""Another image for a container, and the way back: tried before it counts, and never without the one before.

What runs is the recipe's image unless a drop-in of the Quadlet file names another one. The drop-in is the only witness;
the record beside it says what ran before. A new system brings its own image: neither comes along.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from containers.settings import Settings, Unit
from device import files
from device.commands import run
from device.errors import DeviceError
from device.paths import Paths

PLACE = "/var/lib/satchel/containers"
"""Records, and the archives of images that `satchel-reset containers` must be able to load again."""

_MINUTES = 60
_DROP_IN = "/etc/containers/systemd/{name}.container.d/90-replaced.conf"
_IMAGE = "Image="


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a container runs from."""

    name: str
    image: str
    before: str | None
    """What it ran from before it was replaced; none if it never was."""


def running(paths: Paths, unit: Unit) -> Running:
    """What a container runs from, by its files."""
    drop_in = files.read(paths.at(_DROP_IN.format(name=unit.name))) or ""
    named = [line.removeprefix(_IMAGE) for line in drop_in.splitlines() if line.startswith(_IMAGE)]
    record = files.read(_record(paths, unit))
    return Running(
        name=unit.name, image=named[-1] if named else unit.image, before=json.loads(record) if record else None
    )


def replace(paths: Paths, settings: Settings, name: str, image: str, archive: Path | None) -> None:
    """Run a container from another image; from the one before, if the new one does not work.

    Args:
        image: The whole name of an image in the store, or in the archive.
        archive: A file to load first, as `podman save` and `satchel container export` write it.

    Raises:
        DeviceError: there is no such container or image, it keeps data where the container has no volume, or it does
            not work; the container runs as before.
    """
    unit = unit_of(settings, name)
    now = running(paths, unit)
    if image == now.image:
        raise DeviceError(f"{name} runs from {image} already", advice="Nothing was done.")
    try:
        if archive:
            _load(paths, settings, image, archive)
        _look_at(unit, image)
        files.write(_record(paths, unit), json.dumps(now.image))
        _try(paths, unit, now, image)
    finally:
        _tidy(paths, settings)


def back(paths: Paths, settings: Settings, name: str) -> Running:
    """Run a container from the image before, and say what it runs from now.

    Raises:
        DeviceError: it was not replaced, or the one before does not start.
    """
    unit = unit_of(settings, name)
    now = running(paths, unit)
    if now.before is None:
        raise DeviceError(f"{name} was not replaced", advice="There is nothing to go back to.")
    _go_back(paths, unit, Running(name=name, image=now.before, before=None))
    _tidy(paths, settings)
    return running(paths, unit)


def unit_of(settings: Settings, name: str) -> Unit:
    """A container of the recipe.

    Raises:
        DeviceError: there is none of that name.
    """
    for unit in settings.units:
        if unit.name == name:
            return unit
    known = ", ".join(unit.name for unit in settings.units) or "none"
    raise DeviceError(f"there is no container {name}", advice=f"The containers of this device: {known}.")


def archives(paths: Paths) -> tuple[Path, ...]:
    """Archives of images that do not come with the system."""
    return tuple(sorted(paths.at(PLACE).glob("*.tar")))


def _load(paths: Paths, settings: Settings, image: str, archive: Path) -> None:
    if not archive.is_file():
        raise DeviceError(f"there is no file {archive}", advice="Say where the archive of the image is.")
    if settings.copies:
        _keep(archive, _kept(paths, image))
    advice = "The archive may be damaged; `podman load --input FILE` says more. Nothing was changed."
    said = run(
        ("podman", "load", "--input", str(archive)), why="load the archive", advice=advice, timeout=_MINUTES * 60
    )
    loaded = [line.partition(": ")[2] for line in said.splitlines() if line.startswith("Loaded image")]
    if image not in loaded:
        raise DeviceError(
            f"the archive holds {', '.join(loaded) or 'no named image'}, not {image}", advice="Nothing was changed."
        )


def _keep(archive: Path, kept: Path) -> None:
    """A copy for `satchel-reset`, whole or absent."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    room, size = shutil.disk_usage(kept.parent).free, archive.stat().st_size
    if room < size:
        raise DeviceError(
            f"{kept.parent} has no room for {archive}: it takes {size >> 20} MiB, and {room >> 20} MiB are free",
            advice="Make room. Nothing was changed.",
        )
    new = files.unfinished(kept)
    with archive.open("rb") as source, new.open("wb") as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        os.fsync(copy.fileno())
    new.rename(kept)
    files.sync_directory(kept.parent)


def _kept(paths: Paths, image: str) -> Path:
    return paths.at(f"{PLACE}/{image.replace('/', '+')}.tar")


def _tidy(paths: Paths, settings: Settings) -> None:
    """Archives are kept of what runs and of what ran before."""
    states = [running(paths, unit) for unit in settings.units]
    wanted = {_kept(paths, image) for each in states for image in (each.image, each.before) if image}
    for archive in set(archives(paths)) - wanted:
        archive.unlink()


def _look_at(unit: Unit, image: str) -> None:
    ask = ("podman", "image", "inspect", "--format", "{{json .Config.Volumes}}", image)
    said = run(ask, why=f"look for {image}", advice="Load it first: --from ARCHIVE. Nothing was changed.")
    mapped = [volume.path for volume in unit.volumes]
    loose = [path for path in json.loads(said) or {} if not any(_holds(each, path) for each in mapped)]
    if loose:
        raise DeviceError(
            f"{image} keeps data in {', '.join(loose)}, which would be lost with the container",
            advice="The recipe has no volume there, so it needs a new system. Nothing was changed.",
        )


def _holds(directory: str, path: str) -> bool:
    return Path(path).is_relative_to(directory)


def _try(paths: Paths, unit: Unit, now: Running, image: str) -> None:
    try:
        _start(paths, unit, image)
    except DeviceError as error:
        _go_back(paths, unit, now)
        raise DeviceError(
            f"{image} does not work in the place of {now.image}, which runs again\n{error.reason}",
            advice=f"See what it said: journalctl -u {unit.name}",
        ) from error


def _start(paths: Paths, unit: Unit, image: str) -> None:
    drop_in = paths.at(_DROP_IN.format(name=unit.name))
    if image == unit.image:
        drop_in.unlink(missing_ok=True)
    else:
        files.write(drop_in, f"# By satchel-container.\n[Container]\n{_IMAGE}{image}\n")
    run(("systemctl", "daemon-reload"), why="tell systemd of the image")
    service = f"{unit.name}.service"
    # It may have given up on an image that does not work.
    run(("systemctl", "reset-failed", service), why="forget former failures")
    run(("systemctl", "restart", service), why=f"start {unit.name} from {image}", timeout=_MINUTES * 60)


def _go_back(paths: Paths, unit: Unit, to: Running) -> None:
    _start(paths, unit, to.image)
    if to.before is None:
        _record(paths, unit).unlink(missing_ok=True)
    else:
        files.write(_record(paths, unit), json.dumps(to.before))


def _record(paths: Paths, unit: Unit) -> Path:
    return paths.at(f"{PLACE}/{unit.name}.json")

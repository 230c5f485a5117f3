"""Rules about the backups of a recipe. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from builder.recipe.backup import Backup
from builder.recipe.disk import DataClass
from builder.recipe.finding import Finding, Mounted, Rule, misplaced, mounted, repeated
from builder.recipe.model import Recipe
from builder.recipe.problems import suggest
from builder.recipe.tree import Keys

_LONGEST = 48
"""Letters in the name of a database: PostgreSQL takes 63, and a restore puts `satchel_aside_` before it."""


def _brought(recipe: Recipe) -> Iterator[Finding]:
    if recipe.backup is None:
        return
    if all(overlay.name != "backup" for overlay in recipe.overlays) or "zstd" not in recipe.packages.apt:
        yield Finding(("backup",), "nothing on the device makes backups", "add lib/backup.yml to `extends`")
    for i, target in enumerate(recipe.backup.targets):
        if target.s3 and "s3cmd" not in recipe.packages.apt:
            yield Finding(("backup", "targets", i, "s3"), "nothing speaks to S3", "add s3cmd to packages.apt")


def _something(recipe: Recipe) -> Iterator[Finding]:
    if recipe.backup and not recipe.backup.directories and not recipe.backup.databases:
        yield Finding(("backup",), "nothing is backed up", "name `directories` or `databases`")


def _directories(recipe: Recipe) -> Iterator[Finding]:
    mounts = list(mounted(recipe))
    places = _places(recipe.backup)
    for number, (keys, path) in enumerate(places):
        yield from misplaced(recipe, keys, path, DataClass.VALUABLE)
        for mount in mounts:
            if mount.path == path:
                message = f"{path} is a mount point, which a restore cannot exchange"
                yield Finding(keys, message, "name the directories in it")
            elif _holds(path, mount.path):
                yield Finding(keys, f"{mount.path} is mounted inside {path}", "name the directories beside it")
        for _, other in places[:number]:
            if _holds(other, path) or _holds(path, other):
                yield Finding(keys, f"{path} and {other} lie in one another", "name the outer one only")
        postgres = recipe.database.postgres if recipe.database else None
        if postgres and (_holds(postgres.data, path) or _holds(path, postgres.data)):
            message = f"{postgres.data} is the data of a server at work, and no copy of its files is whole"
            yield Finding(keys, message, "name its databases under `databases`")


def _databases(recipe: Recipe) -> Iterator[Finding]:
    if recipe.backup is None:
        return
    postgres = recipe.database.postgres if recipe.database else None
    names = [database.name for database in postgres.databases] if postgres else []
    keys = ("backup", "databases")
    yield from repeated((((*keys, i), name) for i, name in enumerate(recipe.backup.databases)), "database")
    for i, name in enumerate(recipe.backup.databases):
        if name not in names:
            hint = suggest(name, names, of="the databases are") if names else "add `database.postgres` with it"
            yield Finding((*keys, i), f"{name} is none of the databases of this device", hint)
        if len(name) > _LONGEST:
            message = f"the name {name} is too long: while a restore is at work, the server needs a longer one"
            yield Finding((*keys, i), message, f"choose one of at most {_LONGEST} letters")
    if postgres and postgres.replica and recipe.backup.databases:
        message = f"a replica has what {postgres.replica.primary} has, and nothing can be restored to it"
        yield Finding(keys, message, f"back databases up on {postgres.replica.primary}")


def _units(recipe: Recipe) -> Iterator[Finding]:
    if recipe.backup is None:
        return
    containers = [f"{unit.name}.service" for unit in recipe.containers.units] if recipe.containers else []
    known = [*recipe.units.enable, *containers]
    named: list[tuple[Keys, str]] = [(("backup", "stop", i), unit) for i, unit in enumerate(recipe.backup.stop)]
    for i, directory in enumerate(recipe.backup.directories):
        named += [(("backup", "directories", i, "stop", j), unit) for j, unit in enumerate(directory.stop)]
    for keys, unit in named:
        if unit not in known:
            yield Finding(keys, f"the recipe starts no {unit}", suggest(unit, known, of="it starts"))


def _targets(recipe: Recipe) -> Iterator[Finding]:
    if recipe.backup is None:
        return
    names = ((("backup", "targets", i, "name"), target.name) for i, target in enumerate(recipe.backup.targets))
    yield from repeated(names, "target")
    secrets = [secret.name for secret in recipe.secrets]
    for i, target in enumerate(recipe.backup.targets):
        for key in ("access_key", "secret_key") if target.s3 else ():
            name = getattr(target.s3, key).secret
            if name and name not in secrets:
                hint = suggest(name, secrets, of="the secrets are") if secrets else "add it to `secrets`"
                yield Finding(("backup", "targets", i, "s3", key, "secret"), f"{name} is none of the secrets", hint)


def _disks(recipe: Recipe) -> Iterator[Finding]:
    places = _places(recipe.backup)
    sources = [path for _, path in places]
    if recipe.backup and recipe.backup.databases and recipe.database and recipe.database.postgres:
        sources.append(recipe.database.postgres.data)
    mounts = list(mounted(recipe))
    for i, target in enumerate(recipe.backup.targets if recipe.backup else ()):
        if target.disk is None:
            continue
        keys, path = ("backup", "targets", i, "disk", "path"), target.disk.path
        yield from misplaced(recipe, keys, path, DataClass.VALUABLE)
        inside = next((source for source in sources if _holds(source, path) or _holds(path, source)), None)
        if inside:
            yield Finding(keys, f"{path} and {inside}, which is backed up, lie in one another", "choose another place")
            continue
        beside = next((source for source in sources if _partition(mounts, source) == _partition(mounts, path)), None)
        if beside and not target.disk.beside_data:
            message = f"{path} lies on the same partition as {beside}, and would be lost with it"
            hint = "choose another partition, or write `beside_data: true` if it is only against mistakes"
            yield Finding(keys, message, hint)


def _places(backup: Backup | None) -> list[tuple[Keys, str]]:
    directories = backup.directories if backup else ()
    return [(("backup", "directories", i, "path"), each.path) for i, each in enumerate(directories)]


def _holds(outer: str, path: str) -> bool:
    return f"{path}/".startswith(f"{outer.rstrip('/')}/")


def _partition(mounts: list[Mounted], path: str) -> Keys:
    """The keys of the partition that a path lies on; none if it lies on none."""
    owner = max((mount for mount in mounts if mount.holds(path)), key=lambda mount: len(mount.path), default=None)
    return owner.keys[:3] if owner else ()


_SECTIONS = ("backup", "disk", "database", "containers", "units", "secrets", "overlays", "packages")
BACKUP_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (_SECTIONS, _brought),
    (_SECTIONS, _something),
    (_SECTIONS, _directories),
    (_SECTIONS, _databases),
    (_SECTIONS, _units),
    (_SECTIONS, _targets),
    (_SECTIONS, _disks),
)
"""Every rule about backups, with the sections that it reads."""

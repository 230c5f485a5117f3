"""A facility is born on the build host, for one device, so that its id is known when the card is flashed.

Kolibri itself provisions a copy of the image's sealed home; what that adds to the database is packed into the seed, and
the device puts it into its own sealed home. Ids of database and instance are left out: those are made on the device.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from seed import born, code, password
from seed.born import Born, Row
from seed.document import Seed

from builder.errors import BuildFailed, PlanError
from builder.kolibri.command import KolibriCommand, Runner
from builder.recipe.model import FirstBoot, Kolibri

_DEVICE_NAME_LENGTH: Final = 50
_CONTENT: Final = "content_"
"""What the names of tables with channels begin with: large, and nothing that provisioning touches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The facility that shall be born."""

    name: str
    preset: str
    language: str
    admin: str
    password: str = field(repr=False)
    hostname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nursery:
    """Where it can happen: a Kolibri, a sealed home, and a room that both this process and Kolibri see."""

    runner: Runner
    kolibri: Kolibri
    sealed: Path
    """The sealed home; it is only read."""
    owner: tuple[int, int]
    """User and group of Kolibri's account."""
    room: Path
    inside: str
    """The room as Kolibri's programs see it."""

    def bear(self, wanted: Wanted) -> Born:
        """A new facility with its certificate, its private key and its administrator.

        Raises:
            CommandFailed: Kolibri failed.
            BuildFailed: it said that it did not, and the result is not what was asked for.
        """
        home, file = self.room / "home", self.room / "provision.json"
        self._copy(home)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as provision:
            provision.write(_provision(wanted))
        for path in (self.room, file, home, *home.iterdir()):
            os.chown(path, *self.owner)
        try:
            kolibri = self.kolibri.model_copy(update={"home": f"{self.inside}/home"})
            command = KolibriCommand(runner=self.runner, kolibri=kolibri)
            command.provision(f"{self.inside}/provision.json", why="make the facility")
            rows = _added(self.sealed / "db.sqlite3", home / "db.sqlite3")
        finally:
            file.unlink(missing_ok=True)
            shutil.rmtree(home)
        version = (self.sealed / ".data_version").read_text(encoding="ascii").strip()
        return _proved(Born(kolibri=version, rows=rows), wanted)

    def _copy(self, home: Path) -> None:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o700)
        for path in self.sealed.iterdir():
            if path.is_file() and not path.is_symlink():
                shutil.copyfile(path, home / path.name)


def settle(seed: Seed, nursery: Nursery, first_boot: FirstBoot) -> tuple[Seed, Born]:
    """Let the facility of a seed be born, with the recipe's words where the seed has none.

    The seed that comes back names everything that the facility depends on, so that the device decides nothing else.

    Raises:
        SatchelError: it could not be born.
    """
    default = first_boot.facility
    if default is None:
        raise PlanError("the recipe has no Kolibri facility")
    chosen, secret = seed.code or code.mint(), seed.admin_password or password.mint()
    hostname = seed.hostname or first_boot.hostname.replace("{code}", chosen.lower())
    child = nursery.bear(
        Wanted(
            name=(seed.facility.name or default.name).replace("{code}", chosen),
            preset=seed.facility.preset or default.preset,
            language=seed.facility.language or default.language,
            admin=seed.facility.admin or default.admin,
            password=secret,
            hostname=hostname,
        )
    )
    facility = replace(seed.facility, name=child.facility_name, admin=child.admin)
    told = replace(seed, code=chosen, hostname=hostname, admin_password=secret, facility=facility)
    return replace(told, born=born.pack(child)), child


def _provision(wanted: Wanted) -> str:
    return json.dumps(
        {
            "facility_name": wanted.name,
            "preset": wanted.preset,
            "facility_settings": {},
            "device_settings": {"language_id": wanted.language, "name": wanted.hostname[:_DEVICE_NAME_LENGTH]},
            "superuser": {"username": wanted.admin, "password": wanted.password},
        }
    )


def _added(before: Path, after: Path) -> dict[str, Row]:
    """The row that each table of a facility has got; a change anywhere else fails loudly."""
    uris = [f"{path.absolute().as_uri()}?mode=ro" for path in (before, after)]
    with closing(sqlite3.connect(uris[0], uri=True)) as old, closing(sqlite3.connect(uris[1], uri=True)) as new:
        tables = [name for (name,) in new.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows: dict[str, Row] = {}
        for table in tables:
            if table.startswith(_CONTENT) or table in born.MADE_ON_THE_DEVICE:
                continue
            found = new.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in found.description]
            there, known = set(found), set(old.execute(f'SELECT * FROM "{table}"'))
            if there == known:
                continue
            if table not in born.TABLES or len(there - known) != 1 or known - there:
                raise BuildFailed(
                    f"provisioning changed the table {table} in a way that this Satchel does not know",
                    hint="let the facility be born on the device, without --born; and please report it",
                )
            rows[table] = dict(zip(columns, (there - known).pop(), strict=True))
    if missing := sorted(set(born.TABLES) - set(rows)):
        raise BuildFailed(f"Kolibri did not make a whole facility: there is nothing new in {', '.join(missing)}")
    return rows


def _proved(child: Born, wanted: Wanted) -> Born:
    """What the device will see, if it is what was asked for: Kolibri's exit status alone proves nothing."""
    try:
        seen = born.unpack(born.pack(child))
    except ValueError as error:
        raise BuildFailed(f"Kolibri did not make a whole facility: {error}") from error
    asked = (wanted.name, wanted.admin, True)
    if (seen.facility_name, seen.admin, seen.opens_with(wanted.password)) != asked:
        raise BuildFailed("Kolibri made another facility than it was asked for")
    return seen

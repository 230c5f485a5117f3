"""Fork: the learners stay, the device becomes a facility of its own, with new ids, keys and certificate.

Each step below may be cut off anywhere and run again: the copies appear when they are whole, the facility changes in
one transaction of one database, and everything else is written from what was decided before (`clones.change`).
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from clones import change, kept, machine, own
from clones.change import Change
from device import files, kolibri_db, kolibri_home
from device.errors import DeviceError
from device.settings import Kolibri
from firstboot.device import Device
from firstboot.journal import Facts, Journal
from firstboot.steps import facility, kolibri_identity

_PROGRAM = "/usr/lib/satchel/kolibri/recreate_facility.py"
_DEVICE_NAME_LENGTH = 50
_AGAIN = ("hostname", "ssh-keys", "tls-key", "kolibri-identity", "machine", "identity", "keep-self", "report")
"""The steps of first boot that make again what a fork has taken away."""
_MAP = "satchel_fork"
_RECREATE_SECONDS = 3000.0
"""Years of a large school's logs are copied row by row."""
_NOTIFIED = ("user_id", "classroom_id", "lesson_id", "quiz_id", "course_session_id")


def require_room(device: Device) -> None:
    """Insist that a fork can be made, before it is begun.

    Raises:
        DeviceError: the disk is too full.
    """
    if device.settings.kolibri is not None:
        kept.require_room(device.paths.at(device.settings.kolibri.home))


def own_facility(device: Device) -> tuple[str, str, str] | None:
    """Id, dataset id and name of the facility that a fork is about; nothing when there is none."""
    kolibri = device.settings.kolibri
    try:
        return kolibri_db.own_facility(device.paths.at(kolibri.home)) if kolibri else None
    except ValueError:
        return None


def run(device: Device, wanted: Change) -> None:
    """Do all of it. First boot must run afterwards, which makes what is missing then.

    Raises:
        DeviceError: it cannot be finished now. If Kolibri could not make the new facility, the fork is given up with
            nothing changed, so that the next boot decides anew instead of failing for ever.
    """
    journal = Journal(device.paths.journal)
    kolibri = device.settings.kolibri
    fresh = replace(device, facts={"code": wanted.code, "machine_id": wanted.machine_id})
    copy = ""
    if kolibri is not None:
        home = device.paths.at(kolibri.home)
        place = kept.place(home, wanted)
        copy = str(place.relative_to(device.paths.root))
        kept.keep(home, place)
        try:
            _recreate(fresh, kolibri, wanted)
        except DeviceError as error:
            if _old_facility(home, wanted) is not None:
                _notify_again(home, place, {})
                change.give_up(device.paths, wanted, "fork-failed", reason=error.reason)
            raise
        _mend(home, place)
    own.forget(device.paths, machine_id=wanted.machine_id)
    if kolibri is not None:
        kolibri_identity.run(fresh)
        journal.mark("facility", {**(journal.facts("facility") or {}), **_who_it_is(fresh, kolibri)})
    journal.mark("machine-id", {"machine_id": wanted.machine_id})
    journal.mark("code", {"code": wanted.code})
    # A seed was meant for one device. Its place stays taken, so that it is not read again.
    if journal.facts("seed") is not None:
        journal.mark("seed", {})
    journal.forget(*_AGAIN)
    machine.save(device.paths, machine.here(device.paths))
    change.finish(device.paths, wanted, "forked", databases=copy)


def _recreate(device: Device, kolibri: Kolibri, wanted: Change) -> None:
    """Have Kolibri make the new facility, unless its database shows that this is done."""
    old = _old_facility(device.paths.at(kolibri.home), wanted)
    if old is None:
        return
    pattern = device.settings.facility.name if device.settings.facility else ""
    hostname = device.settings.hostname.replace("{code}", wanted.code.lower())
    order = {
        "facility": old,
        "names": [pattern.replace("{code}", wanted.formerly.get("code", "")), pattern.replace("{code}", wanted.code)],
        "device_names": [name[:_DEVICE_NAME_LENGTH] for name in (wanted.formerly.get("hostname", ""), hostname)],
    }
    program = f"exec(compile(open({str(device.paths.at(_PROGRAM))!r}).read(), 'fork', 'exec'), {{}})"
    why = "The facility could not be made anew. Nothing was changed"
    arguments = ("manage", "shell", "-c", program)
    facility.run_kolibri(device, kolibri, arguments, why=why, timeout=_RECREATE_SECONDS, SATCHEL_FORK=json.dumps(order))
    if _old_facility(device.paths.at(kolibri.home), wanted) is not None:
        raise DeviceError(f"{why}: Kolibri did not do it", advice="Send this text to your support.")


def _old_facility(home: Path, wanted: Change) -> str | None:
    """The id of the facility that must go, if it is still there."""
    old = wanted.formerly.get("facility_id")
    return old if old in {facility_id for facility_id, _, _ in kolibri_db.provisioning(home).facilities} else None


def _mend(home: Path, copies: Path) -> None:
    """Bring the databases along that take no part in Kolibri's transaction. Nothing to do when the map is gone."""
    with closing(sqlite3.connect(home / kolibri_home.MAIN_DATABASE, timeout=30)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_MAP,)).fetchone():
            return
        ids = dict(db.execute(f"SELECT old, new FROM {_MAP}"))
        _notify_again(home, copies, ids)
        _empty(home / "sessions.sqlite3", "kolibriauth_session")
        _empty(home / "syncqueue.sqlite3", "device_syncqueue")
        _drop_jobs(home / "job_storage.sqlite3", ids)
        with db:
            db.execute(f"DROP TABLE {_MAP}")
        # The old facility's private key must not stay readable for Kolibri in pages that are free.
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.rmtree(home / "process_cache", ignore_errors=True)


def _notify_again(home: Path, copies: Path, ids: dict[str, str]) -> None:
    """What coaches were told of their learners: deleted by Kolibri with the old users, put back from the copy."""
    columns = ", ".join(
        f"{column} = coalesce((SELECT new FROM ids WHERE old = {column}), {column})" for column in _NOTIFIED
    )
    with closing(sqlite3.connect((home / "notifications.sqlite3").as_uri(), uri=True, timeout=30)) as db:
        db.execute("ATTACH ? AS copy", (f"{(copies / 'notifications.sqlite3').as_uri()}?mode=ro&immutable=1",))
        with db:
            db.execute("CREATE TEMPORARY TABLE ids (old TEXT PRIMARY KEY, new TEXT)")
            db.executemany("INSERT INTO ids VALUES (?, ?)", ids.items())
            db.execute("DELETE FROM notifications_learnerprogressnotification")
            db.execute(
                "INSERT INTO notifications_learnerprogressnotification"
                " SELECT * FROM copy.notifications_learnerprogressnotification"
            )
            db.execute(f"UPDATE notifications_learnerprogressnotification SET {columns}")


def _empty(path: Path, table: str) -> None:
    """Logins and the queue of devices name users by ids that are gone."""
    with closing(sqlite3.connect(path, timeout=30)) as db, db:
        db.execute(f"DELETE FROM {table}")


def _drop_jobs(path: Path, ids: dict[str, str]) -> None:
    """Tasks for the old facility, such as a sync every night, must not be done to it by the new one."""
    with closing(sqlite3.connect(path, timeout=30)) as db, db:
        jobs = db.execute("SELECT id, saved_job FROM jobs").fetchall()
        db.executemany(
            "DELETE FROM jobs WHERE id = ?", [(job,) for job, text in jobs if any(old in text for old in ids)]
        )


def _who_it_is(device: Device, kolibri: Kolibri) -> Facts:
    """The new ids, after Kolibri has made the ones that depend on the new machine id."""
    facility.set_up(device, kolibri)
    home = device.paths.at(kolibri.home)
    state = kolibri_db.provisioning(home)
    files.write(home / kolibri_home.OWNER_MARK, "")
    return facility.facts_of(home, state, kolibri_db.own_facility(home)) if state.facilities else {}

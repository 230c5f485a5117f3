"""The home of a Kolibri that a school has used: half a channel, and learners' names in every corner."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from builder.kolibri.channels import Channel
from builder.kolibri.demo.channel import make_demo_channel
from tests.integration.kolibri.kolibri_device import Device, unprepared

from .school import sql

LEARNERS = tuple(
    (f"amina_wanjiru_{n}", f"Amina Wanjiru Okello {n}") for n in ("zeb", "qux", "vop", "wib", "jul", "kaz")
)
CLASS, GROUP, LESSON = "Darasa la Nne Kipepeo", "Kikundi cha Simba", "Somo la Maji na Amina"
FACILITY, DEVICE, PEER = "Shule ya Msingi Kipepeo", "kifaa-cha-mwalimu-otieno", "10.77.13.201"
SESSION, EXPORTED = "kikao-cha-amina-vop", "Orodha ya Wanafunzi Kipepeo"
NAMES = (
    *(name for learner in LEARNERS for name in learner),
    *(CLASS, GROUP, LESSON, FACILITY, DEVICE, PEER, SESSION, EXPORTED),
)
assert len(NAMES) == 20

_USE = f"""
from kolibri.core.auth.models import Classroom, Facility, FacilityUser, LearnerGroup
from kolibri.core.device.models import DeviceAppKey, DeviceSettings
from kolibri.core.lessons.models import Lesson
facility = Facility.objects.get()
teacher = FacilityUser.objects.get()
room = Classroom.objects.create(name="{CLASS}", parent=facility)
LearnerGroup.objects.create(name="{GROUP}", parent=room)
for username, name in {LEARNERS!r}:
    learner = FacilityUser.objects.create(username=username, full_name=name, facility=facility)
    learner.set_password("hunter2hunter2"); learner.save()
    room.add_member(learner)
Lesson.objects.create(title="{LESSON}", collection=room, created_by=teacher, resources=[])
settings = DeviceSettings.objects.get(); settings.name = "{DEVICE}"; settings.save()
DeviceAppKey.get_app_key()
"""


def make_used(directory: Path, venv: Path) -> tuple[Device, Channel]:
    """A home with the English half of a channel, and its people; the channel as it is published, too."""
    channel = make_demo_channel(directory / "published" / "content", languages=("en", "sw"), lessons=2)
    device = Device(
        kolibri=unprepared(directory, venv), mount=directory, channel=channel, pristine=directory / "pristine"
    )
    device.home.parent.mkdir(parents=True)
    device.provision(FACILITY)
    (english,) = sql(
        directory / "published/content/databases" / f"{channel.id}.sqlite3",
        "SELECT id FROM content_contentnode WHERE title = 'Lessons in English'",
    )[0]
    published = str(directory / "published")
    device.kolibri_command("manage", "importchannel", "disk", channel.id, published)
    device.kolibri_command("manage", "importcontent", "--node_ids", english, "--fail-on-error", "disk", channel.id,
                           published)  # fmt: skip
    device.kolibri_command("manage", "shell", "-c", _USE)
    exported = device.home / "media" / "log_export" / "names.csv"
    exported.parent.mkdir(parents=True)
    exported.write_text(f"{EXPORTED}\n{LEARNERS}\n")
    with (device.home / "logs" / "kolibri.txt").open("a") as log:
        log.write(f"INFO login of {LEARNERS[0][0]} from {PEER}\n")
    row = "(session_key, session_data, expire_date) VALUES ('k', ?, '2030-01-01')"
    sql(device.home / "sessions.sqlite3", f"INSERT INTO kolibriauth_session {row}", SESSION)
    return device, channel


@contextmanager
def in_the_journal(home: Path, statement: str) -> Iterator[None]:
    """While the block runs, only the journal of the database has a change: nobody has written it back."""
    with closing(sqlite3.connect(home / "db.sqlite3")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        with database:
            database.execute(statement)
        assert (home / "db.sqlite3-wal").stat().st_size
        yield


def names_in(*places: Path) -> set[str]:
    """Planted names that any file has, in its bytes or its name."""
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place]) if file.is_file()]
    return {name for file in files for name in NAMES if name.encode() in file.read_bytes() or name in str(file.name)}


RENAME = f"UPDATE kolibriauth_collection SET name = '{CLASS} B' WHERE kind = 'classroom'"
"""A change that concerns people."""

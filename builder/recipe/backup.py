"""What a recipe says about backups: what is worth one, how often, and where they go. Pure.

Rules that concern several keys live in `semantics_backup`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from builder.recipe.database import SqlName
from builder.recipe.shapes import AbsolutePath, Choice, Name, Part, Shape, UnitName

_DAY = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
Calendar = Annotated[
    str,
    Shape(
        rf"hourly|daily|weekly|monthly|({_DAY}((,|\.\.){_DAY})* )?([01][0-9]|2[0-3]):[0-5][0-9]",
        "hourly, daily, weekly, monthly, or a time with or without days, such as 02:30 or Mon..Fri 02:30",
    ),
]
Label = Annotated[str, Shape(r"[A-Za-z0-9._-]{1,16}", "a label of 1 to 16 letters, digits, '.', '_' and '-'")]
FolderName = Annotated[
    str, Shape(r"[A-Za-z0-9][A-Za-z0-9._-]*", "the name of a folder, of letters, digits, '.', '_' and '-'")
]


class BackupDirectory(Part):
    """A directory that is worth a backup."""

    path: AbsolutePath
    """The directory, on a partition with valuable data."""
    stop: tuple[UnitName, ...] = ()
    """Units that stand still while it is read, and while a restore exchanges it. Without them it is read as it is
    being used: databases of SQLite are whole all the same, other files are as they are at that moment."""


class DiskTarget(Part):
    """A directory on a disk of the device."""

    path: AbsolutePath
    """The directory, on a partition with valuable data."""
    beside_data: bool = False
    """May lie on the same partition as what is backed up: it then helps against mistakes, not against the loss of the
    disk."""


class UsbTarget(Choice):
    """A file system that is mounted only while a backup is made or read, such as that of a USB stick."""

    label: Label | None = None
    """The label of the file system."""
    uuid: Annotated[str, Shape(r"[0-9A-Fa-f-]{9,36}", "a UUID as blkid shows it")] | None = None
    """Its UUID."""


class Credential(Choice):
    """Half of what opens a bucket; never in the recipe itself."""

    secret: Name | None = None
    """One of `secrets`."""
    file: AbsolutePath | None = None
    """A file of one line for root only, that somebody puts onto the device."""


class S3Target(Part):
    """A bucket of whatever speaks the language of S3. Needs the package `s3cmd`."""

    endpoint: Annotated[
        str, Shape(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", "an address such as https://s3.example.org:9000")
    ]
    """Where it answers."""
    bucket: Annotated[str, Shape(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket")]
    """The bucket, which must be there."""
    region: Annotated[str, Shape(r"[A-Za-z0-9-]+", "the name of a region")] = "us-east-1"
    """Its region; most servers of one's own do not mind."""
    prefix: FolderName = "satchel-backup"
    """The folder in it."""
    access_key: Credential
    """Who we are."""
    secret_key: Credential
    """The proof."""
    authorities: AbsolutePath | None = None
    """A file with the certificates of the authorities that vouch for it (PEM), where those of the system do not."""


class BackupTarget(Choice):
    """Where backups go. Below it, each device has a folder of its host name."""

    name: Name
    """What it is called on the device."""
    disk: DiskTarget | None = None
    """A directory on a disk of the device."""
    usb: UsbTarget | None = None
    """A stick or disk that comes and goes."""
    s3: S3Target | None = None
    """A bucket."""


class Backup(Part):
    """Backups of databases and directories, each verified before an older one is removed. Needs the part
    `lib/backup.yml`.
    """

    every: Calendar = "daily"
    """When. What was missed while the device was off is made up for after its next start."""
    keep: Annotated[int, Field(ge=1, le=1000)] = 7
    """How many backups stay on each target; damaged ones do not count."""
    directories: tuple[BackupDirectory, ...] = ()
    """Directories."""
    databases: tuple[SqlName, ...] = ()
    """Databases, of `database.postgres.databases`."""
    stop: tuple[UnitName, ...] = ()
    """Units that stand still while a restore exchanges what they use, besides those of `directories`."""
    targets: Annotated[tuple[BackupTarget, ...], Field(min_length=1)]
    """Where to. Each gets a backup of its own, and none waits for another."""

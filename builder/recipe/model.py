"""The recipe, schema version 1: frozen values that mean the same on every machine. Pure.

The descriptions of the fields are the reference manual: `satchel explain KEY` and the JSON Schema are made from them.
Rules that concern several keys at once live in `semantics`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from builder.recipe.shapes import (
    AbsolutePath,
    AptPackage,
    ChannelIdOrToken,
    Choice,
    LanguageCode,
    Mode,
    Name,
    NodeId,
    ParameterName,
    Part,
    Port,
    Shape,
    Size,
    SizeOrFit,
    StickKey,
    TextNumberOrTruth,
    UnitName,
    UserName,
)
from builder.recipe.waiver import Audit
from builder.units import parse_size


class DataClass(StrEnum):
    """What may happen to data when a device is repaired, updated or reset."""

    SYSTEM = "system"
    CONTENT = "content"
    VALUABLE = "valuable"
    DISPOSABLE = "disposable"


class FileSystem(StrEnum):
    """The file systems that Satchel can make from a tree."""

    VFAT = "vfat"
    EXT4 = "ext4"
    BTRFS = "btrfs"


class Base(Part):
    """The distribution that everything stands on."""

    distribution: Literal["debian"] = "debian"
    """The distribution."""
    suite: Literal["trixie"] = "trixie"
    """The release; trixie is Debian 13."""
    architecture: Literal["amd64"] = "amd64"
    """The processor architecture of the device."""
    components: tuple[Literal["main", "contrib", "non-free", "non-free-firmware"], ...] = ("main",)
    """Parts of the archive to take packages from."""
    mirror: str | None = None
    """Address of a package mirror. Left out, the tools choose the distribution's default."""


class PipApplication(Part):
    """A Python application in a virtual environment of its own."""

    venv: AbsolutePath
    """Where the environment lies on the device."""
    requirements: str
    """A requirements file, beside the file that names it; every line is pinned with `--hash`."""
    remove: tuple[str, ...] = ()
    """Patterns of files in the environment's site-packages to leave out, such as `kolibri/dist/cext`."""


class Packages(Part):
    """Software by package manager."""

    apt: tuple[AptPackage, ...] = ()
    """Debian packages. Recommended packages are not pulled in; name what you want."""
    pip: tuple[PipApplication, ...] = ()
    """Python applications."""


class User(Part):
    """An account on the device. No account has a password in the image."""

    name: UserName
    """The login name."""
    system: bool = False
    """A service account: no login shell, an id below 1000."""
    home: AbsolutePath | None = None
    """The home directory; made only for people, not for service accounts."""
    groups: tuple[str, ...] = ()
    """Further groups, such as `sudo`."""
    shell: AbsolutePath | None = None
    """The login shell; `/bin/bash` for people and `/usr/sbin/nologin` for services when left out."""
    authorized_keys: tuple[str, ...] = ()
    """Public SSH keys that may log in as this user."""
    console_password: bool = False
    """Give this user the device's own random password at first boot, for use on the console only."""


class Ownership(Part):
    """Owner and mode for the files of an overlay that match a pattern; later entries win."""

    match: str
    """A glob pattern over the path on the device without its first slash: `usr/lib/satchel/*`, `etc/**`."""
    mode: Mode | None = None
    """Permission bits, such as `"0755"`."""
    owner: str | None = None
    """A user name of the image."""
    group: str | None = None
    """A group name of the image."""


class Overlay(Part):
    """A directory under overlays/ whose files go into the image.

    Ownership and modes are declared here and never inherited from the checkout: root, 0644 for files, 0755 for
    directories. A file that ends in `.j2` is rendered with `recipe` and `params` and loses that ending.
    """

    name: Name
    """The directory under overlays/."""
    ownership: tuple[Ownership, ...] = ()
    """Exceptions from root, 0644 and 0755."""


class Units(Part):
    """What systemd starts."""

    enable: tuple[UnitName, ...] = ()
    """Units to enable."""
    mask: tuple[UnitName, ...] = ()
    """Units that must never start."""


class Subvolume(Part):
    """A btrfs subvolume."""

    name: Annotated[str, Shape(r"@[a-z0-9-]*", "a subvolume name such as @home")]
    """Its name, by custom beginning with `@`."""
    mount: AbsolutePath
    """Where it is mounted on the device."""
    data: DataClass
    """What may happen to the data in it."""
    options: tuple[str, ...] = ()
    """Mount options besides those of the partition."""


class Partition(Part):
    """One partition of the disk, in the order of the disk."""

    name: Name
    """The partition's name, also in the partition table."""
    type: Literal["bios-boot", "esp", "linux"] = "linux"
    """`bios-boot` holds GRUB's core for legacy BIOS, `esp` is the EFI system partition."""
    size: SizeOrFit
    """A size such as `3GiB`, or `fit`: as large as what goes into it, plus `free`."""
    free: Size | None = None
    """Room to leave free in a partition with `size: fit`."""
    min: Size | None = None
    """Never smaller than this, for a partition with `size: fit`."""
    grow: bool = False
    """Grow to the end of the disk at first boot; only the last partition can."""
    filesystem: FileSystem | None = None
    """The file system; none for `bios-boot`."""
    label: Annotated[str, StringConstraints(min_length=1, max_length=16)] | None = None
    """The file system's label; for vfat at most 11 characters."""
    mount: AbsolutePath | None = None
    """Where it is mounted on the device; a btrfs with subvolumes has mount points there instead."""
    options: tuple[str, ...] = ()
    """Mount options."""
    data: DataClass = DataClass.SYSTEM
    """What may happen to the data in it."""
    compress: Annotated[str, Shape(r"zstd:([1-9]|1[0-5])", "a compression from zstd:1 to zstd:15")] | None = None
    """Compression of a btrfs, in the image and on the device, such as `zstd:3`."""
    subvolumes: tuple[Subvolume, ...] = ()
    """Subvolumes of a btrfs."""


class Disk(Part):
    """The disk that a card or a hard disk will carry."""

    table: Literal["gpt"] = "gpt"
    """The partition table."""
    boot: Annotated[tuple[Literal["uefi", "bios"], ...], Field(min_length=1)] = ("uefi", "bios")
    """The firmware that the one image boots on."""
    cmdline: tuple[str, ...] = ()
    """Kernel parameters besides `root=` and those that begin with `satchel.`."""
    card: Size = parse_size("7.2 GB")
    """The smallest card that the image must fit on. The default is what cards sold as "8 GB" really hold at least."""
    own_ids: bool = False
    """Give each device a disk GUID, PARTUUIDs and file-system UUIDs of its own before it mounts anything for the first
    time. Its file systems are then known by the names of their partitions, as `/dev/satchel/NAME`. Needs the overlay
    `own-disk`."""
    partitions: Annotated[tuple[Partition, ...], Field(min_length=1)]
    """The partitions, in order."""


class Sticks(Part):
    """Content sticks: new channels on a USB stick that a device takes when it is plugged in. See docs/sticks.md."""

    keys: tuple[StickKey, ...] = ()
    """Public keys of those whose sticks the device takes, as `satchel content stick-key` prints them; without one it
    takes none."""


class Kolibri(Part):
    """The learning platform: where it lies and how it listens."""

    venv: AbsolutePath = "/opt/kolibri"
    """The virtual environment that holds it; one of `packages.pip`."""
    user: str = "kolibri"
    """The service account."""
    home: AbsolutePath = "/srv/data/kolibri"
    """`KOLIBRI_HOME`, on a partition with valuable data."""
    content: AbsolutePath = "/srv/content/kolibri"
    """Preloaded channels (`CONTENT_FALLBACK_DIRS`), on a partition with content."""
    port: Port = 8080
    """The port that people open."""
    zip_port: Port = 8081
    """The port of interactive content; pinned, because Kolibri would otherwise choose a new one at each start."""
    telemetry: bool = False
    """Let Kolibri report statistics to its makers whenever it finds the Internet."""
    sticks: Sticks = Sticks()
    """Content sticks."""


class DemoChannel(Part):
    """The channel that Satchel makes itself: small, real, the same bytes every time."""

    languages: Annotated[tuple[Literal["en", "fr", "es", "sw"], ...], Field(min_length=1)] = ("en", "fr")
    """Languages to make the resources in."""
    lessons: Annotated[int, Field(ge=1, le=500)] = 12
    """Number of lessons for each language; each is an HTML5 app and a document."""


class ChannelSource(Choice):
    """Somewhere that channels come from; exactly one of its keys is given."""

    drive: str | None = None
    """A drive that Kolibri exported to, its KOLIBRI_DATA folder or a content directory; relative to the file that names
    it."""
    home: str | None = None
    """The home of a Kolibri, running or not: a directory such as `~/.kolibri`, or `ssh://USER@HOST/DIRECTORY`."""
    archive: str | None = None
    """A tar or zip file of any of these directories; relative to the file that names it."""
    server: Annotated[str, Shape(r"https?://[^\s/]+(/\S*)?", "an address such as http://192.168.1.5:8080")] | None = (
        None
    )
    """Kolibri Studio, or any Kolibri in reach."""


class Channels(Part):
    """Channels, or parts of them, from one or more sources."""

    ids: tuple[ChannelIdOrToken, ...] = ()
    """Channel ids, or tokens that the first server understands; left out, all that the first source has."""
    sources: Annotated[tuple[ChannelSource, ...], Field(min_length=1)]
    """Where they come from: the first that has a channel says what it is, and each next one is asked for files that
    those before it lack or spoil."""
    include: tuple[NodeId, ...] = ()
    """Ids of topics or resources to take; everything when left out. Only with a single channel."""
    exclude: tuple[NodeId, ...] = ()
    """Ids of topics or resources to leave out. Only with a single channel."""
    languages: tuple[LanguageCode, ...] = ()
    """Take only resources in these languages, such as `sw` or `pt-BR`, and those that name none."""
    unrenderable: bool = False
    """Take resources, too, that Kolibri has no viewer for."""
    thumbnails: Literal["needed", "all"] = "needed"
    """Pictures of resources that are not taken: `all` brings them, too."""


class Files(Part):
    """A tree of plain files, such as a library of PDF or ZIM files; needs no Kolibri."""

    tree: str
    """A directory, or a tar or zip file of what is in one; relative to the file that names it."""
    to: AbsolutePath
    """Where it lies on the device, on a partition with content."""


class ContentSource(Choice):
    """One piece of content; exactly one of its keys is given."""

    demo: DemoChannel | None = None
    """The channel that Satchel makes itself."""
    channels: Channels | None = None
    """Channels from drives, archives, other Kolibris or the Internet."""
    files: Files | None = None
    """Plain files, for which no Kolibri is needed."""


Language = Literal[
    "ar", "bg-bg", "bn-bd", "de", "el", "en", "es-419", "es-es", "fa", "ff-cm", "fr-fr", "gu-in", "ha", "hi-in",
    "ht", "id", "it", "ka", "km", "ko", "mr", "my", "ny", "pa", "pt-br", "pt-mz", "sw-tz", "te", "uk", "ur-pk",
    "vi", "yo", "zh-hans",
]  # fmt: skip
"""What Kolibri's interface speaks; the device's list is in its `seed/rules.py`, and a test holds them together."""


class Facility(Part):
    """Defaults for the Kolibri facility that is born on each device."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80)] = "School {code}"
    """Its name; `{code}` becomes the device's facility code."""
    preset: Literal["formal", "nonformal", "informal"] = "nonformal"
    """Kolibri's own set of defaults for a school, a club or a home."""
    language: Language = "en"
    """The language of the interface."""
    admin: Annotated[str, Shape(r"[A-Za-z0-9_]{1,30}", "at most 30 letters, digits and '_'")] = "admin"
    """The super admin's user name; its password is made on the device."""


class FirstBoot(Part):
    """What each device becomes when it starts for the first time."""

    hostname: Annotated[
        str,
        Shape(
            r"[a-z][a-z0-9-]*(\{code\})?[a-z0-9-]*", "small letters, digits and '-', with {code} for the device's code"
        ),
    ] = "satchel-{code}"
    """The host name; `{code}` becomes the facility code in small letters."""
    facility: Facility | None = None
    """The Kolibri facility; none when the image has no Kolibri."""
    minutes: Annotated[int, Field(ge=1, le=240)] = 30
    """How long first boot may take in all; what is not done by then is an error, and the next start goes on with it."""
    on_new_machine: Literal["record", "ask", "fork"] = "record"
    """What a device does whose disk finds itself in another machine: `record` carries on and writes it down, `ask`
    keeps services closed until a person says whether it was moved or copied, `fork` becomes a new facility and keeps
    the learners. See docs/clones.md."""


class HttpCheck(Part):
    """An address that must answer."""

    url: Annotated[
        str, Shape(r"http://127\.0\.0\.1(:\d+)?/.*", "an address on the device, such as http://127.0.0.1:8080/status/")
    ]
    """An address on the device itself. The boot test also asks from outside."""
    status: int = 200
    """The HTTP status."""
    json_contains: dict[str, Any] | None = None
    """Values in the JSON answer, by dotted path: `{"0.name": "Demo"}`; the value `"*"` means any that is not empty."""


class MountCheck(Part):
    """A file system that must be mounted."""

    path: AbsolutePath
    """The mount point."""
    type: str
    """The file system type."""
    options: tuple[str, ...] = ()
    """Mount options that must be in force."""


class ListenCheck(Part):
    """A port that must be open."""

    port: Port
    """The port."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """The protocol."""


class CommandCheck(Part):
    """A command that must succeed on the device."""

    run: Annotated[tuple[str, ...], Field(min_length=1)]
    """The command and its arguments; no shell."""
    status: int = 0
    """The exit status."""
    stdout: str | None = None
    """Text that must occur in its output."""


class Check(Choice):
    """A claim about the running device, proved there; exactly one of the kinds is given."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    """The claim in words."""
    http: HttpCheck | None = None
    """An address that must answer."""
    unit: UnitName | None = None
    """A unit that must be active."""
    mount: MountCheck | None = None
    """A file system that must be mounted."""
    listen: ListenCheck | None = None
    """A port that must be open."""
    command: CommandCheck | None = None
    """A command that must succeed."""


class Outputs(Part):
    """What stands in dist/ besides the image, its manifest and the checksums."""

    zst: bool = True
    """A compressed image, in independent frames."""
    zst_level: Annotated[int, Field(ge=1, le=19)] = 3
    """How hard to compress. More is slower, and gains little: what lies in a compressed btrfs is compressed already."""
    bmap: bool = True
    """A block map, so that flashing skips what is empty and verifies what it wrote."""


class Parameter(Part):
    """A value that a technician may choose without editing the recipe: `--set NAME=VALUE`."""

    type: Literal["string", "integer", "boolean", "size", "choice"]
    """The kind of value."""
    default: TextNumberOrTruth
    """The value when nobody chooses."""
    choices: tuple[str, ...] = ()
    """The allowed values of a choice."""
    description: str
    """What it means, for the person who chooses."""


class Recipe(Part):
    """A bootable image, described."""

    version: Literal[1]
    """The version of the recipe language."""
    name: Name
    """The name of the recipe and of the files it makes."""
    description: str
    """One sentence for people."""
    params: dict[ParameterName, Parameter] = Field(default={})
    """Values that may be chosen when building; used in any text as `{{ NAME }}`."""
    base: Base = Base()
    """The distribution that everything stands on."""
    packages: Packages = Packages()
    """Software by package manager."""
    users: tuple[User, ...] = ()
    """Accounts on the device."""
    overlays: tuple[Overlay, ...] = ()
    """Files that go into the image."""
    units: Units = Units()
    """What systemd starts."""
    disk: Disk
    """The disk."""
    kolibri: Kolibri | None = None
    """The learning platform."""
    content: tuple[ContentSource, ...] = ()
    """Channels to preload."""
    firstboot: FirstBoot = FirstBoot()
    """What each device becomes when it starts for the first time."""
    checks: tuple[Check, ...] = ()
    """Claims to be proved on the running device."""
    audit: Audit = Audit()
    """What the audit of the finished image lets pass."""
    outputs: Outputs = Outputs()
    """What stands in dist/."""

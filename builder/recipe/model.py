"""The recipe, schema version 1: frozen values that mean the same on every machine. Pure.

The descriptions of the fields are the reference manual: `satchel explain KEY` and the JSON Schema are made from them.
Rules that concern several keys at once live in `semantics`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from builder.recipe.access_point import AccessPoint
from builder.recipe.backup import Backup
from builder.recipe.containers import Containers
from builder.recipe.content import ContentSource
from builder.recipe.database import Database
from builder.recipe.disk import Disk
from builder.recipe.network import Firewall, Https
from builder.recipe.secrets import Secret, Tls
from builder.recipe.shapes import (
    AbsolutePath,
    Choice,
    Name,
    ParameterName,
    Part,
    Port,
    Shape,
    StickKey,
    TextNumberOrTruth,
    UnitName,
)
from builder.recipe.software import Base, Overlay, Packages, Units, User
from builder.recipe.waiver import Audit


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
    qcow2: bool = False
    """A disk for QEMU and libvirt."""
    vhd: bool = False
    """A fixed VHD, as Azure and Hyper-V take it."""
    azure: bool = False
    """A template that makes a virtual machine of the VHD in Azure. Needs `vhd` and the part `lib/azure.yml`. See
    docs/cloud.md."""

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms of the image for clouds that are asked for."""
        return tuple(name for name in ("qcow2", "vhd", "azure") if getattr(self, name))


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
    containers: Containers | None = None
    """Images of containers that are preloaded, and what runs from them."""
    secrets: tuple[Secret, ...] = ()
    """Values that nobody may know but those who need them; made on the devices, or told by their seeds."""
    tls: Tls | None = None
    """Who vouches for the certificate of whatever serves by TLS."""
    database: Database | None = None
    """Databases on the device itself."""
    backup: Backup | None = None
    """Backups of what is worth one, and where they go."""
    firewall: Firewall | None = None
    """Who may reach what; everybody may reach everything without it."""
    https: Https | None = None
    """HTTPS in front of what speaks HTTP."""
    access_point: AccessPoint | None = None
    """A wireless network that the device makes."""
    firstboot: FirstBoot = FirstBoot()
    """What each device becomes when it starts for the first time."""
    checks: tuple[Check, ...] = ()
    """Claims to be proved on the running device."""
    audit: Audit = Audit()
    """What the audit of the finished image lets pass."""
    outputs: Outputs = Outputs()
    """What stands in dist/."""

"""What a recipe says about software: the distribution, packages, accounts, overlays and units. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from builder.recipe.shapes import AbsolutePath, AptPackage, Mode, Name, Part, UnitName, UserName


class Architecture(StrEnum):
    """Processors that Satchel makes images for, as Debian calls them."""

    AMD64 = "amd64"
    ARM64 = "arm64"


class Base(Part):
    """The distribution that everything stands on."""

    distribution: Literal["debian"] = "debian"
    """The distribution."""
    suite: Literal["trixie"] = "trixie"
    """The release; trixie is Debian 13."""
    older: Literal["bookworm"] | None = None
    """An earlier release, for packages that the suite no longer has, such as `postgresql-15` and the libraries that it
    needs. Whatever the suite has comes from the suite."""
    backports: tuple[AptPackage, ...] = ()
    """Packages to take from the suite's backports, such as a newer kernel and the `linux-base` that it needs. All
    others come from the suite. The device goes on taking them from there."""
    architecture: Architecture = Architecture.AMD64
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
    id: Annotated[int, Field(ge=100, le=60000)] | None = None
    """The number of the user and of the group of the same name, where something outside must know it."""
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

"""What a recipe says about containers: images, where they are kept, and what runs from them. Pure.

Rules that concern several keys live in `semantics_containers`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from builder.recipe.disk import DataClass
from builder.recipe.shapes import AbsolutePath, Choice, Name, Part, Port, Shape, UnitName
from builder.recipe.software import Overlay, Packages, User

ImageName = Annotated[
    str,
    Shape(
        r"(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9.-]+:[0-9]{1,5})(/[a-z0-9]+([._-]+[a-z0-9]+)*)+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
        "the whole name of an image with its registry and its tag, such as docker.io/library/postgres:17",
    ),
]
ImageDigest = Annotated[str, Shape(r"sha256:[0-9a-f]{64}", "a digest such as sha256: and 64 hexadecimal digits")]
VariableName = Annotated[str, Shape(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable such as DATABASE_HOST")]

VariableValue = Annotated[str, Field(description="The value of the variable.")]


class BuiltImage(Part):
    """An image that Satchel makes from the recipe's base and from packages; each of its layers is kept and shared."""

    packages: Packages = Packages()
    """Software by package manager."""
    users: tuple[User, ...] = ()
    """Accounts in the image."""
    overlays: tuple[Overlay, ...] = ()
    """Files that go into the image."""
    entrypoint: tuple[str, ...] = ()
    """What always runs."""
    command: tuple[str, ...] = ()
    """What runs, or the arguments of `entrypoint`, unless a unit says something else."""
    environment: dict[VariableName, VariableValue] = Field(default={})
    """Variables."""
    user: Annotated[str, StringConstraints(min_length=1)] | None = None
    """Who runs it: a user of the image, with `:` and a group if need be; root when left out."""
    directory: AbsolutePath = "/"
    """Where it starts."""
    volumes: tuple[AbsolutePath, ...] = ()
    """Where it keeps data; each unit must say where that lies on the device."""
    stop_signal: Annotated[str, Shape(r"SIG[A-Z0-9+]+", "the name of a signal such as SIGINT")] = "SIGTERM"
    """How it is asked to end."""


class ContainerImage(Part):
    """An image, by what it is called on the device. It comes from its registry unless `archive` or `build` is given."""

    name: ImageName
    """Its whole name, with registry and tag: `docker.io/library/postgres:17`. Images that are made here begin with
    `localhost/`."""
    digest: ImageDigest | None = None
    """What it must be; without it, the lock says what the tag meant on the day of the lock."""
    archive: str | None = None
    """A tar file with this one image, as `podman save` and `docker save` write it, in OCI's form or in Docker's;
    relative to the file that names it."""
    build: BuiltImage | None = None
    """Make it from packages."""


class SecretUse(Choice):
    """How a container gets a secret of the device; exactly one of `variable` and `file` is given."""

    name: Name
    """The secret, one of `secrets`."""
    variable: VariableName | None = None
    """As the value of a variable."""
    file: AbsolutePath | None = None
    """As a file in the container, that only its user can read."""


class Volume(Part):
    """A directory of the device that a container sees."""

    path: AbsolutePath
    """Where the container has it."""
    source: AbsolutePath
    """Where it lies on the device."""
    data: DataClass
    """What may happen to the data in it; it must lie on a partition or subvolume of that class."""
    owner: Annotated[str, Shape(r"[0-9]{1,5}:[0-9]{1,5}", 'the numbers of a user and a group such as "999:999"')] = (
        "0:0"
    )
    """Whom the directory belongs to when it is made: the numbers that the user and the group have in the container."""
    read_only: bool = False
    """The container may only read."""


class PublishedPort(Part):
    """A port of the device that leads to one of a container."""

    port: Port
    """The port of the device."""
    container: Port | None = None
    """The port in the container; the same when left out."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """The protocol."""
    address: Literal["127.0.0.1", "0.0.0.0"] = "127.0.0.1"
    """Who reaches it: programs on the device only, or everybody whom the firewall lets in."""


class Health(Part):
    """How it is known whether a container works; one that does not is started again."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """A command in the container that succeeds when all is well."""
    every_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """Time between two looks."""
    start_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """How long it may take to start."""
    retries: Annotated[int, Field(ge=1, le=100)] = 3
    """How often it may fail in a row."""


class ContainerUnit(Part):
    """A container that systemd runs as a service: `NAME.service`, from a Quadlet file."""

    name: Name
    """The name of the service."""
    description: str = ""
    """What it is, for people."""
    image: ImageName
    """One of `containers.images`."""
    command: tuple[str, ...] = ()
    """What runs instead of the image's own command."""
    environment: dict[VariableName, VariableValue] = Field(default={})
    """Variables."""
    env_files: tuple[AbsolutePath, ...] = ()
    """Files with further variables, a line `NAME=value` for each; later ones win."""
    require: tuple[VariableName, ...] = ()
    """Variables that must be set, and not empty: otherwise the container is not started, and says which one."""
    secrets: tuple[SecretUse, ...] = ()
    """Secrets of the device."""
    volumes: tuple[Volume, ...] = ()
    """Directories of the device. A place where the image keeps data must be one of them."""
    ports: tuple[PublishedPort, ...] = ()
    """Ports of the device that lead to it."""
    network: Literal["bridge", "host", "none"] = "bridge"
    """A network of its own behind the device, the device's, or none."""
    health: Health | None = None
    """How it is known whether it works."""
    stop_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """How long it gets to end before it is killed."""
    after: tuple[UnitName, ...] = ()
    """Units that it needs, and that start before it."""
    start: bool = True
    """Start it with the device."""


class Containers(Part):
    """Images that are preloaded, and what runs from them. Needs the part `lib/podman.yml`."""

    driver: Literal["overlay", "btrfs"] = "overlay"
    """How podman keeps images: as layers that are put together when a container runs, or as snapshots of btrfs; with
    these, images of several layers take more room."""
    store: AbsolutePath = "/var/lib/containers"
    """Where images and containers are kept: the mount point of a btrfs partition with disposable data."""
    reload: bool = False
    """Keep a copy of all images on the root file system, from which `satchel-reset containers` fills the store."""
    images: Annotated[tuple[ContainerImage, ...], Field(min_length=1)]
    """The images."""
    units: tuple[ContainerUnit, ...] = ()
    """What runs."""

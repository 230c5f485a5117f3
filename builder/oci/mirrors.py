"""Where the registry of an image really is: mirrors and copies, by containers-registries.conf(5).

The file is the one that podman and skopeo read, so that whoever has mirrors has it already: the one that
`CONTAINERS_REGISTRIES_CONF` names, or the user's, or the machine's.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from builder.errors import HostError

_VARIABLE: Final = "CONTAINERS_REGISTRIES_CONF"
_DOCKER: Final = "docker.io"
_DOCKER_HOST: Final = "registry-1.docker.io"
"""Where Docker Hub answers; its name is another one for historical reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository at a registry."""

    host: str
    """With a port, if need be."""
    repository: str
    insecure: bool = False
    """Asked without TLS."""

    @property
    def address(self) -> str:
        """The registry's."""
        return f"{'http' if self.insecure else 'https'}://{_DOCKER_HOST if self.host == _DOCKER else self.host}"

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Mirror(_Part):
    location: str
    insecure: bool = False


class _Registry(_Part):
    prefix: str = ""
    location: str = ""
    insecure: bool = False
    blocked: bool = False
    mirror: tuple[_Mirror, ...] = ()

    @property
    def begins(self) -> str:
        return self.prefix or self.location


class Mirrors(_Part):
    """What a registries.conf says of where images are."""

    registries: Annotated[tuple[_Registry, ...], Field(alias="registry")] = ()

    def places(self, name: str) -> tuple[Place, ...]:
        """Where to ask for an image, in this order; `name` is its whole name without tag.

        Raises:
            HostError: the file blocks it.
        """
        fitting = [each for each in self.registries if _begins(name, each.begins)]
        if not fitting:
            return (_place(name),)
        chosen = max(fitting, key=lambda each: len(each.begins))
        if chosen.blocked:
            raise HostError(f"registries.conf blocks {chosen.begins}", hint=f"{name} cannot be had from here")
        return tuple(_moved(chosen, name))


def _moved(registry: _Registry, name: str) -> Iterator[Place]:
    """The mirrors first. Where a prefix stands for many hosts, or nothing stands in its place, names stay."""
    rest = name.removeprefix(registry.begins)
    for mirror in registry.mirror:
        yield _place(mirror.location + rest, insecure=mirror.insecure)
    yield _place(registry.location + rest if registry.location else name, insecure=registry.insecure)


def _begins(name: str, prefix: str) -> bool:
    """Whether a prefix fits: at a border of the name; `*.example.org` fits all hosts of that domain."""
    if prefix.startswith("*."):
        return name.partition("/")[0].endswith(prefix[1:])
    return name == prefix or (name.startswith(prefix) and (prefix.endswith("/") or name[len(prefix)] in "/:@"))


def _place(name: str, *, insecure: bool = False) -> Place:
    host, _, repository = name.partition("/")
    return Place(host=host, repository=repository, insecure=insecure)


def host_mirrors() -> Mirrors:
    """Those of this machine.

    Raises:
        HostError: the file cannot be read.
    """
    chosen = os.environ.get(_VARIABLE)
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    usual = (config / "containers/registries.conf", Path("/etc/containers/registries.conf"))
    path = Path(chosen) if chosen else next((each for each in usual if each.is_file()), None)
    return read_mirrors(path) if path else Mirrors()


def read_mirrors(path: Path) -> Mirrors:
    """Those of a file.

    Raises:
        HostError: it cannot be read.
    """
    try:
        return Mirrors.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror}", hint=f"{_VARIABLE} names another one") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise HostError(f"{path} is no registries.conf", details=str(error)) from error

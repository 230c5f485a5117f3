"""What systemd runs in containers: a Quadlet file for each (podman-systemd.unit(5)), and copies of the images."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from builder.errors import Problem, RecipeError
from builder.layers.containers import Images
from builder.layers.site import Layer, Site, code_digest, digest
from builder.layers.units import file_of, nobody_brings, unit_files
from builder.oci import layout
from builder.oci.layout import write_head
from builder.recipe.containers import Containers, ContainerUnit
from builder.recipe.load import Loaded

_QUADLETS: Final = "etc/containers/systemd"
COPIES: Final = "usr/share/satchel/images"
"""An image layout with all images, for a recipe that wants to be able to load them again."""

VARIABLES: Final = "/run/satchel/containers"
"""Where a container's variables stand that are not for everybody; made anew at each start (overlay podman)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuadletsLayer(Layer):
    """The containers that a recipe runs."""

    loaded: Loaded
    containers: Containers
    images: Images
    name: str = "quadlets"

    def parts(self) -> Mapping[str, str]:
        """Every file, and the images if they are copied."""
        files = {f"container {name}": digest(text) for name, text in self._files().items()}
        copied = self.images.parts() if self.containers.reload else {}
        return {**files, **copied, "code": code_digest(QuadletsLayer, layout)}

    def build(self, site: Site) -> None:
        """Write the files.

        Raises:
            RecipeError: an image keeps data where the recipe says nothing about it, or a container does not get on with
                the units that are there.
        """
        problems = [*self._loose_data(), *self._strange_units(unit_files(site.tree))]
        if problems:
            raise RecipeError(problems)
        directory = site.tree / _QUADLETS
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in self._files().items():
            (directory / name).write_text(text)
        if self.containers.reload:
            self._copy(site)

    def _files(self) -> dict[str, str]:
        return {f"{unit.name}.container": quadlet(unit, self.containers) for unit in self.containers.units}

    def _copy(self, site: Site) -> None:
        copies = site.tree / COPIES
        (copies / "blobs/sha256").mkdir(parents=True)
        images = self.images.on_disk(site)
        write_head(copies, images)
        for sha256, path in {sha256: path for image in images for sha256, path in image.files.items()}.items():
            shutil.copyfile(path, copies / "blobs/sha256" / sha256)

    def _loose_data(self) -> Iterator[Problem]:
        volumes = {image.name: image.volumes for image in self.images.locked}
        volumes |= {image.name: image.build.volumes for image in self.containers.images if image.build}
        for number, unit in enumerate(self.containers.units):
            for volume in volumes[unit.image]:
                if not any(_holds(mapped.path, volume) for mapped in unit.volumes):
                    yield self.loaded.problem(
                        ("containers", "units", number),
                        f"{unit.image} keeps data in {volume}, which would be lost with the container",
                        hint=f"add {{path: {volume}, source: ..., data: valuable}} to `volumes`",
                    )

    def _strange_units(self, known: frozenset[str]) -> Iterator[Problem]:
        made = {f"{unit.name}.service" for unit in self.containers.units}
        for number, unit in enumerate(self.containers.units):
            keys = ("containers", "units", number)
            if f"{unit.name}.service" in known:
                # systemd would take the container's, and nobody would hear of it.
                message = f"a package or an overlay brings {unit.name}.service already"
                yield self.loaded.problem((*keys, "name"), message, hint="call the container by another name")
            for place, after in enumerate(unit.after):
                if file_of(after) not in known | made:
                    message, hint = nobody_brings(after, known | made)
                    yield self.loaded.problem((*keys, "after", place), message, hint=hint)


def _holds(directory: str, path: str) -> bool:
    return path.rstrip("/") == directory or path.startswith(f"{directory.rstrip('/')}/")


def quadlet(unit: ContainerUnit, containers: Containers) -> str:
    """The Quadlet file of a container."""
    sections = {
        "Unit": _unit(unit, containers),
        "Container": _container(unit),
        "Service": _service(unit),
        # Nothing here waits for a network that may never come.
        "Quadlet": iter(("DefaultDependencies=false",)),
        "Install": iter(("WantedBy=multi-user.target",) if unit.start else ()),
    }
    written = {name: tuple(lines) for name, lines in sections.items()}
    return "\n".join("\n".join((f"[{name}]", *lines, "")) for name, lines in written.items() if lines)


def _unit(unit: ContainerUnit, containers: Containers) -> Iterator[str]:
    needed = ("satchel-firstboot.service", *unit.after)
    yield f"Description={_plain(unit.description or unit.name)}"
    yield f"Requires={' '.join(needed)}"
    yield f"After={' '.join((*needed, 'network.target'))}"
    yield f"RequiresMountsFor={' '.join((containers.store, *(volume.source for volume in unit.volumes)))}"
    yield "StartLimitIntervalSec=30min"
    yield "StartLimitBurst=6"


def _container(unit: ContainerUnit) -> Iterator[str]:
    yield f"ContainerName={unit.name}"
    yield f"Image={unit.image}"
    # It is there, or nowhere in reach.
    yield "Pull=never"
    if unit.command:
        yield f"Exec={' '.join(map(_quoted, unit.command))}"
    for name, value in unit.environment.items():
        yield f"Environment={_quoted(f'{name}={value}')}"
    if unit.env_files or unit.require or unit.secrets:
        yield f"EnvironmentFile={VARIABLES}/{unit.name}.env"
    for volume in unit.volumes:
        yield f"Volume={volume.source}:{volume.path}{':ro' if volume.read_only else ''}"
    for secret in unit.secrets:
        if secret.file:
            yield f"Volume={VARIABLES}/{unit.name}/{secret.name}:{secret.file}:ro"
    for port in unit.ports:
        yield f"PublishPort={port.address}:{port.port}:{port.container or port.port}/{port.protocol}"
    if unit.network != "bridge":
        yield f"Network={unit.network}"
    if unit.health:
        yield f"HealthCmd={_plain(json.dumps(unit.health.command))}"
        yield f"HealthInterval={unit.health.every_seconds}s"
        yield f"HealthStartPeriod={unit.health.start_seconds}s"
        yield f"HealthRetries={unit.health.retries}"
        # systemd starts it again then.
        yield "HealthOnFailure=kill"
        # Whoever comes after it finds it ready, and not only begun.
        yield "Notify=healthy"
    yield f"StopTimeout={unit.stop_seconds}"


def _service(unit: ContainerUnit) -> Iterator[str]:
    yield f"ExecStartPre=/usr/lib/satchel/bin/satchel-container-prepare {unit.name}"
    yield "Restart=always"
    yield "RestartSec=10"
    yield f"TimeoutStartSec={600 + (unit.health.start_seconds if unit.health else 0)}"
    # podman kills after its own time; systemd only if podman hangs.
    yield f"TimeoutStopSec={unit.stop_seconds + 30}"


def _plain(text: str) -> str:
    """Without what systemd would put something else in the place of."""
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """One word of a command line, or of a setting with several, as systemd.syntax(7) quotes it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("$", "$$")
    return f'"{_plain(escaped)}"'

"""What every source of channels can do, whether it is a drive, a server or another machine's home."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from builder.content.pool.pool import ContentPool
from builder.kolibri.channels import ContentFile


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Listed:
    """A channel that a source says it has."""

    id: str
    name: str
    version: int


class Bringer(Protocol):
    """Somewhere that files come from."""

    @property
    def name(self) -> str:
        """What people call it: `drive ../usb`, `http://192.168.1.5:8080`."""

    def bring(
        self, files: Sequence[ContentFile], pool: ContentPool, *, advance: Callable[[int], None]
    ) -> Mapping[ContentFile, str]:
        """Bring files into the pool; returns those that did not arrive, with the reason.

        A source that is lost half way names the reason for all that is left. `advance` is told bytes as they arrive;
        less than nothing, when they were for nothing.

        Raises:
            HostError: the pool's disk is full.
        """


class Source(Bringer, Protocol):
    """Somewhere that channels come from."""

    def channels(self) -> tuple[Listed, ...]:
        """All channels that it lists, by id.

        Raises:
            PlanError: it is there, but is no such source, or does not list its channels.
            HostError: it cannot be reached.
        """

    def identify(self, asked: str) -> str | None:
        """The id of the channel that an id or a token stands for; None if the source has no such channel.

        Raises:
            PlanError: it knows no tokens, the token stands for several channels, or as `channels`.
            HostError: as `channels`.
        """

    def database(self, channel: str, target: Path) -> frozenset[str] | None:
        """Copy a channel's database to `target`; returns the nodes of it that the source has, None for all.

        Raises:
            PlanError: it does not have the channel.
            HostError: it cannot be reached, or was lost half way.
        """

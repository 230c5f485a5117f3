"""Whether a stick may be taken, and which of its channels bring anything new. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stick.applied import Applied
from stick.manifest import Channel, ContentFile, Manifest
from stick.outcome import Refused

_TIMES_DATABASE = 4
"""A channel's database lies in staging twice, then in Kolibri's content, and its rows are in Kolibri's own."""
_TIMES_OWN = 2
"""Kolibri's own databases: the copy, and what SQLite writes beside it."""


def require_product(manifest: Manifest, recipe: str) -> None:
    """Insist that the stick is for devices of this recipe.

    Raises:
        Refused: it is for others.
    """
    if manifest.products and recipe not in manifest.products:
        reason = f"the stick is for {', '.join(manifest.products)}, and this device is {recipe}"
        raise Refused(reason, advice="Get a stick that was made for this device.")


def news(manifest: Manifest, installed: Mapping[str, int], applied: Mapping[str, Applied]) -> tuple[Channel, ...]:
    """The channels that are not here already as the stick has them.

    Args:
        manifest: The stick's.
        installed: Versions of Kolibri's channels, by id.
        applied: What came from sticks.

    Raises:
        Refused: the stick is older than what is here.
    """
    advice = "Nothing was changed. Get a newer stick."
    for channel in manifest.channels:
        version, known = installed.get(channel.id), applied.get(channel.id)
        if version is not None and version > channel.version:
            reason = f"{channel.name}: the stick has version {channel.version}, and version {version} is here already"
            raise Refused(reason, advice=advice)
        if known is not None and known.serial > manifest.serial:
            reason = f"{channel.name} came from a newer stick ({known.serial}; this one is {manifest.serial})"
            raise Refused(reason, advice=advice)
    return tuple(channel for channel in manifest.channels if not _is_here(channel, installed, applied))


def _is_here(channel: Channel, installed: Mapping[str, int], applied: Mapping[str, Applied]) -> bool:
    known = applied.get(channel.id)
    if known is None or installed.get(channel.id) != channel.version:
        return False
    return known == Applied.of(channel, known.serial)


def require_room(
    missing: Sequence[ContentFile], channels: Sequence[Channel], *, own: int, free: int, reserve: int
) -> None:
    """Insist that everything fits, and room is left.

    Args:
        missing: The files to be copied.
        channels: Whose databases come along.
        own: Bytes of Kolibri's own databases, which are copied for a while.
        free: Bytes that are free.
        reserve: Bytes that shall stay free.

    Raises:
        Refused: it does not fit.
    """
    databases = sum(channel.database.size for channel in channels)
    needed = sum(file.size for file in missing) + _TIMES_DATABASE * databases + _TIMES_OWN * own
    if needed + reserve > free:
        short = needed + reserve - free
        reason = f"the stick does not fit: it needs {_mib(needed)} and {_mib(reserve)} must stay free, of {_mib(free)}"
        advice = f"Delete channels in Kolibri until {_mib(short)} more are free, or use a larger disk."
        raise Refused(reason, advice=advice)


def _mib(size: int) -> str:
    return f"{-(-size // (1024 * 1024)):,} MiB"

"""Where everything lies while a stick is taken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from device.errors import DeviceError
from device.paths import Paths
from device.settings import Kolibri

STATE = ".content-stick"
"""Beside Kolibri's home, on the same file system: renaming from here to there is one act."""

_RESERVE_BYTES = 320 * 1024 * 1024
"""Room that stays free: Kolibri refuses to import with less than 250 MB, and learners need some of it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Kolibri's places and our own. Those that belong to Kolibri's account are only ever touched as that account."""

    kolibri: Kolibri
    home: Path
    """KOLIBRI_HOME; what was added in the field lies in its `content/`."""
    preloaded: Path
    """The content that came with the image, read-only."""
    state: Path
    """Root's own."""
    scratch: Path
    """Root's own, in memory."""
    environment: tuple[Path, ...]
    """The files with the environment of Kolibri's service."""
    venv: Path
    reserve: int = _RESERVE_BYTES

    @classmethod
    def of(cls, paths: Paths, kolibri: Kolibri) -> Places:
        """Those of a device."""
        home = paths.at(kolibri.home)
        return cls(
            kolibri=kolibri,
            home=home,
            preloaded=paths.at(kolibri.content),
            state=home.parent / STATE,
            scratch=paths.at("/run/satchel"),
            environment=paths.kolibri_environment,
            venv=paths.at(kolibri.venv),
        )

    @property
    def content(self) -> Path:
        """Where channels go that were not in the image."""
        return self.home / "content"

    @property
    def incoming(self) -> Path:
        """Files that are not whole yet; Kolibri's."""
        return self.state / "incoming"

    @property
    def staging(self) -> Path:
        """A drive with the new channel databases, and a home that takes them in; Kolibri's."""
        return self.state / "staging"

    @property
    def verified(self) -> Path:
        """Names of files that were compared with what the stick promised, and are durable."""
        return self.state / "verified.txt"

    @property
    def decision(self) -> Path:
        """Exists from the moment when the new state is ready until it is the only one."""
        return self.state / "switch.json"

    @property
    def memory(self) -> Path:
        """What was applied."""
        return self.state / "applied.json"


def trusted_keys(path: Path) -> tuple[str, ...]:
    """The keys that the builder wrote into the image.

    Raises:
        DeviceError: the file is not what the builder writes.
    """
    try:
        return tuple(json.loads(path.read_text(encoding="utf-8"))["keys"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DeviceError(f"{path} cannot be read: {error}", advice="Flash the device again.") from error

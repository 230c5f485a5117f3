"""An image that is made here: its configuration and its manifest, from layers that are packed already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from builder.oci.model import LAYERS, MANIFESTS

_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A layer as a tar file."""

    made_by: str
    """What made it, for people who ask for the history of an image."""
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a container is run; empty is what the specification leaves out."""

    entrypoint: Sequence[str]
    command: Sequence[str]
    environment: Mapping[str, str]
    user: str
    directory: str
    volumes: Sequence[str]
    stop_signal: str

    def as_config(self) -> dict[str, Any]:
        """As image specification 1.1 has it ("config")."""
        environment = {"PATH": _PATH, **self.environment}
        found = {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "User": self.user,
            "WorkingDir": self.directory,
            "Volumes": {volume: {} for volume in self.volumes},
            "StopSignal": self.stop_signal,
        }
        return {name: value for name, value in found.items() if value}


def write_image(directory: Path, layers: Sequence[Packed], run: Run, *, architecture: str, epoch: int) -> str:
    """Write the two documents of an image into `directory`, named by their digests; returns the manifest's.

    `epoch`, seconds since 1970, is when it was made.
    """
    config = {"architecture": architecture, "os": "linux", "config": run.as_config()}
    return _write_both(directory, layers, config, epoch)


def write_squashed(directory: Path, layer: Packed, config: bytes, *, epoch: int) -> str:
    """As `write_image`, for an image that is run as another one is and has all of its layers in one."""
    return _write_both(directory, (layer,), json.loads(config), epoch)


def _write_both(directory: Path, layers: Sequence[Packed], config: Mapping[str, Any], epoch: int) -> str:
    created = datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")
    of_layers = {
        "created": created,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.sha256}" for layer in layers]},
        "history": [{"created": created, "created_by": f"satchel: {layer.made_by}"} for layer in layers],
    }
    config = {**config, **of_layers}
    described = _write(directory, _CONFIG, config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFESTS[0],
        "config": described,
        "layers": [
            {"mediaType": LAYERS[0], "digest": f"sha256:{layer.sha256}", "size": layer.size_bytes} for layer in layers
        ],
    }
    return str(_write(directory, MANIFESTS[0], manifest)["digest"])


def _write(directory: Path, media_type: str, document: Mapping[str, Any]) -> dict[str, str | int]:
    data = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    (directory / sha256).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{sha256}", "size": len(data)}

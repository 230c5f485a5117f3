"""Small images for tests: made from what a test says is in each layer, as OCI and Docker hand them on."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Layer = Mapping[str, str | tarfile.TarInfo | None]
"""Files by their names; a name with nothing is a directory, and anything else is told in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image by its files."""

    manifest: bytes
    config: bytes
    layers: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    def blobs(self) -> dict[str, bytes]:
        """Every file by its digest, the manifest too."""
        return {digest_of(data): data for data in (self.manifest, self.config, *self.layers)}


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(entries: Layer) -> bytes:
    """The tar file of a layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in entries.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, str):
                info.size, info.mode = len(content.encode()), 0o755
                archive.addfile(info, io.BytesIO(content.encode()))
                continue
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
    return buffer.getvalue()


def image(*entries: Layer, architecture: str = "amd64", **config: Any) -> Image:
    """An image of layers, the lowest first; `config` is how it is run."""
    layers = tuple(map(layer, entries))
    document = {
        "architecture": architecture,
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest_of(data) for data in layers]},
    }
    described = json.dumps(document).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _descriptor("application/vnd.oci.image.config.v1+json", described),
        "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", data) for data in layers],
    }
    return Image(manifest=json.dumps(manifest).encode(), config=described, layers=layers)


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def oci_archive(path: Path, *images: Image, mode: str = "w") -> Path:
    """The images as `podman save --format oci-archive` writes them."""
    index = {
        "schemaVersion": 2,
        "manifests": [
            {
                **_descriptor("application/vnd.oci.image.manifest.v1+json", each.manifest),
                "annotations": {"org.opencontainers.image.ref.name": f"localhost/image:{number}"},
            }
            for number, each in enumerate(images)
        ],
    }
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode()}
    for each in images:
        files |= {f"blobs/{digest.replace(':', '/')}": data for digest, data in each.blobs().items()}
    return tar(path, files, mode=mode)


def docker_archive(path: Path, *images: Image) -> Path:
    """The images as `docker save` wrote them until Docker 25."""
    files: dict[str, bytes] = {}
    listed = []
    for number, each in enumerate(images):
        config = f"{hashlib.sha256(each.config).hexdigest()}.json"
        names = [f"{hashlib.sha256(data).hexdigest()}/layer.tar" for data in each.layers]
        files |= {config: each.config, **dict(zip(names, each.layers, strict=True))}
        listed.append({"Config": config, "RepoTags": [f"image:{number}"], "Layers": names})
    return tar(path, {**files, "manifest.json": json.dumps(listed).encode()})


def tar(path: Path, files: Mapping[str, bytes], *, mode: str = "w") -> Path:
    """A tar file; `mode` as tarfile has it."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def trap(**config: Any) -> Image:
    """An image whose upper layers remove what the lower ones have: a file, what is in a directory, a whole directory.

    Unpacked without root and read by root, each of these may come back, and nothing says so.
    """
    return image(
        {"gone": "from the first layer", "kept": "kept", "replaced": None, "replaced/old": "old", "removed": None}
        | {"removed/old": "old", "filled": None, "filled/old": "old"},
        {".wh.gone": "", "replaced": None, "replaced/.wh..wh..opq": "", "replaced/new": "new", ".wh.removed": ""},
        {"filled": None, "filled/.wh.old": "", "filled/new": "new", "top": "top"},
        **config,
    )

"""One image out of a tar file: OCI's archive of an image layout, or what `docker save` writes.

Docker's form has no manifest in the sense of registries, and its layers are not compressed. The manifest that we write
for it says the same of the same files, so that whatever comes later needs to know one form only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from builder.members import Damaged, everything
from builder.oci.model import (
    INDEXES,
    LAYERS,
    MANIFESTS,
    Index,
    Platform,
    WrongImage,
    digest_of,
    for_platform,
    parse_manifest,
)

_INDEX: Final = "index.json"
_DOCKER: Final = "manifest.json"
_NAME: Final = "org.opencontainers.image.ref.name"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """An image that was in an archive."""

    manifest: bytes
    files: Mapping[str, Path]
    """Unpacked files by their digest: the manifest, the configuration, the layers."""


class _Saved(BaseModel):
    """An image in Docker's list of those in an archive (Docker image specification 1.2)."""

    config: str = Field(alias="Config")
    tags: tuple[str, ...] | None = Field(alias="RepoTags", default=None)
    layers: tuple[str, ...] = Field(alias="Layers")


_SAVED: Final = TypeAdapter(tuple[_Saved, ...])


def unpack(path: Path, directory: Path, platform: Platform) -> Archived:
    """Unpack the one image of an archive that runs on `platform` into an empty directory.

    Raises:
        WrongImage: it is no archive of images, or holds several.
    """
    try:
        names = dict(_unpacked(path, directory))
    except Damaged as damaged:
        raise WrongImage(str(damaged)) from damaged
    if _INDEX in names:
        return _of_layout(names, platform)
    if _DOCKER in names:
        return _of_docker(names)
    raise WrongImage(f"it has neither {_INDEX} nor {_DOCKER}, so it is no archive of images")


def _unpacked(path: Path, directory: Path) -> Iterator[tuple[str, Path]]:
    """Every file by its name, under numbers: names of an archive are nobody's paths."""
    found: dict[str, Path] = {}
    numbers = count()
    for member in everything(path):
        name = PurePosixPath(member.name).as_posix()
        if member.kind == "file":
            found[name] = directory / str(next(numbers))
            with found[name].open("wb") as file:
                file.writelines(member.blocks())
        elif member.kind in ("link", "same"):
            # Docker writes a layer that several images share once.
            target = PurePosixPath(member.target)
            above = PurePosixPath(name).parent if member.kind == "link" else PurePosixPath()
            if (there := found.get(_settled(above / target))) is not None:
                found[name] = there
        else:
            continue
        if name in found:
            yield name, found[name]


def _settled(path: PurePosixPath) -> str:
    """Without `..`."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _of_layout(names: Mapping[str, Path], platform: Platform) -> Archived:
    files = {f"sha256:{PurePosixPath(name).name}": path for name, path in names.items() if "/sha256/" in f"/{name}"}
    try:
        index = Index.model_validate_json(names[_INDEX].read_bytes())
    except ValidationError as error:
        raise WrongImage(f"its {_INDEX} is none") from error
    images = [each for each in index.manifests if each.media_type in (*MANIFESTS, *INDEXES)]
    if len(images) != 1:
        called = [each.annotations.get(_NAME) or each.digest for each in images]
        raise _not_one(called)
    chosen = images[0]
    for _ in range(2):
        if chosen.digest not in files:
            raise WrongImage(f"its manifest {chosen.digest} is missing")
        document = files[chosen.digest].read_bytes()
        if digest_of(document) != chosen.digest:
            raise WrongImage(f"its manifest is not {chosen.digest}")
        found = parse_manifest(document)
        if not isinstance(found, Index):
            return Archived(manifest=document, files=files)
        chosen = for_platform(found, platform)
    raise WrongImage("its index leads to another index")


def _of_docker(names: Mapping[str, Path]) -> Archived:
    try:
        saved = _SAVED.validate_json(names[_DOCKER].read_bytes())
    except ValidationError as error:
        raise WrongImage(f"its {_DOCKER} is not as `docker save` writes it") from error
    if len(saved) != 1:
        raise _not_one([(each.tags or ["an image without a name"])[0] for each in saved])
    missing = [name for name in (saved[0].config, *saved[0].layers) if name not in names]
    if missing:
        raise WrongImage(f"{missing[0]} is missing")
    config, *layers = (names[name] for name in (saved[0].config, *saved[0].layers))
    described = [_described(config, _CONFIG), *(_described(layer, _kind_of(layer)) for layer in layers)]
    document = {"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": described[0], "layers": described[1:]}
    manifest = json.dumps(document, separators=(",", ":")).encode()
    written = names[_DOCKER].with_name("manifest")
    written.write_bytes(manifest)
    files = {str(each["digest"]): path for each, path in zip(described, (config, *layers), strict=True)}
    return Archived(manifest=manifest, files={**files, digest_of(manifest): written})


def _kind_of(layer: Path) -> str:
    with layer.open("rb") as file:
        return LAYERS[1] if file.read(2) == _GZIP else LAYERS[0]


def _described(path: Path, media_type: str) -> dict[str, str | int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": path.stat().st_size}


def _not_one(names: list[str]) -> WrongImage:
    if not names:
        return WrongImage("there is no image in it")
    return WrongImage(f"it holds {len(names)} images ({', '.join(names)}); save the one that is wanted alone")

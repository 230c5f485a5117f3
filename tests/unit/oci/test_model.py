"""Manifests and indexes: what is taken, and the words about what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builder.oci.model import Index, Manifest, Platform, WrongImage, for_platform, parse_config, parse_manifest

PC = Platform(os="linux", architecture="amd64")


def descriptor(kind: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{number:064x}", "size": 1, **more}


def manifest(*layers: str) -> bytes:
    config = descriptor("application/vnd.oci.image.config.v1+json")
    return json.dumps({"config": config, "layers": [descriptor(layer) for layer in layers]}).encode()


def index(*platforms: str) -> Index:
    described = []
    for number, platform in enumerate(platforms):
        system, architecture, *variant = platform.split("/")
        facts = {"os": system, "architecture": architecture, "variant": "".join(variant) or None}
        described.append(descriptor("application/vnd.oci.image.manifest.v1+json", number, platform=facts))
    found = parse_manifest(json.dumps({"manifests": described}).encode())
    assert isinstance(found, Index)
    return found


def test_oci_and_docker_are_read() -> None:
    for layer in (
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ):
        assert isinstance(parse_manifest(manifest(layer)), Manifest)


def test_layers_that_may_not_be_given_away_are_refused() -> None:
    with pytest.raises(WrongImage, match="foreign"):
        parse_manifest(manifest("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"))


def test_what_is_no_manifest_is_refused() -> None:
    with pytest.raises(WrongImage, match="no manifest that we know"):
        parse_manifest(b'{"schemaVersion": 1, "fsLayers": []}')
    with pytest.raises(WrongImage, match="no manifest that we know"):
        parse_manifest(b"<html>")


def test_digests_of_other_kinds_are_refused() -> None:
    with pytest.raises(WrongImage):
        parse_manifest(manifest("application/vnd.oci.image.layer.v1.tar").replace(b"sha256:", b"sha512:"))


def test_the_image_for_a_platform_is_chosen() -> None:
    assert for_platform(index("linux/arm64/v8", "linux/amd64"), PC).sha256 == f"{1:064x}"


def test_a_platform_that_is_not_there_is_said() -> None:
    with pytest.raises(WrongImage, match=r"it is there for linux/arm64/v8, but not for linux/amd64"):
        for_platform(index("linux/arm64/v8", "unknown/unknown"), PC)


def test_volumes_are_what_the_image_says() -> None:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": []},
        "config": {"Volumes": {"/var/lib/data": {}, "/a": {}}},
    }
    assert parse_config(json.dumps(config).encode()).volumes == ("/a", "/var/lib/data")
    assert parse_config(json.dumps({**config, "config": None}).encode()).volumes == ()
    with pytest.raises(WrongImage, match="not that of an image"):
        parse_config(b"{}")

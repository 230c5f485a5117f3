"""One image out of an archive, in OCI's form and in Docker's; what is wrong with others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.oci.archive import Archived, unpack
from builder.oci.model import Manifest, Platform, WrongImage, parse_manifest
from tests.images import Image, digest_of, docker_archive, image, oci_archive, tar

PC = Platform(os="linux", architecture="amd64")
ONE = image({"one": "1"}, {"two": "2"})
OTHER = image({"other": "3"})


def unpacked(path: Path) -> Archived:
    directory = path.parent / "unpacked"
    directory.mkdir()
    return unpack(path, directory, PC)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_an_archive_of_oci_is_taken_as_it_is(tmp_path: Path, mode: str) -> None:
    found = unpacked(oci_archive(tmp_path / "one.tar", ONE, mode=mode))
    assert found.manifest == ONE.manifest
    assert {digest: path.read_bytes() for digest, path in found.files.items()} == ONE.blobs()


def test_one_of_docker_gets_a_manifest_that_says_the_same(tmp_path: Path) -> None:
    found = unpacked(docker_archive(tmp_path / "one.tar", ONE))
    manifest = parse_manifest(found.manifest)
    assert isinstance(manifest, Manifest)
    assert manifest.config.digest == digest_of(ONE.config)
    assert [layer.digest for layer in manifest.layers] == [digest_of(data) for data in ONE.layers]
    assert [found.files[layer.digest].read_bytes() for layer in manifest.layers] == list(ONE.layers)


@pytest.mark.parametrize("save", [oci_archive, docker_archive])
def test_two_images_in_one_archive_are_named(tmp_path: Path, save: Callable[..., Path]) -> None:
    with pytest.raises(WrongImage, match=r"it holds 2 images \(.*image:0, .*image:1\); save the one"):
        unpacked(save(tmp_path / "two.tar", ONE, OTHER))


@pytest.mark.parametrize("save", [oci_archive, docker_archive])
def test_an_archive_that_was_cut_is_refused(tmp_path: Path, save: Callable[..., Path]) -> None:
    path = save(tmp_path / "one.tar", ONE)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(WrongImage):
        unpacked(path)


def test_what_is_no_archive_of_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongImage, match=r"neither index\.json nor manifest\.json"):
        unpacked(tar(tmp_path / "other.tar", {"hello": b"there"}))


def test_a_manifest_that_is_another_one_is_refused(tmp_path: Path) -> None:
    spoilt = Image(manifest=ONE.manifest + b" ", config=ONE.config, layers=ONE.layers)
    path = oci_archive(tmp_path / "one.tar", ONE)
    files = {"index.json": json.dumps({"manifests": [_descriptor(ONE)]}).encode()}
    name = f"blobs/{ONE.digest.replace(':', '/')}"
    with pytest.raises(WrongImage, match="its manifest is not sha256"):
        unpacked(tar(path, {**files, name: spoilt.manifest}))


def _descriptor(found: Image) -> dict[str, object]:
    media_type = "application/vnd.oci.image.manifest.v1+json"
    return {"mediaType": media_type, "digest": found.digest, "size": len(found.manifest)}


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    listed = [{"Config": "config.json", "RepoTags": None, "Layers": ["nowhere/layer.tar"]}]
    files = {"manifest.json": json.dumps(listed).encode(), "config.json": ONE.config}
    with pytest.raises(WrongImage, match=r"nowhere/layer\.tar is missing"):
        unpacked(tar(tmp_path / "one.tar", files))


def test_docker_writes_a_shared_layer_once_and_links_to_it(tmp_path: Path) -> None:
    import tarfile

    path = docker_archive(tmp_path / "one.tar", ONE)
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("again/layer.tar")
        link.type = tarfile.SYMTYPE
        link.linkname = f"../{digest_of(ONE.layers[0]).removeprefix('sha256:')}/layer.tar"
        archive.addfile(link)
        listed = [{"Config": "config.json", "RepoTags": ["a:1"], "Layers": ["again/layer.tar"]}]
        tar(tmp_path / "tail.tar", {"config.json": ONE.config, "manifest.json": json.dumps(listed).encode()})
        with tarfile.open(tmp_path / "tail.tar") as tail:
            for member in tail:
                archive.addfile(member, tail.extractfile(member))
    manifest = parse_manifest(unpacked(path).manifest)
    assert isinstance(manifest, Manifest)
    assert [layer.digest for layer in manifest.layers] == [digest_of(ONE.layers[0])]

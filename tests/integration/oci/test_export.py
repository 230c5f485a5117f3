"""An image that leaves a recipe as an archive is, for others, the image that it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.host.pool import Pool
from builder.host.sandbox import Mount
from builder.layers.containers import Images
from builder.oci.export import size_bytes, write_archive
from builder.oci.layout import OnDisk
from builder.progress import Reporter
from tests.images import oci_archive, trap
from tests.integration.oci.asking import NAME, recipe, resolved
from tests.integration.oci.registry import servers

pytestmark = pytest.mark.in_namespace


def image_in(directory: Path) -> OnDisk:
    oci_archive(directory / "app.tar", trap())
    pool = Pool(directory / "pool")
    found = resolved(recipe(directory, archive="app.tar"), pool)
    images = Images(locked=(found.image,), blobs=found.blobs, built={})
    image = images.one(NAME, tools=servers(), pool=pool, reporter=Reporter())
    assert image is not None
    assert images.one("docker.io/school/other:1", tools=servers(), pool=pool, reporter=Reporter()) is None
    return image


def exported(image: OnDisk, path: Path) -> Path:
    told: list[int] = []
    with path.open("wb") as file:
        write_archive(image, file, advance=told.append)
    assert sum(told) == size_bytes(image)
    return path


def test_another_program_copies_it_with_its_digest_and_its_name(tmp_path: Path) -> None:
    image = image_in(tmp_path)
    archive = exported(image, tmp_path / "out.tar")
    (tmp_path / "room").mkdir()
    room = Mount(target="/var/tmp", source=tmp_path / "room", writable=True)
    sandbox = servers().sandbox(Mount(target="/job", source=tmp_path, writable=True), room)
    copy = ("skopeo", "copy", "--quiet", "--insecure-policy", "--digestfile", "/job/digest")
    sandbox.run((*copy, f"oci-archive:/job/{archive.name}:{NAME}", "dir:/job/copied"), why="read the archive")
    assert (tmp_path / "digest").read_text().strip() == image.digest
    for sha256, path in image.files.items():
        name = "manifest.json" if f"sha256:{sha256}" == image.digest else sha256
        assert (tmp_path / "copied" / name).read_bytes() == path.read_bytes()


def test_the_same_image_makes_the_same_archive(tmp_path: Path) -> None:
    image = image_in(tmp_path)
    one, other = (exported(image, tmp_path / name) for name in ("one.tar", "other.tar"))
    assert one.read_bytes() == other.read_bytes()

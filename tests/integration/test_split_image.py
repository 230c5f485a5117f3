"""The default recipe left in parts: the same disk as the whole image, for every reader."""

import json
from pathlib import Path

import pytest

from builder.checksums import check_sums
from builder.compare.images import compare_images
from builder.disk.image import disk_image
from builder.progress import Reporter

from .test_default_image import satchel


@pytest.fixture(scope="module")
def split_image(default_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the layers of the whole image."""
    del default_image
    dist = tmp_path_factory.mktemp("split")
    built = json.loads(satchel("build", "kolibri-pc", "--split", "--dist", str(dist), "--json"))
    assert not built["reused"]
    return Path(built["image"])


def test_everything_that_stands_there_is_in_the_checksums(split_image: Path) -> None:
    directory = split_image.parent
    listed = set(check_sums(directory, Reporter()))
    unlisted = {path.name for path in directory.iterdir()} - listed
    assert unlisted == {"SHA256SUMS", "build.log", "report.html"}
    assert {path.name for path in disk_image(split_image).files} <= listed
    assert not any(name.endswith((".img", ".zst")) for name in listed)


def test_it_is_the_same_disk(default_image: Path, split_image: Path) -> None:
    whole, split = (json.loads(satchel("inspect", str(image), "--json")) for image in (default_image, split_image))
    assert {**split, "image": ""} == {**whole, "image": ""}
    assert compare_images(default_image, split_image, reporter=Reporter()).equal
    maps = [image.with_suffix(".img.bmap").read_bytes() for image in (default_image, split_image)]
    assert maps[0] == maps[1]

import hashlib
from pathlib import Path

import pytest

from builder.build import _standing
from builder.host.places import RECIPES
from builder.manifest import MANIFEST, DiskRecord, FileRecord, Manifest
from builder.recipe.load import load_recipe


@pytest.fixture
def standing(tmp_path: Path) -> Path:
    """A directory as a build leaves it, with an image of five bytes."""
    image = b"image"
    manifest = Manifest(
        satchel="0",
        key="key",
        recipe=load_recipe(RECIPES / "kolibri-pc.yml").recipe,
        params={},
        lock="",
        date=0,
        packages=(),
        disk=DiskRecord(table="gpt", guid="", size_bytes=len(image), partitions=()),
        boot=("uefi",),
        checks=(),
        content=(),
        digests={"x.img": FileRecord(sha256=hashlib.sha256(image).hexdigest(), size_bytes=len(image))},
    )
    (tmp_path / "x.img").write_bytes(image)
    (tmp_path / MANIFEST).write_text(manifest.to_json())
    return tmp_path


def test_an_image_of_the_same_key_is_left_as_it_stands(standing: Path) -> None:
    manifest = _standing(standing, "key")
    assert manifest is not None
    assert manifest.recipe.name == "kolibri-pc", "a manifest reads as it was written"


def test_an_image_of_another_key_is_made_anew(standing: Path) -> None:
    assert _standing(standing, "other") is None


def test_an_image_that_is_not_whole_is_made_anew(standing: Path) -> None:
    (standing / "x.img").write_bytes(b"imag")
    assert _standing(standing, "key") is None
    (standing / "x.img").unlink()
    assert _standing(standing, "key") is None


def test_what_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    assert _standing(tmp_path, "key") is None
    (tmp_path / MANIFEST).write_text('{"schema_version": 99}')
    assert _standing(tmp_path, "key") is None

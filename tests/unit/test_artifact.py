"""Which image a person means, and which one the manifest beside it means."""

from pathlib import Path

import pytest

from builder.artifact import find_image
from builder.errors import ArtifactError

from .finished_image import MANIFEST


@pytest.mark.parametrize("name", ["school.img", "school.vmdk"])
def test_a_recipe_means_its_image_whole_or_split(tmp_path: Path, name: str) -> None:
    image = tmp_path / "school" / name
    image.parent.mkdir()
    image.touch()
    assert find_image("school", dist=tmp_path) == image
    assert find_image(str(image), dist=tmp_path) == image


def test_an_image_that_was_never_built_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no image school") as caught:
        find_image("school", dist=tmp_path)
    assert caught.value.hint == "build it first: satchel build school"


def test_the_manifest_names_the_descriptor_of_a_split_image() -> None:
    name = MANIFEST.recipe.name
    record = MANIFEST.digests[f"{name}.img"]
    split = MANIFEST.model_copy(update={"digests": {f"{name}.vmdk": record, f"{name}.1-esp.part": record}})
    assert MANIFEST.image == f"{name}.img"
    assert split.image == f"{name}.vmdk"
    assert split.model_copy(update={"digests": {}}).image == f"{name}.img"

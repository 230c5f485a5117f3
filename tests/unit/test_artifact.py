"""Which image a person means, and which one the manifest beside it means."""

from pathlib import Path

import pytest

from builder.artifact import find_image, ports_of, subject_of
from builder.boot.outside import contradictions
from builder.boot.subject import Firmware
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


def test_what_the_boot_test_must_find_changed_on_the_disk(tmp_path: Path) -> None:
    ids = subject_of(tmp_path, MANIFEST).disk_ids
    names = [record.name for record in MANIFEST.disk.partitions]
    assert ids.keys() == {"disk_guid", *(f"partition_guids.{name}" for name in names), "filesystem_uuids.root"}
    assert ids["partition_guids.root"] == MANIFEST.disk.partitions[1].guid
    keeping = MANIFEST.recipe.model_copy(update={"disk": MANIFEST.recipe.disk.model_copy(update={"own_ids": False})})
    assert subject_of(tmp_path, MANIFEST.model_copy(update={"recipe": keeping})).disk_ids == {}


def test_every_preloaded_channel_must_be_served_whole_and_no_other(tmp_path: Path) -> None:
    *claims, last = subject_of(tmp_path, MANIFEST).channels
    assert 8080 in ports_of(MANIFEST)
    assert len(claims) == len(MANIFEST.content) == 1
    (channel,) = MANIFEST.content
    served = [{"id": channel.id, "version": channel.version, "total_resource_count": channel.resources}]
    first = claims[0].http
    assert first is not None
    assert first.json_contains is not None
    assert first.url.endswith(f":8080/api/public/v1/channels/lookup/{channel.id}")
    assert contradictions(served, first.json_contains) == ()
    short = [{**served[0], "total_resource_count": channel.resources - 1}]
    assert contradictions(short, first.json_contains)
    assert last.http is not None
    assert last.http.json_contains is not None
    assert contradictions(served, last.http.json_contains) == ()
    assert contradictions([*served, *served], last.http.json_contains)


def test_the_slowest_machine_is_not_the_one_that_does_most(tmp_path: Path) -> None:
    both = MANIFEST.model_copy(update={"boot": ("raspberry-pi", "uefi")})
    assert subject_of(tmp_path, both).firmware == (Firmware.UEFI, Firmware.RASPBERRY_PI)

"""What is left out of reading, as expressions for `btrfs restore`, and the facts that an image carries."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from builder.audit.described import declared_facts, image_partitions
from builder.audit.facts import BuildHost
from builder.audit.partition import ImagePartition
from builder.audit.reader import everything_but, only
from builder.errors import ArtifactError
from builder.recipe.disk import FileSystem
from builder.recipe.model import Recipe

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOURS technician"
RECIPE = Recipe.model_validate(
    {
        "version": 1,
        "name": "try",
        "description": "A trial",
        "users": [{"name": "technician", "home": "/home/technician", "authorized_keys": [KEY]}],
        "disk": {
            "partitions": [
                {"name": "bios", "type": "bios-boot", "size": "4MiB"},
                {
                    "name": "root",
                    "size": "1GiB",
                    "filesystem": "btrfs",
                    "subvolumes": [{"name": "@", "mount": "/", "data": "system"}],
                },
            ]
        },
        "kolibri": {},
    }
)


@dataclass(frozen=True)
class Placed:
    """A partition as a table has it."""

    name: str
    start_bytes: int
    size_bytes: int


@pytest.mark.parametrize("path", ["", "/", "/@", "/@/stor", "/@/storages/x", "/@/other", "/@x", "/a]b", "/a]-^.x/y"])
def test_everything_else_is_read(path: str) -> None:
    assert re.search(everything_but(("@/storage", "a]-^.", "@/storage.old")), path)


@pytest.mark.parametrize("path", ["/@/storage", "/@/storage/a/b", "/a]-^.", "/a]-^./x", "/@/storage.old/x"])
def test_what_is_left_out_is_not_read(path: str) -> None:
    assert not re.search(everything_but(("@/storage", "a]-^.", "@/storage.old")), path)


def test_names_beyond_ascii_are_read_rather_than_guessed() -> None:
    assert re.search(everything_but(("@/contenu-école",)), "/@/contenu-école/x")


def test_only_one_path_and_its_parents() -> None:
    expression = only("@/etc/fstab")
    assert all(re.search(expression, path) for path in ("/", "/@", "/@/etc", "/@/etc/fstab"))
    assert not any(re.search(expression, path) for path in ("/@/etc/fstab2", "/@/usr", "/@home"))


def test_partitions_come_from_recipe_and_table() -> None:
    places = (Placed("root", 8 << 20, 1 << 30), Placed("bios", 4 << 20, 4 << 20))
    expected = ImagePartition(
        name="root", start_bytes=8 << 20, size_bytes=1 << 30, filesystem=FileSystem.BTRFS, subvolumes=(("@", "/"),)
    )
    assert image_partitions(RECIPE.disk, places) == (expected,)


def test_a_table_without_a_partition_of_the_recipe_is_refused() -> None:
    with pytest.raises(ArtifactError, match="bios"):
        image_partitions(RECIPE.disk, (Placed("root", 0, 1),))


def test_facts_come_from_the_recipe() -> None:
    facts = declared_facts(RECIPE, BuildHost(name="forge"))
    assert facts.authorized_keys == (KEY,)
    assert facts.kolibri_homes == ("/srv/data/kolibri",)
    assert facts.bulk == ("/srv/content/kolibri/storage",)

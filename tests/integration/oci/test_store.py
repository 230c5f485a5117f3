"""The store of images, made without root: the same each time, and what an image removed stays removed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from builder.disk.btrfs import make_btrfs
from builder.disk.source import Source
from builder.host.namespace import tree_mounted
from builder.host.pool import Pool
from builder.layers.containers import ContainersLayer, Images, nested_subvolumes
from builder.layers.site import Site
from builder.oci.store import stack_of
from builder.progress import Reporter
from tests.images import oci_archive, trap
from tests.integration.disk.disk_bench import Bench
from tests.integration.layers.trees import differences, facts_of
from tests.integration.oci.asking import NAME, recipe, resolved
from tests.integration.oci.registry import servers

pytestmark = pytest.mark.in_namespace

EPOCH = 1_700_000_000
LEFT = {"kept": "kept", "replaced/new": "new", "filled/new": "new", "top": "top"}
"""What there is of the trap, seen from above."""


def filled(directory: Path, *, driver: str = "overlay") -> Path:
    """The mount point of a store with the trap in it."""
    (directory / "scratch").mkdir(parents=True)
    oci_archive(directory / "app.tar", trap())
    loaded, pool = recipe(directory, driver=driver, archive="app.tar"), Pool(directory / "pool")
    found = resolved(loaded, pool)
    containers = loaded.recipe.containers
    assert containers is not None
    site = Site(
        tree=directory / "tree",
        tools=servers(),
        scratch=directory / "scratch",
        pool=pool,
        epoch=EPOCH,
        reporter=Reporter(),
    )
    images = Images(locked=(found.image,), blobs=found.blobs, built={})
    ContainersLayer(containers=containers, images=images).build(site)
    return directory / "tree/var/lib/containers"


def texts(tree: Path) -> dict[str, str]:
    return {path.relative_to(tree).as_posix(): path.read_text() for path in tree.rglob("*") if path.is_file()}


@pytest.mark.parametrize("driver", ["overlay", "btrfs"])
def test_two_stores_are_equal(tmp_path: Path, driver: str) -> None:
    one, other = (filled(tmp_path / name, driver=driver) for name in ("one", "the-other-one"))
    assert differences(facts_of(one, epoch=EPOCH), facts_of(other, epoch=EPOCH)) == []


def test_what_an_image_removed_is_gone_from_an_overlay(tmp_path: Path) -> None:
    store = filled(tmp_path / "built") / "storage"
    (tmp_path / "view").mkdir()
    with tree_mounted(stack_of(store, NAME), tmp_path / "view") as tree:
        assert texts(tree) == LEFT


def test_what_an_image_removed_is_gone_from_a_subvolume(tmp_path: Path) -> None:
    mount = filled(tmp_path / "built", driver="btrfs")
    (subvolume,) = nested_subvolumes(mount)
    assert texts(mount / subvolume) == LEFT
    # A container is a snapshot of it, and must not find a mark of ours.
    assert [path for path in (mount / subvolume).rglob("*") if os.listxattr(path)] == []


def test_marks_have_the_name_that_root_of_the_device_reads(tmp_path: Path) -> None:
    mount = filled(tmp_path / "built")
    marked = [path for path in mount.rglob("*") if "user.overlay.opaque" in os.listxattr(path, follow_symlinks=False)]
    assert [path.name for path in marked] == ["replaced"]
    shown = _dumped(mount, tmp_path)
    assert len(re.findall(r"name: trusted\.overlay\.opaque", shown)) == len(marked)
    assert "user.overlay" not in shown


def test_a_store_of_btrfs_has_a_subvolume_for_each_image(tmp_path: Path) -> None:
    mount = filled(tmp_path / "built", driver="btrfs")
    (subvolume,) = nested_subvolumes(mount)
    assert re.findall(r"root ref key dirid \d+ sequence \d+ name (\S+)", _dumped(mount, tmp_path)) == [
        Path(subvolume).name
    ]


def _dumped(mount: Path, directory: Path) -> str:
    """All trees of a btrfs with the store, in words."""
    bench, out = Bench(directory), directory / "out.img"
    partition = bench.partition(filesystem="btrfs", size="200MiB", mount="/var/lib/containers")
    nested = nested_subvolumes(mount)
    make_btrfs(bench.tools, {"": Source(path=mount)}, partition, out=out, epoch=EPOCH, nested=nested)
    bench.look("btrfs", "check", "/job/at", at=out)
    return bench.look("btrfs", "inspect-internal", "dump-tree", "/job/at", at=out)

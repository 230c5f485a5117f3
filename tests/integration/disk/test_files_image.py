"""Plain files from the tree to the finished file system: locked, fetched, laid out, written, and read back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builder.bundle import open_bundle, write_bundle
from builder.compare.anatomy import Window, content
from builder.compare.read_ext4 import read_ext4
from builder.content.pool.pool import ContentPool
from builder.content.proof import prove_content
from builder.content.sizes.plan import needed_bytes
from builder.errors import ArtifactError, BuildFailed, PlanError
from builder.growth import Growth, grow, needed_files
from builder.host.places import RECIPES, separate_cache
from builder.host.pool import Pool
from builder.host.store import Store
from builder.imaging import Imaging
from builder.layers.files import FilesLayer
from builder.lock.apt import Upgrade
from builder.lock.bring import bring
from builder.lock.inputs import inputs_of
from builder.lock.model import Lock
from builder.lock.text import lock_text, parse_lock
from builder.lock.trees import fetch_trees, locked_listing, resolve_trees, tree_marks
from builder.plan.layers import plan_layers
from builder.progress import Reporter
from builder.recipe.load import Loaded, load_recipe
from builder.sizing import plan_sizes

from .disk_bench import EPOCH, Bench

pytestmark = pytest.mark.in_namespace

NAMES = ("Ψυχή.pdf", "المدرسة", "শিক্ষা 📚👩🏽‍🔬.zim", "two\nlines", "back\\slash\ttab", " spaces ", "u\u2028v")


@pytest.fixture
def loaded(bench: Bench) -> Iterator[Loaded]:
    """A recipe without Kolibri, with a tree beside it, and a cache of its own."""
    tree = bench.directory / "library"
    for name in NAMES:
        (tree / name).mkdir(parents=True)
        (tree / name / name).write_bytes(os.urandom(5000))
    (tree / "large.iso").write_bytes(os.urandom(3 << 20))
    (tree / "empty").mkdir()
    (tree / "nothing").touch()
    shutil.copyfile(tree / "large.iso", tree / "empty" / "twin.iso")
    (tree / "link").symlink_to("empty/twin.iso")
    recipe = bench.directory / "farm.yml"
    recipe.write_text(
        f"version: 1\nname: farm\ndescription: d\nextends: [{RECIPES}/debian-minimal.yml]\n"
        "disk:\n  partitions:\n    - {name: content, size: fit, filesystem: ext4, label: content, mount: /srv/content, "
        "options: [ro], data: content}\n"
        "content:\n  - files: {tree: library, to: /srv/content/books}\n"
    )
    _ = bench.tools, bench.lab
    (bench.directory / "cache").mkdir()
    with separate_cache(bench.directory / "cache", shared=("workshop",)):
        yield load_recipe(recipe)


def locked(loaded: Loaded, earlier: Lock | None = None, upgrade: Upgrade | None = None) -> Lock:
    trees = resolve_trees(
        loaded,
        earlier=earlier,
        as_before=lambda number: (
            bool(earlier) and earlier.inputs[f"content {number}"] == inputs_of(loaded)[f"content {number}"]
        ),
        upgrade=upgrade or Upgrade(),
        pool=Pool(),
        reporter=Reporter(),
    )
    return Lock(
        recipe="farm", date=EPOCH, inputs=inputs_of(loaded), tools=(), base=(), apt=(), wheels=(), content=(),
        trees=tuple(trees),
    )  # fmt: skip


def grown(loaded: Loaded, lock: Lock) -> Growth:
    layer = FilesLayer(recipe=loaded.recipe, locked=lock.trees)
    store = Store("layers")
    planned = plan_layers([(layer.name, layer.parts())], foundation="", known=store.entries(), apart={"files"})
    architecture = loaded.recipe.base.architecture
    return Growth(layers=(layer,), planned=planned, store=store, lock=lock, architecture=architecture)


def imaging(bench: Bench, loaded: Loaded, growth: Growth, tree: Path) -> Imaging:
    out = bench.directory / "image"
    out.mkdir(exist_ok=True)
    return Imaging(
        recipe=loaded.recipe, growth=growth, tree=tree, tools=bench.tools, scratch=out, epoch=EPOCH,
        reporter=Reporter(), reserved={},
    )  # fmt: skip


def made(bench: Bench, loaded: Loaded, lock: Lock) -> Path:
    """The finished partition, by the way of every build."""
    growth = grown(loaded, lock)
    grow(growth, tools=bench.tools, reporter=Reporter())
    with growth.store.scratch("image") as room, growth.tree(room) as tree:
        work = imaging(bench, loaded, growth, tree)
        layout = work.layout()
        assert layout.partition("content").size_bytes >= planned(bench, loaded, lock)
        image = work.jobs(layout, on_esp={})["content"]().path
        assert image is not None
        return image


def planned(bench: Bench, loaded: Loaded, lock: Lock) -> int:
    room = bench.directory
    plan = plan_sizes(loaded, lock.channels, lock.trees, room=room, dist=room, reporter=Reporter())
    assert plan.exact
    return needed_bytes(loaded.recipe, (), plan.trees)["content"]


def unpacked(image: Path) -> dict[str, object]:
    """Everything in a file system, as `seen` tells it."""
    with image.open("rb") as file:
        window = Window(file.fileno(), start=0, length=image.stat().st_size)
        found: dict[str, object] = {}
        for path, each in read_ext4(window).files.items():
            kind = oct(each.mode)[:-3]
            body = content(window, each, 0, each.size) if kind == "0o100" else each.target if kind == "0o120" else None
            if path.startswith("books/"):
                found[path.removeprefix("books/")] = body
        return found


def seen(tree: Path) -> dict[str, object]:
    return {
        path.relative_to(tree).as_posix(): (
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        )
        for path in tree.rglob("*")
    }


def test_every_byte_and_every_name_is_in_the_image(bench: Bench, loaded: Loaded) -> None:
    tree = bench.directory / "library"
    lock = parse_lock(lock_text(locked(loaded)), Path("farm.lock"))
    assert (lock.trees[0].files, lock.trees[0].name) == (len(NAMES) + 3, "library")
    fetch_trees(loaded, lock.trees, reporter=Reporter())
    original = seen(tree)
    shutil.rmtree(tree)
    image = made(bench, loaded, lock)
    assert unpacked(image) == original
    assert "errors" not in bench.look("e2fsck", "-fn", "/job/at", at=image)
    (stat,) = (bench.look("debugfs", "-R", "stat /books/large.iso", "/job/at", at=image),)
    assert "Mode:  0444" in stat
    assert "Links: 2" in stat
    assert "mtime: 0x386d4380" in stat
    assert image.stat().st_size < (3 << 20) * 2, "twins are one file"


def test_a_wrong_bit_in_the_image_is_found(bench: Bench, loaded: Loaded) -> None:
    lock = locked(loaded)
    fetch_trees(loaded, lock.trees, reporter=Reporter())
    image = made(bench, loaded, lock)
    copy = bench.directory / "copy.img"
    data = bytearray(image.read_bytes())
    name = NAMES[3]
    data[data.index((bench.directory / "library" / name / name).read_bytes()[:4096]) + 100] ^= 1
    copy.write_bytes(data)
    work = imaging(bench, loaded, grown(loaded, lock), bench.directory)
    expected = dict(work._files_below("/srv/content"))
    prove_content(image, expected)
    with pytest.raises(BuildFailed, match="not what it was") as caught:
        prove_content(copy, expected)
    assert str(caught.value.details).startswith("books/two\\nlines/two\\nlines has MD5 ")


def test_damage_on_the_way_ends_the_build(bench: Bench, loaded: Loaded) -> None:
    lock = locked(loaded)
    fetch_trees(loaded, lock.trees, reporter=Reporter())
    growth = grown(loaded, lock)
    grow(growth, tools=bench.tools, reporter=Reporter())
    path = growth.stack()[0] / "srv/content/books/large.iso"
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"damaged")
    with pytest.raises(BuildFailed, match="not what it was") as caught:
        made(bench, loaded, lock)
    assert "books/empty/twin.iso has MD5" in str(caught.value.details)


def test_a_tree_that_changed_is_told_and_upgraded(bench: Bench, loaded: Loaded) -> None:
    lock, marks = locked(loaded), tree_marks(loaded)
    (bench.directory / "library" / "nothing").write_text("something")
    assert tree_marks(loaded) != marks, "a recipe without a lock sees it at once"
    assert locked(loaded, lock) == lock, "what is locked stays"
    with pytest.raises(PlanError, match="the tree library is another one than the lock names") as caught:
        fetch_trees(loaded, lock.trees, reporter=Reporter())
    assert "nothing: 9 bytes instead of 0" in str(caught.value.details)
    assert "satchel lock --upgrade" in str(caught.value.hint)
    Pool().path(lock.trees[0].sha256).unlink()
    with pytest.raises(PlanError, match="another one than the lock names"):
        fetch_trees(loaded, lock.trees, reporter=Reporter(), files=False)
    for upgrade in (Upgrade(everything=True), Upgrade(names=frozenset({"library"}))):
        newer = locked(loaded, lock, upgrade)
        assert newer.trees[0].sha256 != lock.trees[0].sha256
    fetch_trees(loaded, newer.trees, reporter=Reporter())


def test_other_bytes_with_the_same_md5_are_refused(bench: Bench, loaded: Loaded) -> None:
    lock = locked(loaded)
    fetch_trees(loaded, lock.trees, reporter=Reporter())
    pool = ContentPool()
    name = locked_listing(lock.trees[0], Pool()).pooled["large.iso"].name
    pool._index.add([replace(pool.known()[name], sha256="0" * 64)])
    with pytest.raises(ArtifactError, match="other files with the same MD5") as caught:
        fetch_trees(loaded, lock.trees, reporter=Reporter())
    assert "large.iso" in str(caught.value.details)


def test_a_listing_that_was_lost_is_read_again(bench: Bench, loaded: Loaded) -> None:
    lock = locked(loaded)
    bring(lock.files(), loaded, (), offline=True, reporter=Reporter())
    grow(grown(loaded, lock), tools=bench.tools, reporter=Reporter())
    assert tuple(needed_files(grown(loaded, lock))) == ()
    Pool().path(lock.trees[0].sha256).unlink()
    assert tuple(needed_files(grown(loaded, lock))) == lock.trees
    bring(lock.trees, loaded, (), offline=True, reporter=Reporter())
    assert locked_listing(lock.trees[0], Pool()).size == lock.trees[0].bytes


def test_a_tree_that_is_gone_is_asked_for_by_its_place(bench: Bench, loaded: Loaded) -> None:
    lock = locked(loaded)
    shutil.rmtree(bench.directory / "library")
    with pytest.raises(PlanError, match="another one than the lock names") as caught:
        fetch_trees(loaded, lock.trees, reporter=Reporter())
    assert "No such file or directory" in str(caught.value.details)
    with pytest.raises(PlanError, match=r"farm\.yml:9:19: content\[0\]\.files\.tree: there is no directory"):
        locked(loaded)


def test_a_bundle_carries_listing_and_files(bench: Bench, loaded: Loaded) -> None:
    lock = locked(loaded)
    bring(lock.files(), loaded, (), offline=True, reporter=Reporter())
    out = bench.directory / "farm.tar"
    write_bundle(loaded, lock, settings={}, pool=Pool(), out=out, reporter=Reporter())
    (bench.directory / "library").rename(bench.directory / "was")
    (bench.directory / "elsewhere").mkdir()
    with separate_cache(bench.directory / "elsewhere", shared=("workshop",)):
        opened = open_bundle(out, pool=Pool(), into=bench.directory / "opened", reporter=Reporter())
        bring(opened.lock.files(), opened.loaded, (), offline=True, reporter=Reporter())
        listing = locked_listing(opened.lock.trees[0], Pool())
        assert ContentPool().missing(listing.pooled.values()) == ()
        assert unpacked(made(bench, opened.loaded, opened.lock)) == seen(bench.directory / "was")

"""The index of kernel modules that is made beside the tree is the one that the tree's own depmod would have made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.growth import Growth
from builder.host.pool import Pool
from builder.host.sandbox import Sandbox
from builder.host.tools import ensure_workshop
from builder.layers.modules import place_index
from builder.progress import Reporter
from tests.integration.default_tree import default_tree

BY_DEPMOD = "modules.*"
BY_THE_KERNEL = {"modules.builtin", "modules.builtin.modinfo", "modules.order"}


@contextmanager
def grown() -> Iterator[tuple[Growth, Path, Path]]:
    """The default image's tree, its growth, and the directory of its modules."""
    with default_tree() as (growth, tree):
        (modules,) = (tree / "usr/lib/modules").iterdir()
        yield growth, tree, modules


def index(modules: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in modules.glob(BY_DEPMOD) if path.name not in BY_THE_KERNEL}


def placed(growth: Growth, tree: Path, modules: Path) -> bool:
    tools = ensure_workshop(growth.lock.tools, Pool(), Reporter())
    return place_index(tree, modules.name, growth.lock.apt, tools=tools, pool=Pool(), reporter=Reporter())


@pytest.mark.in_namespace
@pytest.mark.usefixtures("default_image")
def test_the_index_is_that_of_the_trees_own_depmod() -> None:
    with grown() as (growth, tree, modules):
        Sandbox(root=tree, writable=True).run(("depmod", modules.name), why="index modules")
        theirs = index(modules)
        assert len(theirs) > 8
        for name in theirs:
            (modules / name).write_bytes(b"")
        assert placed(growth, tree, modules)
        assert index(modules) == theirs


@pytest.mark.in_namespace
@pytest.mark.usefixtures("default_image")
def test_the_index_of_other_modules_or_another_order_is_not_used() -> None:
    with grown() as (growth, tree, modules):
        more = modules / "updates" / "more.ko.xz"
        more.parent.mkdir()
        more.write_bytes(b"a driver that some package brought")
        assert not placed(growth, tree, modules)
        more.unlink()
        assert placed(growth, tree, modules)
        wishes = tree / "etc/depmod.d/own.conf"
        wishes.write_text("search updates built-in\n")
        assert not placed(growth, tree, modules)

"""A tree for another processor, as it is made, against the same layers with nothing but emulation.

A drill: `make test` builds and boots such a tree, and its image is audited for programs of the builder's processor.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from builder.growth import grow, plan_growth
from builder.host.emulation import emulate
from builder.host.namespace import tree_mounted
from builder.host.places import RECIPES, separate_cache
from builder.host.pool import Pool
from builder.host.sandbox import Sandbox
from builder.host.tools import Tools
from builder.layers import Site
from builder.lock.current import lock_for
from builder.lock.model import Lock
from builder.progress import Reporter
from builder.recipe.load import Loaded, load_recipe
from tests.integration.layers.trees import Facts, differences, facts_of
from tests.integration.workshop import workshop

RECIPE = """
version: 1
name: other
description: What stands in for emulated programs has work here, from shells to Python and systemd
base: {architecture: arm64}
packages:
  apt: [ca-certificates, nano, python3-venv, systemd-boot-efi, udev]
  pip: [{venv: /opt/some, requirements: some.txt}]
users: [{name: teacher, groups: [sudo]}]
disk:
  boot: [uefi]
  partitions:
    - {name: esp, type: esp, size: 256MiB, filesystem: vfat, mount: /boot/efi}
    - {name: root, size: 1GiB, filesystem: ext4, mount: /}
"""

LEFT_BY_APT = {
    *("/run/lock", "/var/log/dpkg.log", "/var/cache/apt/archives/lock"),
    *("/var/cache/apt/archives/partial", "/var/lib/apt/lists/partial"),
}
"""What the tree's own apt and dpkg leave of their work, where the workshop's work from outside. Nothing reads it."""


@pytest.mark.in_namespace
@pytest.mark.drill
def test_the_tree_is_the_one_that_emulation_alone_makes() -> None:
    with TemporaryDirectory() as directory:
        loaded = _recipe(Path(directory))
        lock = lock_for(loaded, locked=False, offline=False, reporter=Reporter(), needed=Lock.files)
        tools = workshop(lock)
        with separate_cache(Path(directory), shared=("pool", "workshop")):
            growth = plan_growth(loaded, lock, overlays=Path(directory), foundation=tools.identity)
            grow(growth, tools=tools, reporter=Reporter())
            with growth.store.scratch("facts") as room, growth.tree(room) as tree:
                ours = _facts(tree, lock)
                assert _machine(tree) == "aarch64"
            theirs = _emulated(loaded, lock, tools, room=Path(directory))
    assert "/opt/some/lib/python3.13/site-packages/_cffi_backend.cpython-313-aarch64-linux-gnu.so" in ours
    assert "/usr/lib/udev/hwdb.bin" in ours
    assert not {"/lib64", "/usr/lib64", "/usr/lib/x86_64-linux-gnu"} & ours.keys(), "what stand-ins needed is gone"
    assert [line for line in differences(ours, theirs) if line.partition(":")[0] not in LEFT_BY_APT] == []


def _recipe(directory: Path) -> Loaded:
    """The recipe, with a Python package that is compiled and one that is not."""
    pinned = (RECIPES / "lib/kolibri.requirements.txt").read_text()
    wanted = [part for part in _pinned(pinned) if part.startswith(("cffi==", "pycparser=="))]
    (directory / "some.txt").write_text("".join(wanted))
    (directory / "other.yml").write_text(RECIPE)
    return load_recipe(directory / "other.yml")


def _pinned(text: str) -> list[str]:
    parts: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith(" ") and parts:
            parts[-1] += line
        else:
            parts.append(line)
    return parts


def _emulated(loaded: Loaded, lock: Lock, tools: Tools, *, room: Path) -> dict[str, Facts]:
    """The same layers, with no program of the workshop in the tree."""
    emulate(loaded.recipe.base.architecture, tools)
    growth = plan_growth(loaded, lock, overlays=room, foundation=tools.identity)
    below: tuple[Path, ...] = ()
    for number, layer in enumerate(growth.layers):
        directory = room / f"emulated-{number}"
        (directory / "scratch").mkdir(parents=True)
        with tree_mounted(below, directory) as tree:
            site = Site(
                tree=tree,
                tools=tools,
                scratch=directory / "scratch",
                pool=Pool(),
                epoch=lock.date,
                reporter=Reporter(),
            )
            layer.build(site)
        below = (*below, directory / "tree")
    last = room / "emulated"
    last.mkdir()
    with tree_mounted(below, last) as tree:
        return _facts(tree, lock)


def _facts(tree: Path, lock: Lock) -> dict[str, Facts]:
    """All but the times of directories, which tell who worked in them last."""
    found = facts_of(tree, epoch=lock.date)
    return {path: {**facts, "time": ""} if facts["mode"].startswith("0o4") else facts for path, facts in found.items()}


def _machine(tree: Path) -> str:
    return Sandbox(root=tree).run(("uname", "--machine"), why="ask a program of the tree").strip()

"""Debian's PostgreSQL in the tree of an image: its packages would make a database and a key, equal on all devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.growth import grow, plan_growth
from builder.lock.current import lock_for
from builder.progress import Reporter
from builder.recipe.load import load_recipe
from tests.integration.workshop import workshop

pytestmark = pytest.mark.in_namespace

RECIPE = """
version: 1
name: trial
description: A tree without a kernel
packages: {apt: [postgresql-17, ssl-cert]}
disk:
  boot: [uefi]
  partitions:
    - {name: esp, type: esp, size: 256MiB, filesystem: vfat, mount: /boot/efi}
    - {name: root, size: 1GiB, filesystem: ext4, mount: /}
"""


def test_no_database_and_no_key_is_made_at_build(tmp_path: Path) -> None:
    (tmp_path / "trial.yml").write_text(RECIPE)
    loaded = load_recipe(tmp_path / "trial.yml")
    lock = lock_for(loaded, locked=False, offline=False, reporter=Reporter(), needed=lambda lock: tuple(lock.debs()))
    tools = workshop(lock)
    growth = plan_growth(loaded, lock, overlays=tmp_path, foundation=tools.identity)
    grow(growth, tools=tools, reporter=Reporter())
    with growth.store.scratch("look") as room, growth.tree(room) as tree:
        assert (tree / "usr/lib/postgresql/17/bin/postgres").is_file()
        assert list((tree / "var/lib/postgresql").iterdir()) == []
        assert list((tree / "etc/postgresql").iterdir()) == []
        assert list((tree / "etc/ssl/private").iterdir()) == []
        assert "ssl-cert" in (tree / "etc/group").read_text(), "whoever may read the device's own key"

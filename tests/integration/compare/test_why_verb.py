"""`satchel why` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.host.places import REPOSITORY

from .conftest import satchel


def why(path: str) -> dict[str, object]:
    done = satchel("why", path, "--recipe", "kolibri-pc", "--json", cwd=REPOSITORY)
    assert done.returncode == 0
    origin: dict[str, object] = json.loads(done.stdout)
    return origin


@pytest.mark.usefixtures("default_image")
def test_every_kind_of_path_of_a_finished_build() -> None:
    told = {
        path: str(why(path)["reason"])
        for path in ("/usr/sbin/sshd", "/etc/fstab", "/etc/ssh/ssh_host_rsa_key", "/srv/content")
    }
    assert told["/usr/sbin/sshd"].startswith("package openssh-server 1:")
    assert "recipes/lib/debian.yml:" in told["/usr/sbin/sshd"]
    assert told["/etc/fstab"].startswith("the mount table of disk.partitions (recipes/kolibri-pc.yml:")
    assert told["/etc/ssh/ssh_host_rsa_key"].startswith("removed by layer system: only one machine may have it")
    assert "preloaded content" in told["/srv/content"] or "mount point of partition content" in told["/srv/content"]


def test_what_was_not_built_cannot_be_explained(tmp_path: Path) -> None:
    empty = str(tmp_path / "cache")
    done = satchel("why", "/etc/fstab", "--recipe", "kolibri-pc", cwd=REPOSITORY, SATCHEL_CACHE=empty)
    assert done.returncode == 10
    assert done.stderr.endswith("hint: build it first: satchel build kolibri-pc\n")


def test_without_an_image_the_recipe_must_be_named(tmp_path: Path) -> None:
    done = satchel("why", "/etc/fstab", cwd=tmp_path)
    assert done.returncode == 10
    assert done.stderr == "satchel: there is no image in dist/\nhint: name the recipe: --recipe NAME\n"

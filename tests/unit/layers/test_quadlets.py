"""What a tree with all its packages shows of containers: data that would be lost, and units that clash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builder.errors import RecipeError
from builder.layers.containers import Images
from builder.layers.quadlets import QuadletsLayer
from builder.layers.site import Site
from builder.lock.model import LockedImage
from builder.recipe.load import Loaded, load_recipe

BAD = Path(__file__).parents[2] / "golden/bad/lib"
RECIPE = """\
version: 1
name: trial
description: a trial
extends: [{bad}/small.yml, {bad}/podman.yml]
containers:
  images:
    - {{name: "docker.io/library/postgres:17"}}
    - {{name: "localhost/web:1", build: {{volumes: [/srv/www]}}}}
  units:
    - {{name: database, image: "docker.io/library/postgres:17"{database}}}
    - {{name: web, image: "localhost/web:1", volumes: [{{path: /srv, source: /srv/data/www, data: valuable}}]{web}}}
"""
MAPPED = ", volumes: [{path: /var/lib/postgresql, source: /srv/data/pg, data: valuable}]"
POSTGRES = LockedImage(
    name="docker.io/library/postgres:17",
    digest=f"sha256:{'a' * 64}",
    volumes=("/var/lib/postgresql/data",),
)


def built(tmp_path: Path, *, database: str = MAPPED, web: str = "", units: tuple[str, ...] = ()) -> Path:
    """The tree with the files of a recipe's containers."""
    path, tree = tmp_path / "trial.yml", tmp_path / "tree"
    path.write_text(RECIPE.format(bad=BAD, database=database, web=web))
    for unit in units:
        (tree / unit).parent.mkdir(parents=True, exist_ok=True)
        (tree / unit).touch()
    loaded: Loaded = load_recipe(path)
    containers = loaded.recipe.containers
    assert containers is not None
    images = Images(locked=(POSTGRES,), blobs=(), built={})
    unneeded: Any = None
    site = Site(tree=tree, tools=unneeded, scratch=tmp_path, pool=unneeded, epoch=1, reporter=unneeded)
    QuadletsLayer(loaded=loaded, containers=containers, images=images).build(site)
    return tree


def test_every_container_has_a_file(tmp_path: Path) -> None:
    tree = built(tmp_path, units=("usr/lib/systemd/system/ssh.service",))
    found = sorted(path.name for path in (tree / "etc/containers/systemd").iterdir())
    assert found == ["database.container", "web.container"]


BESIDE = MAPPED.replace("/var/lib/postgresql,", "/var/lib/postgresql/data2,")


@pytest.mark.parametrize("where", ["", BESIDE])
def test_data_without_a_place_is_refused(tmp_path: Path, where: str) -> None:
    with pytest.raises(RecipeError, match="keeps data in /var/lib/postgresql/data, which would be lost"):
        built(tmp_path, database=where)
    assert not (tmp_path / "tree/etc").exists()


def test_a_unit_of_the_same_name_is_not_shadowed(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"brings web\.service already"):
        built(tmp_path, units=("usr/lib/systemd/system/web.service",))


def test_what_a_container_needs_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no package and no overlay brings ngnix\.service"):
        built(tmp_path, web=", after: [ngnix.service]", units=("usr/lib/systemd/system/nginx.service",))


def test_containers_and_templates_of_units_are_there(tmp_path: Path) -> None:
    needed = ', after: [database.service, "getty@tty1.service"]'
    tree = built(tmp_path, web=needed, units=("usr/lib/systemd/system/getty@.service",))
    assert (
        "Requires=satchel-firstboot.service database.service getty@tty1.service"
        in (tree / "etc/containers/systemd/web.container").read_text()
    )

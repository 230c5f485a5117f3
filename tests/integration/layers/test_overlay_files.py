"""Overlays written into a real tree: owners need the ids of a namespace."""

import stat
from pathlib import Path

import pytest

from builder.errors import BuildFailed
from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.host.tools import Tools
from builder.layers.overlay import OverlayLayer
from builder.layers.site import Site
from builder.progress import Reporter
from builder.recipe.load import load_recipe
from builder.recipe.software import Overlay, Ownership


def site(tree: Path) -> Site:
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nkolibri:x:994:994::/srv:/usr/sbin/nologin\n")
    (tree / "etc/group").write_text("root:x:0:\nwww-data:x:33:\n")
    tools = Tools(tree=tree, identity="")
    return Site(tree=tree, tools=tools, scratch=tree, pool=Pool(tree), epoch=0, reporter=Reporter())


def layer(directory: Path, *ownership: Ownership) -> OverlayLayer:
    loaded = load_recipe(RECIPES / "kolibri-pc.yml")
    return OverlayLayer(overlay=Overlay(name="trial", ownership=ownership), loaded=loaded, directory=directory)


def facts(path: Path) -> tuple[str, int, int]:
    found = path.lstat()
    return oct(stat.S_IMODE(found.st_mode)), found.st_uid, found.st_gid


@pytest.mark.in_namespace
def test_files_get_what_the_recipe_declares(tmp_path: Path) -> None:
    files, tree = tmp_path / "files", tmp_path / "tree"
    for name in ("usr/bin/tool", "srv/new/place/secret", "etc/plain"):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text(name)
        (files / name).chmod(0o777)
    (files / "srv/new").chmod(0o700)
    (files / "etc/link").symlink_to("plain")
    where = site(tree)
    (tree / "etc").chmod(0o751)
    layer(
        files,
        Ownership(match="usr/bin/*", mode="0755"),
        Ownership(match="srv/**", mode="0640", owner="kolibri", group="www-data"),
    ).build(where)
    assert facts(tree / "usr/bin/tool") == ("0o755", 0, 0)
    assert facts(tree / "srv/new/place/secret") == ("0o640", 994, 33)
    assert facts(tree / "etc/plain") == ("0o644", 0, 0)
    assert facts(tree / "srv/new") == ("0o755", 0, 0), "new directories do not take the checkout's mode"
    assert facts(tree / "etc") == ("0o751", 0, 0), "directories that were there keep theirs"
    assert (tree / "etc/link").readlink() == Path("plain")


@pytest.mark.in_namespace
def test_an_owner_who_is_not_in_the_image_is_named(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "file").touch()
    with pytest.raises(BuildFailed, match="'nobody-knows', who is not in the image"):
        layer(files, Ownership(match="file", owner="nobody-knows")).build(site(tmp_path / "tree"))

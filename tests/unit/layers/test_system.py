from pathlib import Path

import pytest

from builder.errors import RecipeError
from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.host.tools import Tools
from builder.layers.site import Site
from builder.layers.system import PATIENCE, fstab, hidden_below
from builder.layers.units import UnitsLayer, unit_files
from builder.progress import Reporter
from builder.recipe.load import load_recipe

LOADED = load_recipe(RECIPES / "kolibri-pc.yml")
RECIPE = LOADED.recipe


def test_mount_table_of_the_default_recipe() -> None:
    rows = [line.split() for line in fstab(RECIPE).splitlines() if not line.startswith("#")]
    by_mount = {row[1]: row for row in rows}
    assert set(by_mount) == {"/", "/home", "/var/log", "/boot/efi", "/srv/content", "/srv/data"}
    assert by_mount["/"][2:] == ["btrfs", f"noatime,compress=zstd:1,subvol=/@,x-systemd.growfs,{PATIENCE}", "0", "0"]
    assert by_mount["/"][0] == by_mount["/home"][0], "one btrfs, one UUID"
    content = f"ro,noatime,nodev,nosuid,nofail,{PATIENCE}"
    assert by_mount["/srv/content"][2:] == ["ext4", content, "0", "0"]
    assert by_mount["/srv/data"][5] == "2"
    assert {row[0] for row in rows} == {f"/dev/satchel/{name}" for name in ("root", "esp", "content", "data")}


def test_where_ids_stay_the_mount_table_has_them() -> None:
    keeping = RECIPE.model_copy(update={"disk": RECIPE.disk.model_copy(update={"own_ids": False})})
    sources = [line.split()[0] for line in fstab(keeping).splitlines() if not line.startswith("#")]
    assert all(source.startswith("UUID=") for source in sources)
    assert len(set(sources)) == 4


def test_what_other_file_systems_cover_stays_empty() -> None:
    assert hidden_below(RECIPE, "/") == (
        *("boot/efi", "dev", "home", "proc", "run", "srv/content", "srv/data", "sys", "tmp", "var/log"),
    )
    assert hidden_below(RECIPE, "/srv/data") == ()


def test_units_are_found_where_packages_and_overlays_bring_them(tmp_path: Path) -> None:
    for name in ("usr/lib/systemd/system/ssh.service", "etc/systemd/system/kolibri.service"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert unit_files(tmp_path) == {"ssh.service", "kolibri.service"}


def test_a_unit_that_nothing_brings_is_told_at_its_place(tmp_path: Path) -> None:
    unit = tmp_path / "usr/lib/systemd/system/satchel-firstboot.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    with pytest.raises(RecipeError) as caught:
        UnitsLayer(loaded=LOADED).build(site(tmp_path))
    text = str(caught.value)
    assert "no package and no overlay brings ssh.service" in text
    assert "recipes/lib/debian.yml:" in text
    assert "brings satchel-firstboot.service" not in text


def site(tree: Path) -> Site:
    tools = Tools(tree=tree, identity="")
    return Site(tree=tree, tools=tools, scratch=tree, pool=Pool(tree), epoch=0, reporter=Reporter())

"""Which layers a recipe asks for, in which order, and what their keys cover."""

from pathlib import Path

import pytest

from builder.host.places import RECIPES
from builder.layers import layers_of
from builder.lock.model import Deb, Lock, Wheel
from builder.plan.keys import difference
from builder.recipe.load import load_recipe

LOADED = load_recipe(RECIPES / "kolibri-pc.yml")


def deb(name: str, version: str = "1.0", *, digit: str = "a") -> Deb:
    file = f"pool/main/{name[0]}/{name}/{name}_{version}_amd64.deb"
    return Deb(name=name, version=version, architecture="amd64", size_bytes=1, sha256=digit * 64, file=file)


def lock(*, apt: tuple[Deb, ...] = (deb("nano"),), date: int = 1_700_000_000) -> Lock:
    wheel = Wheel(venv="/opt/kolibri", name="kolibri", version="0.19", size_bytes=1, sha256="b" * 64, file="k.whl")
    base = (deb("libc6"),)
    return Lock(recipe="kolibri-pc", date=date, inputs={}, tools=(), base=base, apt=apt, wheels=(wheel,), content=())


@pytest.fixture
def overlays(tmp_path: Path) -> Path:
    """The overlays of the recipe, each with one file that does not matter to the initramfs."""
    for overlay in LOADED.recipe.overlays:
        add(tmp_path, overlay.name, f"etc/{overlay.name}")
    return tmp_path


def add(overlays: Path, name: str, path: str) -> None:
    file = overlays / name / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def names(overlays: Path) -> list[str]:
    return [layer.name for layer in layers_of(LOADED, lock(), overlays=overlays, built={})]


def test_what_no_overlay_configures_is_made_right_above_the_packages(overlays: Path) -> None:
    order = ["base", "apt", "initramfs", "users", "pip /opt/kolibri", "content", "kolibri"]
    assert names(overlays) == [
        *order,
        *(f"overlay {name}" for name in ("local-disks", "own-disk", "pc", "firstboot", "kolibri", "content-stick")),
        "units",
        "system",
    ]


@pytest.mark.parametrize("path", ["etc/initramfs-tools/modules", "etc/modprobe.d/no-beep.conf"])
def test_overlays_that_configure_the_initramfs_come_first(overlays: Path, path: str) -> None:
    add(overlays, "firstboot", path)
    order = ["base", "apt", "users", "pip /opt/kolibri", "content", "kolibri", "overlay firstboot", "initramfs"]
    assert names(overlays) == [
        *order,
        *(f"overlay {name}" for name in ("local-disks", "own-disk", "pc", "kolibri", "content-stick")),
        "units",
        "system",
    ]


def parts(wanted: Lock, overlays: Path) -> dict[str, dict[str, str]]:
    return {layer.name: dict(layer.parts()) for layer in layers_of(LOADED, wanted, overlays=overlays, built={})}


def test_a_miss_of_the_packages_names_versions(overlays: Path) -> None:
    old = parts(lock(), overlays)
    newer = parts(lock(apt=(deb("nano", "1.1", digit="c"), deb("vim"))), overlays)
    assert difference(old["apt"], newer["apt"]) == "deb nano 1.0 -> 1.1, deb vim added"
    assert {name for name in old if old[name] != newer[name]} == {"apt"}


def test_another_date_remakes_everything(overlays: Path) -> None:
    old, later = parts(lock(), overlays), parts(lock(date=1_800_000_000), overlays)
    assert {name for name in old if old[name] != later[name]} == {"base"}, "everything else stands on it"

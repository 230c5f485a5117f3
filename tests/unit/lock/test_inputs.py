from collections.abc import Callable
from pathlib import Path

import pytest

from builder.lock.apt import Upgrade
from builder.lock.inputs import drift, inputs_of
from builder.recipe.load import Loaded, load_recipe

from .locks import deb, lock

RECIPE = """\
version: 1
name: small
description: for tests
packages:
  apt: [openssh-server, nano]
  pip:
    - {venv: /opt/one, requirements: one.txt}
disk:
  boot: [uefi]
  partitions:
    - {name: esp, type: esp, size: 64MiB, filesystem: vfat, label: ESP, mount: /boot/efi}
    - {name: root, size: 256MiB, filesystem: ext4, label: root, mount: /}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Loaded]:
    def loaded(text: str) -> Loaded:
        (tmp_path / "small.yml").write_text(text)
        return load_recipe(tmp_path / "small.yml")

    (tmp_path / "one.txt").write_text("one==1 --hash=sha256:00\n")
    return loaded


Load = Callable[[str], Loaded]


def test_the_order_of_names_is_no_drift(load: Load) -> None:
    locked = lock(inputs=inputs_of(load(RECIPE)))
    turned = load(RECIPE.replace("[openssh-server, nano]", "[nano, openssh-server, nano]"))
    assert drift(locked, turned) == ()
    assert inputs_of(turned) == locked.inputs


def test_what_decides_no_version_is_no_drift(load: Load) -> None:
    locked = lock(inputs=inputs_of(load(RECIPE)))
    assert drift(locked, load(RECIPE.replace("256MiB", "300MiB").replace("for tests", "for more tests"))) == ()


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        (
            "[openssh-server, nano]",
            "[openssh-server, less, git]",
            (
                "the recipe has the package git, the lock has not",
                "the recipe has the package less, the lock has not",
                "the recipe no longer has the package nano",
            ),
        ),
        (
            "packages:",
            "base: {components: [main, contrib]}\npackages:",
            ("the base is now debian trixie amd64 contrib main instead of debian trixie amd64 main",),
        ),
        (
            "/opt/one",
            "/opt/two",
            (
                "the recipe no longer has the application /opt/one",
                "the recipe has the application /opt/two, the lock has not",
            ),
        ),
    ],
)
def test_drift_is_told_in_sentences(load: Load, before: str, after: str, sentences: tuple[str, ...]) -> None:
    locked = lock(inputs=inputs_of(load(RECIPE)))
    assert drift(locked, load(RECIPE.replace(before, after))) == sentences


def test_changed_requirements_are_drift(load: Load, tmp_path: Path) -> None:
    locked = lock(inputs=inputs_of(load(RECIPE)))
    (tmp_path / "one.txt").write_text("one==2 --hash=sha256:00\n")
    assert drift(locked, load(RECIPE)) == ("the requirements of /opt/one were changed",)


def test_another_list_of_tools_is_drift(load: Load) -> None:
    inputs = inputs_of(load(RECIPE))
    locked = lock(inputs={**inputs, "tools": f"{inputs['tools']} zoo"})
    assert drift(locked, load(RECIPE)) == ("the list of tools no longer has the package zoo",)


def test_only_a_recipe_with_a_qcow2_needs_what_makes_one(load: Load) -> None:
    asked = load(f"{RECIPE}outputs: {{qcow2: true}}\n")
    assert "qemu-utils" in inputs_of(asked)["tools"].split()
    assert drift(lock(inputs=inputs_of(load(RECIPE))), asked) == (
        "the list of tools has the package qemu-utils, the lock has not",
    )


def test_content_is_asked_for_readably() -> None:
    recipe = Path(__file__).parents[3] / "recipes/kolibri-pc.yml"
    loaded = load_recipe(recipe)
    inputs = inputs_of(loaded)
    assert inputs["content 0"] == "demo languages=en,fr lessons=12"
    locked = lock(inputs={**inputs, "content 0": "demo languages=en lessons=12", "content 1": "demo"})
    assert drift(locked, loaded) == ("content[0] asks for something else", "the recipe no longer has content[1]")


def test_a_tree_is_asked_for_by_its_origin_alone(load: Load) -> None:
    text = RECIPE + "content:\n  - files: {tree: library, to: /srv/library}\n"
    text += "  - files: {tree: films.zip, to: /srv/films}\n"
    text = text.replace(
        "mount: /}", "mount: /}\n    - {name: c, size: fit, filesystem: ext4, mount: /srv, data: content}"
    )
    before = lock(inputs=inputs_of(load(text)))
    assert before.inputs["content 0"] == "files tree=library"
    assert drift(before, load(text.replace("/srv/library", "/srv/books"))) == ()
    assert drift(before, load(text.replace("tree: library", "tree: books"))) == ("content[0] asks for something else",)


def test_packages_of_one_source_are_upgraded_together() -> None:
    debs = (deb("libc6", source="glibc"), deb("libc-bin", source="glibc"), deb("nano"))
    assert Upgrade(names=frozenset({"libc6"})).kept(debs) == (debs[2],)
    assert Upgrade().kept(debs) == debs
    assert Upgrade(everything=True).kept(debs) == ()
    assert Upgrade(names=frozenset({"libc6"})).concerns(debs)
    assert not Upgrade(names=frozenset({"vim"})).concerns(debs)

"""Rules between keys: each holds for the shipped recipe and fails for one change. What a person reads is in golden/."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.recipe.load import load_recipe
from builder.recipe.model import Recipe
from builder.recipe.semantics import RULES, findings
from builder.recipe.semantics_disk import DISK_RULES

Change = Callable[[dict[str, Any]], object]
SHIPPED = json.loads(load_recipe(Path(__file__).parents[3] / "recipes/kolibri-pc.yml").recipe.model_dump_json())
BIOS, ESP, ROOT, CONTENT, DATA = range(5)
STICK_KEY = f"MCowBQYDK2VwAyEA{'A' * 43}="


def found(change: Change) -> list[str]:
    """The keys of the findings after a change."""
    values = json.loads(json.dumps(SHIPPED))
    change(values)
    recipe = Recipe.model_validate_json(json.dumps(values), strict=True)
    return sorted(".".join(map(str, finding.keys)) for finding in findings(recipe))


def part(index: int, **values: object) -> Change:
    """Changes one partition."""
    return lambda recipe: recipe["disk"]["partitions"][index].update(values)


def test_the_shipped_recipe_is_clean() -> None:
    assert found(lambda _recipe: None) == []


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (part(ESP, mount="/home"), ["disk.partitions.2.subvolumes.1.mount"]),
        (part(ESP, name="root"), ["disk.partitions.2.name"]),
        (part(ESP, label="DATA"), []),
        (part(ESP, label="data"), ["disk.partitions.1.label", "disk.partitions.4.label"]),
        (part(ESP, label="TWELVE-CHARS"), ["disk.partitions.1.label"]),
        (part(ESP, label="ELEVEN-CHAR"), []),
        (part(ESP, size="32MiB"), ["disk.partitions.1.size"]),
        (part(ESP, size="33MiB"), []),
        (part(ESP, size="fit"), ["disk.partitions.1.min"]),
        (part(ESP, size="fit", min="33MiB"), []),
        (part(ESP, filesystem="ext4"), ["disk.partitions.1.filesystem"]),
        (part(ESP, type="linux"), ["disk.boot.0"]),
        (part(BIOS, type="linux", filesystem="ext4"), ["disk.boot.1"]),
        (part(BIOS, size="1MiB"), []),
        (part(BIOS, size="1020KiB"), ["disk.partitions.0.size"]),
        (part(BIOS, size="fit"), ["disk.partitions.0.size"]),
        (part(BIOS, mount="/bios"), ["disk.partitions.0.mount"]),
        (part(ROOT, subvolumes=[]), ["disk.partitions"]),
        (part(ROOT, mount="/mnt"), ["disk.partitions.2.mount"]),
        (part(CONTENT, compress="zstd:1"), ["disk.partitions.3.compress"]),
        (part(CONTENT, filesystem=None), ["disk.partitions.3"]),
        (part(CONTENT, grow=True), ["disk.partitions.3.grow", "disk.partitions.3.size"]),
        (part(CONTENT, free="1GiB"), []),
        (part(ROOT, min="1GiB"), ["disk.partitions.2.min"]),
        (part(DATA, size="fit"), ["disk.partitions.4.size"]),
        (part(DATA, size="fit", free="1GiB"), []),
        (part(DATA, filesystem="vfat", label="DATA"), ["disk.partitions.4.grow"]),
        (part(DATA, data="system"), ["kolibri.home"]),
        (part(CONTENT, data="system"), ["kolibri.content"]),
        (part(CONTENT, min="4GiB"), ["disk.partitions.3.size"]),
        (lambda recipe: recipe["disk"].update(boot=["uefi"]), []),
        (lambda recipe: recipe["kolibri"].update(home="/srv/data"), []),
        (lambda recipe: recipe["kolibri"].update(home="/srv/database"), ["kolibri.home"]),
        (lambda recipe: recipe["kolibri"].update(zip_port=8080), ["kolibri.zip_port"]),
        (lambda recipe: recipe["kolibri"].update(user="nobody"), ["kolibri.user"]),
        (lambda recipe: recipe["kolibri"].update(sticks={"keys": [STICK_KEY]}), []),
        (
            lambda recipe: (recipe["kolibri"].update(sticks={"keys": [STICK_KEY]}), recipe["overlays"].pop()),
            ["kolibri.sticks.keys"],
        ),
        (lambda recipe: recipe["packages"].update(pip=[]), ["kolibri.venv"]),
        (lambda recipe: recipe.update(kolibri=None), ["content.0", "firstboot.facility"]),
        (lambda recipe: recipe["firstboot"].update(facility=None), ["firstboot"]),
        (lambda recipe: recipe["firstboot"].update(hostname="box"), ["firstboot.hostname"]),
        (lambda recipe: recipe["units"].update(mask=["ssh.service"]), ["checks.4.unit", "units.mask.0"]),
        (lambda recipe: recipe["users"][1].update(console_password=True), ["users.1.console_password"]),
        (lambda recipe: recipe["users"].append({"name": "kolibri"}), ["users.2.name"]),
        (lambda recipe: recipe["overlays"].append({"name": "pc"}), ["overlays.6.name"]),
        (lambda recipe: recipe["disk"].update(own_ids=False), ["overlays.1.name"]),
        (lambda recipe: recipe["overlays"].pop(1), ["disk.own_ids"]),
        (lambda recipe: (recipe["disk"].update(own_ids=False), recipe["overlays"].pop(1)), []),
        (lambda recipe: recipe.update(checks=[recipe["checks"][4], recipe["checks"][4]]), ["checks.1.name"]),
        (lambda recipe: recipe["packages"]["pip"].extend(recipe["packages"]["pip"]), ["packages.pip.1.venv"]),
        (lambda recipe: recipe["params"]["root_size"].update(default="big"), ["params.root_size.default"]),
        (lambda recipe: recipe["params"]["language"].update(choices=[]), ["params.language"]),
        (lambda recipe: recipe["params"]["telemetry"].update(choices=["x"]), ["params.telemetry.choices"]),
    ],
)
def test_rule(change: Change, keys: list[str]) -> None:
    assert found(change) == keys


def test_the_card_counts_fixed_sizes_and_alignment() -> None:
    fixed = 4 + 4 + 256 + 2048 + 512
    assert found(lambda recipe: recipe["disk"].update(card=f"{fixed}MiB")) == []
    assert found(lambda recipe: recipe["disk"].update(card=f"{fixed - 1}MiB")) == ["disk.partitions.2.size"]


def test_a_rule_waits_until_its_sections_are_right() -> None:
    broken = Recipe.model_validate_json(json.dumps({**SHIPPED, "packages": {}}), strict=True)
    assert [finding.keys for finding in findings(broken)] == [("kolibri", "venv")]
    assert list(findings(broken, without={"packages"})) == []


def test_every_rule_names_sections_that_exist() -> None:
    for sections, _rule in (*RULES, *DISK_RULES):
        assert set(sections) <= set(Recipe.model_fields)

"""The template for Azure that a recipe becomes; SATCHEL_UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from builder.azure import azure_template, opened_ports
from builder.recipe.load import load_recipe

HERE = Path(__file__).parent / "azure"
REPOSITORY = HERE.parents[2]


def template(recipe: Path = HERE / "recipe.yml") -> str:
    return azure_template(load_recipe(recipe).recipe)


def rules() -> list[dict[str, Any]]:
    (group,) = (each for each in json.loads(template())["resources"] if each["type"].endswith("networkSecurityGroups"))
    found: list[dict[str, Any]] = group["properties"]["securityRules"]
    return found


def test_template() -> None:
    file = HERE / "school.azure.json"
    if os.environ.get("SATCHEL_UPDATE_GOLDEN") == "1":
        file.write_text(template())
    assert template() == file.read_text()


def test_only_declared_ports_are_open_and_ssh_only_to_the_network_that_the_operator_names() -> None:
    assert {rule["name"] for rule in rules()} == {"tcp-22", "tcp-443", "tcp-5432", "udp-53"}
    (ssh,) = (rule["properties"] for rule in rules() if rule["properties"]["destinationPortRange"] == "22")
    assert ssh["sourceAddressPrefix"] == "[parameters('sshSource')]"
    source = json.loads(template())["parameters"]["sshSource"]
    assert "defaultValue" not in source
    assert len("0.0.0.0/0") < source["minLength"] <= len("1.2.3.4/32")


def test_every_name_is_declared_and_used() -> None:
    told = json.loads(template())
    expressions = re.findall(r'"(\[.*?\])"', template())
    for kind in ("parameters", "variables"):
        used = {name for each in expressions for name in re.findall(rf"{kind}\('(\w+)'\)", each)}
        assert used == set(told[kind])
    for each in expressions:
        assert each.count("(") == each.count(")")
        assert each.count("'") % 2 == 0


def test_everything_is_made_after_what_it_needs() -> None:
    made: set[str] = set()
    for resource in json.loads(template())["resources"]:
        body = json.dumps({key: value for key, value in resource.items() if key != "dependsOn"})
        # Two levels: a subnet is made with its network.
        ids = re.findall(r"resourceId\('(Microsoft\.\w+/\w+)(?:/\w+)?', (variables\('\w+'\))", body)
        needed = {f"[resourceId('{kind}', {name})]" for kind, name in ids}
        assert set(resource.get("dependsOn", [])) == needed
        assert needed <= made
        made.add(f"[resourceId('{resource['type']}', {resource['name'][1:-1]})]")


def test_no_template_has_a_password() -> None:
    assert "adminPassword" not in template()
    (machine,) = (each for each in json.loads(template())["resources"] if each["type"].endswith("virtualMachines"))
    assert machine["properties"]["osProfile"]["linuxConfiguration"]["disablePasswordAuthentication"] is True


@pytest.mark.parametrize(("firewall", "expected"), [("", [22]), ("firewall: {open: [{port: 80}]}", [80])])
def test_ssh_is_open_where_the_device_has_it_open(firewall: str, expected: list[int], tmp_path: Path) -> None:
    parts = ["azure", "firewall"] if firewall else ["azure"]
    libraries = [os.path.relpath(REPOSITORY / "recipes/lib" / f"{name}.yml", tmp_path) for name in parts]
    path = tmp_path / "recipe.yml"
    path.write_text(f"version: 1\nname: box\ndescription: A box\nextends: {json.dumps(libraries)}\n{firewall}\n")
    assert [opened.port for opened in opened_ports(load_recipe(path).recipe)] == expected

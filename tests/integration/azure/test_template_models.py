"""The template for Azure against Microsoft's models of what is in it. Azure itself is never reached."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.environments import environment
from tests.golden.test_azure import template

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def python() -> Path:
    """Of an environment with the models, made once."""
    return environment("test-azure", HERE / "requirements.txt", "--no-deps") / "bin/python"


def problems(python: Path, told: dict[str, Any]) -> list[str]:
    done = subprocess.run(
        (python, HERE / "models.py"), input=json.dumps(told), check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def test_every_key_and_value_is_one_that_azure_knows(python: Path) -> None:
    assert problems(python, json.loads(template())) == []


def test_what_azure_does_not_know_is_found(python: Path) -> None:
    told = json.loads(template())
    machine = told["resources"][-1]["properties"]
    machine["storageProfile"]["osDisk"]["diskSizeGb"] = 32
    machine["osProfile"]["linuxConfiguration"]["provisionVMAgent"] = "yes"
    machine["vmId"] = "1"
    told["resources"][0]["properties"]["securityRules"][0]["properties"]["access"] = "Permit"
    kind = "Microsoft.Compute/virtualMachines.properties"
    assert problems(python, told) == [
        "Microsoft.Network/networkSecurityGroups.properties.securityRules[0].properties.access: "
        "'Permit' is none of SecurityRuleAccess",
        f"{kind}.storageProfile.osDisk.diskSizeGb: OSDisk has no such key",
        f"{kind}.osProfile.linuxConfiguration.provisionVMAgent: 'yes' is no bool",
        f"{kind}.vmId: cannot be set",
    ]

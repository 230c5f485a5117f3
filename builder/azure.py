"""A template that makes a virtual machine of an uploaded VHD in Azure, in the language of its Resource Manager. Pure.

Nothing of it opens a port that the recipe does not declare; SSH is open to one network, which the operator must name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from builder.recipe.model import Recipe
from builder.recipe.network import CONTAINERS, OPERATOR, SSH, https_ports
from builder.units import GIB, align_up

TEMPLATE_SUFFIX: Final = ".azure.json"

_SCHEMA: Final = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_NETWORK: Final = "2024-05-01"
_COMPUTE: Final = "2024-07-01"
"""Versions of Azure's interfaces."""

_DISK_GIB: Final = 32
"""Of a new machine, if the recipe does not want more. Azure's disks come in such steps."""

_EVERYBODY: Final = ("*",)
_OPERATOR_ONLY: Final = ("[parameters('sshSource')]",)
_LONGER_THAN_EVERYBODY: Final = len("0.0.0.0/0") + 1
"""The only way to have Azure refuse that network, and `*` and `Internet`, for SSH."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A port and who may reach it: addresses and networks, as Azure writes them."""

    protocol: str
    port: int
    sources: tuple[str, ...]


def opened_ports(recipe: Recipe) -> Iterator[Opened]:
    """The ports that a recipe declares, each as the device's own firewall has it; SSH first."""
    firewall = recipe.firewall
    if firewall is None or any((each.protocol, each.port) == ("tcp", SSH) for each in firewall.open):
        yield Opened("tcp", SSH, _OPERATOR_ONLY)
    if recipe.kolibri:
        yield Opened("tcp", recipe.kolibri.port, _EVERYBODY)
        yield Opened("tcp", recipe.kolibri.zip_port, _EVERYBODY)
    for port in https_ports(recipe.https):
        yield Opened("tcp", port, _EVERYBODY)
    for each in firewall.open if firewall else ():
        # The machine has an address of version 4 only.
        some = tuple(source for source in each.sources if source != CONTAINERS and ":" not in source)
        if each.port != SSH and (some or not each.sources):
            yield Opened(each.protocol, each.port, some or _EVERYBODY)
    for unit in recipe.containers.units if recipe.containers else ():
        for published in unit.ports:
            if published.address == "0.0.0.0":
                yield Opened(published.protocol, published.port, _EVERYBODY)


def azure_template(recipe: Recipe) -> str:
    """The text of the template."""
    template = {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "metadata": {"description": f"{recipe.description}: a virtual machine of {recipe.name}.vhd"},
        "parameters": _parameters(recipe),
        "variables": {
            "machine": "[parameters('name')]",
            "network": "[concat(parameters('name'), '-network')]",
            "securityGroup": "[concat(parameters('name'), '-ports')]",
            "address": "[concat(parameters('name'), '-address')]",
            "card": "[concat(parameters('name'), '-card')]",
            "image": "[concat(parameters('name'), '-image')]",
        },
        "resources": [_ports(recipe), _network(), _address(), _card(), _image(), _machine()],
        "outputs": {
            "address": {
                "type": "string",
                "value": f"[reference({_id('Microsoft.Network/publicIPAddresses', 'address')}).ipAddress]",
            },
        },
    }
    return json.dumps(template, indent=2, ensure_ascii=False) + "\n"


def _parameters(recipe: Recipe) -> dict[str, Any]:
    least = align_up(recipe.disk.card, GIB) // GIB
    told: dict[str, tuple[str, str, dict[str, Any]]] = {
        "name": ("string", "Name of the machine and of all that belongs to it.", {"defaultValue": recipe.name}),
        "location": ("string", "The region.", {"defaultValue": "[resourceGroup().location]"}),
        "vmSize": ("string", "The kind of machine; of generation 2.", {"defaultValue": "Standard_B2s"}),
        "vhdUri": ("string", "Where the VHD lies, as a page blob in a storage account of the same region.", {}),
        "sshPublicKey": ("string", f"The public key with which {OPERATOR} logs in.", {}),
        "sshSource": (
            "string",
            "The network that may reach SSH, such as 203.0.113.7/32.",
            {"minLength": _LONGER_THAN_EVERYBODY},
        ),
        "diskGiB": (
            "int",
            "Size of the disk; the last partition grows to its end at the first boot.",
            {"defaultValue": max(_DISK_GIB, least), "minValue": least},
        ),
    }
    return {
        name: {"type": kind, **rules, "metadata": {"description": description}}
        for name, (kind, description, rules) in told.items()
    }


def _id(kind: str, variable: str) -> str:
    return f"resourceId('{kind}', variables('{variable}'))"


def _reference(kind: str, variable: str) -> dict[str, str]:
    return {"id": f"[{_id(kind, variable)}]"}


def _resource(kind: str, variable: str, *, version: str, needs: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    """What all resources have; `needs` are kind and variable of those that must be there before."""
    return {
        "type": kind,
        "apiVersion": version,
        "name": f"[variables('{variable}')]",
        "location": "[parameters('location')]",
        **({"dependsOn": [f"[{_id(*need)}]" for need in needs]} if needs else {}),
    }


def _ports(recipe: Recipe) -> dict[str, Any]:
    return {
        **_resource("Microsoft.Network/networkSecurityGroups", "securityGroup", version=_NETWORK),
        "properties": {
            "securityRules": [
                {"name": f"{opened.protocol}-{opened.port}", "properties": _rule(opened, priority)}
                for priority, opened in enumerate(dict.fromkeys(opened_ports(recipe)), start=100)
            ]
        },
    }


def _rule(opened: Opened, priority: int) -> dict[str, Any]:
    alone = len(opened.sources) == 1
    return {
        "priority": priority,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": opened.protocol.capitalize(),
        **({"sourceAddressPrefix": opened.sources[0]} if alone else {"sourceAddressPrefixes": list(opened.sources)}),
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": str(opened.port),
    }


def _network() -> dict[str, Any]:
    ports = ("Microsoft.Network/networkSecurityGroups", "securityGroup")
    return {
        **_resource("Microsoft.Network/virtualNetworks", "network", version=_NETWORK, needs=(ports,)),
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/24"]},
            "subnets": [
                {
                    "name": "default",
                    "properties": {"addressPrefix": "10.0.0.0/24", "networkSecurityGroup": _reference(*ports)},
                }
            ],
        },
    }


def _address() -> dict[str, Any]:
    return {
        **_resource("Microsoft.Network/publicIPAddresses", "address", version=_NETWORK),
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }


def _card() -> dict[str, Any]:
    network = ("Microsoft.Network/virtualNetworks", "network")
    address = ("Microsoft.Network/publicIPAddresses", "address")
    subnet = "[resourceId('Microsoft.Network/virtualNetworks/subnets', variables('network'), 'default')]"
    return {
        **_resource("Microsoft.Network/networkInterfaces", "card", version=_NETWORK, needs=(network, address)),
        "properties": {
            "ipConfigurations": [
                {
                    "name": "default",
                    "properties": {
                        "privateIPAllocationMethod": "Dynamic",
                        "subnet": {"id": subnet},
                        "publicIPAddress": _reference(*address),
                    },
                }
            ]
        },
    }


def _image() -> dict[str, Any]:
    """Generalized, as Azure says: each machine made of it becomes somebody of its own, and is told a key."""
    return {
        **_resource("Microsoft.Compute/images", "image", version=_COMPUTE),
        "properties": {
            "hyperVGeneration": "V2",
            "storageProfile": {
                "osDisk": {
                    "osType": "Linux",
                    "osState": "Generalized",
                    "blobUri": "[parameters('vhdUri')]",
                    "storageAccountType": "StandardSSD_LRS",
                }
            },
        },
    }


def _machine() -> dict[str, Any]:
    image, card = ("Microsoft.Compute/images", "image"), ("Microsoft.Network/networkInterfaces", "card")
    # Azure knows no other place for a key; the device puts it where the account's home is.
    key = {"path": f"/home/{OPERATOR}/.ssh/authorized_keys", "keyData": "[parameters('sshPublicKey')]"}
    return {
        **_resource("Microsoft.Compute/virtualMachines", "machine", version=_COMPUTE, needs=(image, card)),
        "properties": {
            "hardwareProfile": {"vmSize": "[parameters('vmSize')]"},
            "storageProfile": {
                "imageReference": _reference(*image),
                "osDisk": {
                    "createOption": "FromImage",
                    "diskSizeGB": "[parameters('diskGiB')]",
                    "managedDisk": {"storageAccountType": "StandardSSD_LRS"},
                },
            },
            "osProfile": {
                "computerName": "[parameters('name')]",
                "adminUsername": OPERATOR,
                "allowExtensionOperations": False,
                "linuxConfiguration": {
                    "disablePasswordAuthentication": True,
                    "provisionVMAgent": True,
                    "ssh": {"publicKeys": [key]},
                },
            },
            "networkProfile": {"networkInterfaces": [_reference(*card)]},
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
        },
    }

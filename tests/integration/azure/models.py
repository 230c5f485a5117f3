"""Compare the resources of a template with Microsoft's models of them; a program for the environment that has these.

A resource may have only keys that its model has and that may be set, with values of the kind that the model says. What
Azure works out itself, `[...]`, may stand for any single value.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from azure.mgmt.compute import models as compute
from azure.mgmt.compute.models import _models as compute_models
from azure.mgmt.network import models as network
from azure.mgmt.network.models import _models as network_models

MODELS = {
    "Microsoft.Compute/images": compute.Image,
    "Microsoft.Compute/virtualMachines": compute.VirtualMachine,
    "Microsoft.Network/networkInterfaces": network.NetworkInterface,
    "Microsoft.Network/networkSecurityGroups": network.NetworkSecurityGroup,
    "Microsoft.Network/publicIPAddresses": network.PublicIPAddress,
    "Microsoft.Network/virtualNetworks": network.VirtualNetwork,
}
OF_TEMPLATES = {"type", "apiVersion", "dependsOn", "name"}
NAMES = {
    compute_models.__name__: {"_models": compute},
    network_models.__name__: {"_models": network},
}


def fields(model: type) -> dict[str, tuple[Any, Any]]:
    """What a model describes, by the names of the interface: the field, and the kind of its values."""
    model()  # only the first one that is made gives its fields their names
    found = {}
    for base in reversed(model.__mro__):
        names = NAMES.get(base.__module__)
        if names is None:
            continue
        hints = get_type_hints(base, globalns={**vars(sys.modules[base.__module__]), **names})
        described = {name: field for name, field in vars(base).items() if hasattr(field, "_rest_name")}
        found |= {field._rest_name: (field, hints[name]) for name, field in described.items()}
    return found


def problems(value: object, kind: Any, where: str) -> Iterator[str]:
    """Everything in a value that is not as its kind says."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        return
    if get_origin(kind) in (Union, types.UnionType):
        kinds = [each for each in get_args(kind) if each is not type(None)]
        enums = [each for each in kinds if isinstance(each, type) and issubclass(each, Enum)]
        if enums:
            if value not in {member.value for member in enums[0]}:
                yield f"{where}: {value!r} is none of {enums[0].__name__}"
        else:
            yield from problems(value, kinds[0], where)
    elif get_origin(kind) is list:
        if not isinstance(value, list):
            yield f"{where}: no list"
            return
        for number, each in enumerate(value):
            yield from problems(each, get_args(kind)[0], f"{where}[{number}]")
    elif isinstance(kind, type) and kind.__module__ in NAMES:
        yield from model_problems(value, kind, where)
    elif isinstance(kind, type) and not (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
        yield f"{where}: {value!r} is no {kind.__name__}"


def model_problems(value: object, model: type, where: str) -> Iterator[str]:
    """The same for a part that has a model."""
    if not isinstance(value, Mapping):
        yield f"{where}: nothing with keys"
        return
    known = fields(model)
    for key, each in value.items():
        if key not in known:
            yield f"{where}.{key}: {model.__name__} has no such key"
        elif known[key][0]._visibility == ["read"]:
            yield f"{where}.{key}: cannot be set"
        else:
            yield from problems(each, known[key][1], f"{where}.{key}")


def main() -> None:
    """Read a template and print every problem."""
    for resource in json.load(sys.stdin)["resources"]:
        kind = resource["type"]
        told = {key: value for key, value in resource.items() if key not in OF_TEMPLATES}
        for problem in model_problems(told, MODELS[kind], kind):
            print(problem)


if __name__ == "__main__":
    main()

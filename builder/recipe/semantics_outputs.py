"""Rules about what stands in dist/. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from builder.recipe.finding import Finding, Rule
from builder.recipe.model import Recipe
from builder.recipe.network import OPERATOR


def _azure_without_vhd(recipe: Recipe) -> Iterator[Finding]:
    if recipe.outputs.azure and not recipe.outputs.vhd:
        yield Finding(
            ("outputs", "azure"), "the template makes a machine of the VHD, and there is none", "add `vhd: true`"
        )


def _azure_without_part(recipe: Recipe) -> Iterator[Finding]:
    if recipe.outputs.azure and not {"cloud-init", "waagent"} <= set(recipe.packages.apt):
        message = "nothing on the device takes what Azure tells it, or says there that it is ready"
        yield Finding(("outputs", "azure"), message, "add lib/azure.yml to `extends`")


def _azure_without_uefi(recipe: Recipe) -> Iterator[Finding]:
    if recipe.outputs.azure and "uefi" not in recipe.disk.boot:
        message = "the template makes a machine of generation 2, which boots by UEFI"
        yield Finding(("outputs", "azure"), message, "add uefi to `disk.boot`")


def _azure_without_operator(recipe: Recipe) -> Iterator[Finding]:
    if recipe.outputs.azure and all(user.name != OPERATOR for user in recipe.users):
        message = f"there is no user {OPERATOR}, who gets the operator's SSH key"
        yield Finding(("outputs", "azure"), message, "add lib/debian.yml to `extends`")


OUTPUT_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("outputs",), _azure_without_vhd),
    (("outputs", "packages"), _azure_without_part),
    (("outputs", "disk"), _azure_without_uefi),
    (("outputs", "users"), _azure_without_operator),
)
"""Every rule about what stands in dist/, with the sections that it reads."""

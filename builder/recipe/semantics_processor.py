"""Rules about what a recipe's processor cannot run or start. Pure. That a package exists for it, lock finds out."""

from __future__ import annotations

from collections.abc import Iterator

from builder.recipe.finding import Finding, Rule
from builder.recipe.model import Recipe
from builder.recipe.software import Architecture

UEFI_LOADER = "systemd-boot-efi"
"""The package that brings UEFI's boot loader; of what the builder itself has, only that for its own processor."""


def _kernels_of_others(recipe: Recipe) -> Iterator[Finding]:
    own = recipe.base.architecture
    for other in set(Architecture) - {own}:
        for i, package in enumerate(recipe.packages.apt):
            if package.endswith(f"-{other}"):
                message = f"{package} is for {other}, but the recipe's base.architecture is {own}"
                yield Finding(("packages", "apt", i), message, f"write {package.removesuffix(other)}{own}")


def _no_bios(recipe: Recipe) -> Iterator[Finding]:
    own = recipe.base.architecture
    if own is Architecture.AMD64:
        return
    for i, method in enumerate(recipe.disk.boot):
        if method == "bios":
            yield Finding(("disk", "boot", i), f"no legacy BIOS starts a computer with {own}", "write `boot: [uefi]`")


def _loader_for_uefi(recipe: Recipe) -> Iterator[Finding]:
    if recipe.base.architecture is Architecture.AMD64 or UEFI_LOADER in recipe.packages.apt:
        return
    for i, method in enumerate(recipe.disk.boot):
        if method == "uefi":
            message = f"booting {recipe.base.architecture} by uefi needs the package {UEFI_LOADER}"
            yield Finding(("disk", "boot", i), message, f"add {UEFI_LOADER} to packages.apt")


PROCESSOR_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("base", "packages"), _kernels_of_others),
    (("base", "disk"), _no_bios),
    (("base", "disk", "packages"), _loader_for_uefi),
)
"""Every rule about the processor, with the sections that it reads."""

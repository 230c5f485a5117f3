"""Rules about what a recipe's processor cannot run or start. Pure. That a package exists for it, lock finds out."""

from __future__ import annotations

from collections.abc import Iterator

from builder.recipe.finding import Finding, Rule
from builder.recipe.model import Recipe
from builder.recipe.software import Architecture

UEFI_LOADER = "systemd-boot-efi"
"""The package that brings UEFI's boot loader; of what the builder itself has, only that for its own processor."""

PI_FIRMWARE = "raspi-firmware"
"""The package with the firmware of Raspberry Pi boards."""


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


def _raspberry_pi(recipe: Recipe) -> Iterator[Finding]:
    for i, method in enumerate(recipe.disk.boot):
        if method != "raspberry-pi":
            continue
        keys = ("disk", "boot", i)
        if recipe.base.architecture is not Architecture.ARM64:
            message = f"a Raspberry Pi starts arm64, but the recipe's base.architecture is {recipe.base.architecture}"
            yield Finding(keys, message, "write `base: {architecture: arm64}`")
        if PI_FIRMWARE not in recipe.packages.apt:
            message = f"booting by raspberry-pi needs the package {PI_FIRMWARE}"
            yield Finding(keys, message, f"add {PI_FIRMWARE} to packages.apt; it is in non-free-firmware")
        if recipe.disk.partitions[0].type != "esp":
            message = "the boot ROM of a Raspberry Pi reads the first partition, which must be the one with `type: esp`"
            yield Finding(("disk", "partitions", 0, "type"), message)


PROCESSOR_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("base", "packages"), _kernels_of_others),
    (("base", "disk"), _no_bios),
    (("base", "disk", "packages"), _loader_for_uefi),
    (("base", "disk", "packages"), _raspberry_pi),
)
"""Every rule about the processor, with the sections that it reads."""

"""Rules about the secrets of a recipe. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from builder.recipe.finding import Finding, Rule, repeated
from builder.recipe.model import Recipe
from builder.recipe.problems import suggest

_OF_SEEDS = ("born",)
"""What a seed has in its table of secrets for itself."""


def _names(recipe: Recipe) -> Iterator[Finding]:
    yield from repeated(((("secrets", i, "name"), secret.name) for i, secret in enumerate(recipe.secrets)), "secret")
    for i, secret in enumerate(recipe.secrets):
        if secret.name in _OF_SEEDS:
            yield Finding(("secrets", i, "name"), f"a seed has something else by the name {secret.name}")


def _private(recipe: Recipe) -> Iterator[Finding]:
    for i, secret in enumerate(recipe.secrets):
        if secret.file and int(secret.file.mode, 8) & 0o007:
            message = f"mode {secret.file.mode} lets everybody read or change a secret"
            yield Finding(("secrets", i, "file", "mode"), message, "0400 is for the owner, 0440 for the group, too")


def _given(recipe: Recipe) -> Iterator[Finding]:
    names = [secret.name for secret in recipe.secrets]
    for i, unit in enumerate(recipe.containers.units if recipe.containers else ()):
        for j, use in enumerate(unit.secrets):
            if use.name not in names:
                hint = suggest(use.name, names, of="the secrets are") if names else "add it to `secrets`"
                keys = ("containers", "units", i, "secrets", j, "name")
                yield Finding(keys, f"{use.name} is none of the secrets", hint)


def _authority(recipe: Recipe) -> Iterator[Finding]:
    if recipe.tls is None:
        return
    secret = next((each for each in recipe.secrets if each.name == recipe.tls.authority), None)
    wanted = f"{{name: {recipe.tls.authority}, generate: p256-key}}"
    if secret is None:
        yield Finding(
            ("tls", "authority"), f"{recipe.tls.authority} is none of the secrets", f"add {wanted} to `secrets`"
        )
    elif secret.generate != "p256-key":
        keys = ("secrets", recipe.secrets.index(secret), "generate")
        yield Finding(keys, f"the key of an authority cannot be made as {secret.generate}", f"write {wanted}")
    if "openssl" not in recipe.packages.apt or all(overlay.name != "tls" for overlay in recipe.overlays):
        yield Finding(("tls",), "nothing on the device makes certificates", "add lib/tls.yml to `extends`")


SECRET_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("secrets",), _names),
    (("secrets",), _private),
    (("secrets", "containers"), _given),
    (("tls", "secrets", "packages", "overlays"), _authority),
)
"""Every rule about secrets, with the sections that it reads."""

"""What a recipe may say about the audit: the names of its rules, and findings that are meant. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from builder.recipe.shapes import Part, Shape

AuditRule = Literal[
    "machine-id",
    "ssh-host-keys",
    "authorized-keys",
    "private-keys",
    "random-seed",
    "passwords",
    "empty-passwords",
    "default-passwords",
    "reused-hashes",
    "credentials",
    "wifi-secrets",
    "service-identities",
    "kolibri-identity",
    "kolibri-people",
    "kolibri-home",
    "kolibri-provisioning",
    "first-boot-state",
    "device-seed",
    "cloud-init",
    "containers",
    "dhcp-leases",
    "journals",
    "logs",
    "histories",
    "hardware-addresses",
    "hostname",
    "resolver",
    "build-host",
    "build-paths",
    "build-proxies",
    "processors",
    "raspberry-pi",
    "planted-secrets",
]
"""The names of the audit's rules. They are words of the recipe language, because waivers use them; the rules
themselves stand in `audit/rules`."""


class Waiver(Part):
    """A finding of the audit that is meant to be in the image, and why. It stays visible, but fails nothing."""

    rule: AuditRule
    """The rule that finds it; `satchel audit --list` tells what each looks for."""
    path: Annotated[str, Shape(r"[^/].*", "a pattern without a slash at its beginning")]
    """A glob pattern over the path on the device without its first slash; `*` also matches `/`: `etc/ssl/private/*`."""
    reason: Annotated[str, Shape(r"\s*\S+(\s+\S+){2,}\s*", "a reason in at least three words")]
    """Why it may be the same on every device, for whoever reads the audit."""


class Audit(Part):
    """What the audit of the finished image lets pass."""

    waivers: tuple[Waiver, ...] = ()
    """Findings that are meant. One that matches nothing any more is reported, so that it can be taken away."""

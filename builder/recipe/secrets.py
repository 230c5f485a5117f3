"""What a recipe says about secrets: which there are, and who makes them. No secret is ever in a recipe. Pure.

Rules that concern several keys live in `semantics_secrets`.
"""

from __future__ import annotations

from typing import Literal

from builder.recipe.shapes import AbsolutePath, Mode, Name, Part, UserName


class SecretFile(Part):
    """A copy of a secret for a program that wants it in a place of its own."""

    path: AbsolutePath
    """The file."""
    owner: UserName = "root"
    """Whose it is."""
    group: UserName = "root"
    """Its group."""
    mode: Mode = "0400"
    """Who may read it; never everybody."""


class Secret(Part):
    """A value that nobody may know but those who need it."""

    name: Name
    """What it is called: on the device, in seeds, and in site lists behind `secret_`."""
    generate: Literal["password", "hex", "base64", "django-key"] = "password"
    """What is made: words that can be typed (64 bits), 64 hexadecimal digits, 32 bytes in Base64, or 50 characters as
    Django has its secret key."""
    scope: Literal["device", "site"] = "device"
    """Each device makes its own, or all devices of a site have the same one, by their seeds."""
    shown: Literal["never", "once"] = "never"
    """Whether it stands above the login prompt until the first login."""
    file: SecretFile | None = None
    """A copy for a program; all are in /etc/satchel/secrets, for root only."""

"""What a recipe says about secrets: which there are, and who makes them. No secret is ever in a recipe. Pure.

Rules that concern several keys live in `semantics_secrets`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from builder.recipe.shapes import AbsolutePath, Mode, Name, Part, Shape, UnitName, UserName

DnsName = Annotated[
    str,
    Shape(
        r"(\{hostname\}|[a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
        "a name in small letters such as kolibri.example.org or {hostname}.example.org",
    ),
]


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
    generate: Literal["password", "hex", "base64", "django-key", "p256-key"] = "password"
    """What is made: words that can be typed (64 bits), 64 hexadecimal digits, 32 bytes in Base64, 50 characters as
    Django has its secret key, or a private key of the curve P-256 (PKCS #8 in Base64)."""
    scope: Literal["device", "site"] = "device"
    """Each device makes its own, or all devices of a site have the same one, by their seeds."""
    shown: Literal["never", "once"] = "never"
    """Whether it stands above the login prompt until the first login."""
    file: SecretFile | None = None
    """A copy for a program; all are in /etc/satchel/secrets, for root only."""


class Tls(Part):
    """An authority of the device's own, or of its site's, that vouches for the certificate of whatever serves here.
    Without this section the certificate is signed by itself. Needs the part `lib/tls.yml`.
    """

    authority: Name
    """The secret with the key of the authority, of the kind `p256-key`; with `scope: site`, all devices of a site list
    trust one another."""
    names: tuple[DnsName, ...] = ()
    """Names besides the host name and `NAME.local`; `{hostname}` stands for the host name."""
    group: UserName | None = None
    """A group that may read the key besides root, such as `ssl-cert`."""
    reload: tuple[UnitName, ...] = ()
    """Units that are told of a new certificate: by a reload, or by a restart if they know none."""

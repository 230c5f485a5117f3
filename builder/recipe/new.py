"""`satchel new`: a recipe to start from, small enough to be read whole."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from builder.recipe.keys import find
from builder.recipe.problems import UnknownWord

DEFAULT_BASE = "kolibri-pc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a starting recipe inherits and what it shows of its possibilities."""

    description: str
    extends: tuple[str, ...]
    body: str


STARTS = {
    "kolibri-pc": Start(
        description="Kolibri classroom server for amd64 PCs",
        extends=("lib/debian-pc.yml", "lib/kolibri.yml"),
        body="""\
# Channels to preload: a drive exported from Kolibri, beside this file or with its whole path.
# content: !replace
#   - channels: {sources: [{drive: /media/kolibri-drive}]}
firstboot:
  facility:
    name: "School {code}"      # each device puts its own code here
""",
    ),
    "debian-pc": Start(
        description="Debian server for amd64 PCs",
        extends=("lib/debian-pc.yml",),
        body="""\
units:
  enable: []                   # what systemd shall start, such as nginx.service
""",
    ),
}
"""Every base that a recipe can start from."""


def starting_recipe(name: str, *, base: str = DEFAULT_BASE, recipes: str = ".") -> str:
    """The text of a recipe to be saved as NAME.yml in a directory that sees Satchel's recipes/ at `recipes`.

    Raises:
        UnknownWord: the name is none that a recipe can have, or there is no such base.
    """
    if base not in STARTS:
        raise UnknownWord(f'there is no base "{base}"', base, STARTS)
    key = find(("name",))
    if key is None or re.fullmatch(r"[a-z][a-z0-9-]{0,35}", name) is None:
        raise UnknownWord(f'"{name}" is not {key.shape if key else "a name"}', name, [])
    start = STARTS[base]
    inherited = ", ".join(posixpath.normpath(f"{recipes}/{part}") for part in start.extends)
    return f"""\
# yaml-language-server: $schema={posixpath.normpath(f"{recipes}/../docs/recipe.schema.json")}
# What the keys mean: `satchel explain KEY`. What is inherited, and from where: `satchel explain --recipe {name}`.
version: 1
name: {name}
description: {start.description}
extends: [{inherited}]
packages:
  apt: [htop]                  # Debian packages besides the inherited ones
users:
  - name: technician           # the account is inherited; this adds a key to it
    authorized_keys: []        # such as "ssh-ed25519 AAAA... you@laptop"
{start.body}"""

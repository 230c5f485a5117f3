"""How this host reaches the network: what its environment and its apt settings say of proxies."""

from __future__ import annotations

import os
import shutil
from functools import cache
from typing import Final

from builder.host.command import run

_VARIABLES: Final = ("http_proxy", "https_proxy", "no_proxy")


@cache
def proxy_environment() -> dict[str, str]:
    """Proxy variables for programs that download; the environment wins over the host's apt settings.

    As variables and not as apt options, because options would be written into the image.
    """
    named = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return {**_of_the_host(), **named}


def _of_the_host() -> dict[str, str]:
    if shutil.which("apt-config") is None:
        return {}
    return apt_proxies(run(("apt-config", "dump", "--format", "%F %v%n"), why="read the host's apt settings"))


def apt_proxies(listing: str) -> dict[str, str]:
    """Proxy variables from apt's settings, a line with name and value for each."""
    settings = dict(line.split(" ", 1) for line in listing.splitlines() if " " in line)
    found = {f"{kind}_proxy": settings.get(f"Acquire::{kind}::Proxy", "") for kind in ("http", "https")}
    return {name: value for name, value in found.items() if value and value != "DIRECT"}

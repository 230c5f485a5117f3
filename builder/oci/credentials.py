"""What this user has to log in to registries, by containers-auth.json(5), as `podman login` keeps it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from builder.errors import HostError

_DOCKER: Final = "https://index.docker.io/v1/"
"""How Docker's own file calls docker.io."""


def login(name: str) -> str | None:
    """Name and password in Base64, as HTTP sends them, for an image by its whole name; none when nobody logged in.

    Raises:
        HostError: a file with them cannot be read.
    """
    for path in _files():
        found = _of_file(path, name)
        if found is not None:
            return found
    return None


def _files() -> Iterator[Path]:
    """In the order of podman."""
    if chosen := os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(chosen)
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime, "containers/auth.json")
    yield Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "containers/auth.json")
    yield Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "config.json")


def _of_file(path: Path, name: str) -> str | None:
    try:
        document: Any = json.loads(path.read_text())
        logins: dict[str, dict[str, str]] = document.get("auths") or {}
        for key in _keys(name):
            if key in logins and logins[key].get("auth"):
                return logins[key]["auth"]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise HostError(f"{path} is not as `podman login` writes it", details=str(error)) from error
    return None


def _keys(name: str) -> Iterator[str]:
    """The most exact first: a whole repository, the namespaces above it, the registry."""
    parts = name.split("/")
    for length in range(len(parts), 0, -1):
        yield "/".join(parts[:length])
    if parts[0] == "docker.io":
        yield _DOCKER

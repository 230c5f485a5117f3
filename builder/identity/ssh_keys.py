"""Public SSH keys of operators, read from files: those that a device will let in, and never a private one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from builder.errors import ArtifactError

_KINDS: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_LARGEST: Final = 64 << 10


def read_keys(paths: Iterable[Path]) -> tuple[str, ...]:
    """The keys in files as `ssh-keygen` writes them, a line each; empty lines and those that begin with # are none.

    Raises:
        ArtifactError: a file cannot be read, has no key, or has something else, such as a private key.
    """
    return tuple(key for path in paths for key in _keys_in(path))


def _keys_in(path: Path) -> tuple[str, ...]:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error
    if b"PRIVATE KEY" in data:
        raise ArtifactError(f"{path} is a private key, which stays where it is", hint=f"give {path}.pub instead")
    try:
        text = data.decode() if len(data) <= _LARGEST else ""
    except UnicodeDecodeError:
        text = ""
    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), start=1)}
    keys = {number: line for number, line in lines.items() if line and not line.startswith("#")}
    wrong = next((number for number, line in keys.items() if not _is_key(line)), None)
    if wrong is not None:
        raise ArtifactError(
            f"{path}:{wrong}: this is no public SSH key", hint="one begins with its kind: ssh-ed25519 ..."
        )
    if not keys:
        raise ArtifactError(f"{path} has no public SSH key", hint="`ssh-keygen -t ed25519` makes a pair")
    return tuple(keys.values())


def _is_key(line: str) -> bool:
    """A kind that OpenSSH knows, and a key that says it is of this kind (RFC 4253, 6.6)."""
    kind, _, rest = line.partition(" ")
    try:
        key = base64.b64decode(rest.split()[0], validate=True)
    except (binascii.Error, ValueError, IndexError):
        return False
    name = kind.encode()
    return kind in _KINDS and line.isprintable() and key.startswith(len(name).to_bytes(4, "big") + name)

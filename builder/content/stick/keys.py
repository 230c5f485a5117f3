"""Keys for sticks: Ed25519, by the host's openssl, as the device has it too.

A public key is one short line, which a recipe names like the SSH keys of a user.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from builder.errors import ArtifactError, CommandFailed, MissingTool, UsageError
from builder.host.command import run
from builder.host.whole import write_whole

_BEGIN = "-----BEGIN PUBLIC KEY-----"
_END = "-----END PUBLIC KEY-----"
_ED25519 = "MCowBQYDK2VwAyEA"
"""How Base64 of every public Ed25519 key begins (RFC 8410)."""


def make_key(path: Path) -> str:
    """Make a private key, for its owner alone, and return the public one.

    Raises:
        UsageError: something is there already.
        MissingTool: the host has no openssl.
        ArtifactError: the file cannot be written.
    """
    if os.path.lexists(path):
        raise UsageError(f"{path} is there already", hint="a key that was replaced can sign no more sticks")
    key = _openssl("genpkey", "-algorithm", "ed25519", why="make a key")
    try:
        write_whole(path, key.encode(), mode=0o600)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be written: {error.strerror}") from error
    return public_key(path)


def public_key(private: Path) -> str:
    """The public key of a private one, as a recipe names it.

    Raises:
        MissingTool: the host has no openssl.
        ArtifactError: the file is no private Ed25519 key without a passphrase.
    """
    try:
        text = _openssl("pkey", "-in", os.fspath(private), "-passin", "pass:", "-pubout", why="read the key")
    except CommandFailed as error:
        raise _no_key(private) from error
    line = "".join(text.replace(_BEGIN, "").replace(_END, "").split())
    if not line.startswith(_ED25519):
        raise _no_key(private)
    return line


def sign(data: bytes, private: Path) -> bytes:
    """The signature of some bytes.

    Raises:
        MissingTool: the host has no openssl.
        ArtifactError: the file is no private Ed25519 key without a passphrase.
    """
    with TemporaryDirectory(prefix="satchel-") as room:
        signed, signature = Path(room, "signed"), Path(room, "signature")
        signed.write_bytes(data)
        files = ("-inkey", os.fspath(private), "-in", os.fspath(signed), "-out", os.fspath(signature))
        try:
            _openssl("pkeyutl", "-sign", "-rawin", "-passin", "pass:", *files, why="sign the manifest")
        except CommandFailed as error:
            raise _no_key(private) from error
        return signature.read_bytes()


def _openssl(*arguments: str, why: str) -> str:
    if shutil.which("openssl") is None:
        raise MissingTool("openssl", why="to sign content sticks", package="openssl")
    return run(("openssl", *arguments), why=why)


def _no_key(path: Path) -> ArtifactError:
    return ArtifactError(
        f"{path} is no private Ed25519 key that can be used",
        hint="`satchel content stick-key FILE` makes one; a key with a passphrase has to be unlocked first: "
        "openssl pkey -in LOCKED -out FILE",
    )

"""Who made an image: SHA256SUMS bears a detached OpenPGP signature, as the images of Debian, Ubuntu and Tails do.

`gpg` signs with a key that it alone holds. `gpgv` checks, against one keyring file that the person names: what counts
as trusted is never whatever keys somebody's own keyring happens to hold. docs/signing.md weighs this against the other
ways. Checksums themselves are checked by `checksums`.
"""

from __future__ import annotations

import binascii
import os
import re
import shutil
import sys
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from builder.checksums import CHECKSUMS, read_sums
from builder.errors import ArtifactError, CommandFailed, HostError, MissingTool
from builder.host.command import run

SIGNATURE: Final = f"{CHECKSUMS}.gpg"

_FOR_GPG: Final = ("GNUPGHOME", "GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""What gpg must know to find its keys and its agent, and the agent to ask for a passphrase."""

_NOT_SIGNED: Final = {
    11: "wrong passphrase",
    17: "its secret part is not here",
    54: "it has expired, is revoked or is not for signing",
    62: "nobody gave the passphrase",
    99: "cancelled",
    198: "cancelled",
}
"""Codes of FAILURE (doc/DETAILS of GnuPG) without the part that says which program it was (libgpg-error)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A good signature."""

    signer: str
    """The name on the key."""
    fingerprint: str
    """The fingerprint of the primary key."""
    made: int
    """When, in seconds since 1970, by the clock of the signer."""


def sign_sums(directory: Path, key: str | None) -> Path:
    """Sign the SHA256SUMS in `directory`; return the file of the signature. An older signature is replaced.

    Args:
        directory: A directory of dist/.
        key: Fingerprint or name of a key of the caller's gpg; without one, gpg's own choice.

    Raises:
        ArtifactError: there is no SHA256SUMS.
        HostError: gpg or the key is missing, or the key could not be used.
    """
    if shutil.which("gpg") is None:
        raise MissingTool("gpg", why="to sign checksums", package="gnupg")
    read_sums(directory)
    sums, signature = (directory / CHECKSUMS).absolute(), directory / SIGNATURE
    chosen = () if key is None else ("--local-user", key)
    format_ = ("--armor", "--digest-algo", "SHA512", "--output", "-")
    argv = ("gpg", "--batch", "--status-fd", "2", *chosen, *format_, "--detach-sign", os.fspath(sums))
    try:
        text = run(argv, why="sign the checksums", env=_surroundings())
    except CommandFailed as error:
        raise HostError(
            f"{CHECKSUMS} could not be signed with {f'the key {key}' if key else 'the default key of gpg'}"
            f": {_why_not_signed(error.tail)}",
            details=error.tail,
            hint="`gpg --list-secret-keys` shows the keys that can sign",
        ) from error
    unfinished = directory / f".{SIGNATURE}.unfinished"
    unfinished.write_text(text)
    unfinished.replace(signature)
    return signature


def _surroundings() -> dict[str, str]:
    found = {name: os.environ[name] for name in _FOR_GPG if name in os.environ}
    if "GPG_TTY" not in found and sys.stdin.isatty():
        found["GPG_TTY"] = os.ttyname(sys.stdin.fileno())
    return found


def _why_not_signed(output: str) -> str:
    for status in _status_lines(output):
        match status:
            case ["FAILURE", _, code, *_] if int(code) & 0xFFFF in _NOT_SIGNED:
                return _NOT_SIGNED[int(code) & 0xFFFF]
            case _:
                pass
    return "gpg says why"


def trusted_keyring(chosen: str | None) -> Path:
    """The keyring that decides whom to trust: the chosen file, else `trusted.gpg` in Satchel's configuration.

    Raises:
        HostError: there is no such file.
    """
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = Path(chosen) if chosen else configuration / "satchel" / "trusted.gpg"
    if not path.is_file():
        raise HostError(
            f"there is no keyring {path}, so nobody is trusted yet",
            hint="name another one with --keyring, or put the maker's public key there:"
            f" gpg --armor --export FINGERPRINT | install -D -m 644 /dev/stdin {path}",
        )
    return path


def check_signature(directory: Path, keyring: Path) -> Signature:
    """The signature of the SHA256SUMS in `directory` by a key in `keyring`; with several, the first good one.

    Args:
        directory: Where SHA256SUMS and its signature lie. The files that it names are not read.
        keyring: Public keys that are trusted, binary or armoured (RFC 9580).

    Raises:
        ArtifactError: there is no signature, or it is not good; the message says which of all ways.
        HostError: gpgv is missing, or the keyring is not one.
    """
    if shutil.which("gpgv") is None:
        raise MissingTool("gpgv", why="to check signatures", package="gpgv")
    read_sums(directory)
    if not (directory / SIGNATURE).is_file():
        raise ArtifactError(
            f"{directory} is not signed: there is no {SIGNATURE}",
            hint="`satchel sign` signs what you made; for a download, get the signature too",
        )
    with TemporaryDirectory(prefix="satchel-") as room:
        # gpgv of Debian 12 and 13 reads no armoured keyrings; the empty home keeps the user's own keys out.
        keys = Path(room, "keys.gpg")
        keys.write_bytes(_binary_keys(keyring))
        argv = ("gpgv", "--homedir", room, "--keyring", os.fspath(keys), "--status-fd", "1", "--weak-digest", "SHA1")
        files = [os.fspath((directory / name).absolute()) for name in (SIGNATURE, CHECKSUMS)]
        answer = run((*argv, "--ignore-time-conflict", *files), why="check the signature", accept=(0, 1, 2))
    return _judged(answer, directory, keyring)


_BLOCK: Final = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+: [^\r\n]*\r?\n)*\r?\n"
    rb"([A-Za-z0-9+/=\s]*?)(?:^=[A-Za-z0-9+/]{4}\s*)?-----END PGP PUBLIC KEY BLOCK-----\s*",
    re.MULTILINE,
)
"""Armour, its headers, an empty line, Base64, and the checksum that may be left out (RFC 9580, section 6)."""


def _binary_keys(keyring: Path) -> bytes:
    try:
        # People append keys to the file, and may mix the two forms.
        data = _BLOCK.sub(lambda block: b64decode(block[1]), keyring.read_bytes())
    except (OSError, binascii.Error) as error:
        raise HostError(f"the keyring {keyring} cannot be read: {error}") from error
    # A ring begins with a public key packet (tag 6, old or new form), gpg's keybox with a magic word.
    is_ring = data[:1] != b"" and (data[0] & 0xFC == 0x98 or data[0] == 0xC6)
    if not is_ring and data[8:12] != b"KBXf":
        raise HostError(
            f"the file {keyring} holds no public OpenPGP key", hint=f"gpg --armor --export FINGERPRINT > {keyring}"
        )
    return data


def _status_lines(text: str) -> Iterator[list[str]]:
    """The words of the lines that GnuPG writes for programs (doc/DETAILS of GnuPG)."""
    for line in text.splitlines():
        if line.startswith("[GNUPG:] "):
            yield line.split(" ")[1:]


def _judged(answer: str, directory: Path, keyring: Path) -> Signature:
    """The first good signature, or else the error for the worst one."""
    errors: list[tuple[int, ArtifactError]] = []
    signer = ""
    for status in _status_lines(answer):
        match status:
            case ["NEWSIG", *_]:
                signer = ""
            case ["GOODSIG", _, *name]:
                signer = " ".join(name)
            case ["VALIDSIG", own, _, made, *rest] if signer:
                return Signature(signer=signer, fingerprint=rest[-1] if rest else own, made=int(made))
            case _:
                errors += _fault(status, directory, keyring)
    if not errors:
        raise ArtifactError(
            f"{directory / SIGNATURE} is not an OpenPGP signature", hint="get it again from where it was published"
        )
    raise min(errors, key=lambda fault: fault[0])[1]


def _fault(status: list[str], directory: Path, keyring: Path) -> Iterator[tuple[int, ArtifactError]]:
    """What a line says is wrong with a signature; the lower the number, the worse it is."""
    sums = directory / CHECKSUMS
    renewed = "get the key again from its owner, who may have prolonged it; or an image that is signed anew"
    match status:
        case ["BADSIG", _, *name]:
            yield (
                0,
                ArtifactError(
                    f"{sums} was changed after {' '.join(name)} had signed it",
                    hint="do not use these files; get them again from where they were published",
                ),
            )
        case ["REVKEYSIG", key, *name]:
            yield (
                1,
                ArtifactError(
                    f"{sums} is signed with a key that {' '.join(name)} has revoked",
                    details=f"key {key}",
                    hint="a stolen key may have made this signature; ask the owner for an image that is signed anew",
                ),
            )
        case ["EXPKEYSIG", key, *name]:
            message = f"{sums} is signed with a key of {' '.join(name)} that has expired"
            yield 2, ArtifactError(message, details=f"key {key}", hint=renewed)
        case ["EXPSIG", key, *name]:
            yield 2, ArtifactError(f"the signature of {sums} by {' '.join(name)} has expired", details=f"key {key}")
        case ["ERRSIG", key, _, _, _, _, "9", *fingerprint]:
            given = next((word for word in fingerprint if word != "-"), key)
            trust = f"gpg --armor --export {given} >> {keyring}"
            yield (
                4,
                ArtifactError(
                    f"{sums} is signed with a key that is not in {keyring}",
                    details=f"key {given}",
                    hint=f"ask the maker for the fingerprint; if it is this one: {trust}",
                ),
            )
        case ["ERRSIG", key, algorithm, digest, _, _, code, *_]:
            facts = f"key {key}, algorithm {algorithm}, digest {digest}, code {code} (doc/DETAILS of GnuPG)"
            hint = "it may be made with methods that are too old or too new; ask the maker for an image signed anew"
            yield 3, ArtifactError(f"the signature of {sums} cannot be checked", details=facts, hint=hint)
        case _:
            pass

"""Whose sticks this device takes: those that are signed with an Ed25519 key whose public half the recipe names.

Python's own library knows no such signatures, so openssl looks at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from device.commands import run as run_command
from device.errors import DeviceError
from stick.outcome import Refused

SIGNATURE_BYTES = 64
_ADVICE = "Get a stick from those who made this device, or ask them to sign this one."


def require_keys(keys: Sequence[str]) -> None:
    """Insist that there is anybody to trust.

    Raises:
        Refused: there is nobody; then a stick need not even be looked at.
    """
    if not keys:
        raise Refused(
            "this device trusts nobody's sticks",
            advice="Whoever makes its image can name keys in the recipe, under `kolibri: sticks:`.",
        )


def require_signature(data: bytes, signature: bytes | None, keys: Sequence[str], *, scratch: Path) -> None:
    """Insist that one of the keys has signed these bytes.

    Args:
        data: Read from the stick once, into memory: what is looked at must be what is used afterwards.
        signature: None when the stick has none.
        keys: Public keys, Base64 of their SubjectPublicKeyInfo.
        scratch: A directory in memory that is root's own.

    Raises:
        Refused: nobody whom the device trusts has.
    """
    require_keys(keys)
    if signature is None:
        raise Refused("the stick is not signed", advice=_ADVICE)
    with TemporaryDirectory(dir=scratch) as room:
        signed, sealed, key_file = (Path(room, name) for name in ("signed", "signature", "key.pem"))
        signed.write_bytes(data)
        sealed.write_bytes(signature)
        for key in keys:
            key_file.write_text(f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n", encoding="ascii")
            if _is_good(signed, sealed, key_file):
                return
    reason = "the stick is not signed by anybody whom this device trusts, or was changed after it was signed"
    raise Refused(reason, advice=_ADVICE)


def _is_good(signed: Path, signature: Path, key: Path) -> bool:
    files = ("-inkey", str(key), "-in", str(signed), "-sigfile", str(signature))
    try:
        run_command(("openssl", "pkeyutl", "-verify", "-pubin", "-rawin", *files), why="check the signature")
    except DeviceError:
        return False
    return True

"""SSH host keys. RSA is left out: making it takes minutes on a small board, and no client of today needs it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from device import files
from device.commands import run as run_command
from device.errors import DeviceError
from firstboot.device import Device
from firstboot.journal import Facts

KINDS = ("ed25519", "ecdsa")
_SCRATCH = ".satchel-"


def run(device: Device) -> Facts:
    """Make the keys that are not there whole. Nothing to do on a device without sshd."""
    directory = device.paths.at("/etc/ssh")
    if not directory.is_dir():
        return {}
    # A power cut may have left a key in its making behind.
    for scratch in directory.glob(f"{_SCRATCH}*"):
        shutil.rmtree(scratch)
    for kind in KINDS:
        private = directory / f"ssh_host_{kind}_key"
        public = _public_part(private) or _make(private, kind, device.facts["hostname"])
        files.write(private.with_name(f"{private.name}.pub"), public)
    return {}


def _public_part(private: Path) -> str | None:
    """The public key that belongs to a private one; nothing when that is missing or cut off."""
    if not private.exists():
        return None
    private.chmod(0o600)
    try:
        return run_command(("ssh-keygen", "-y", "-P", "", "-f", str(private)), why="read a host key") or None
    except DeviceError:
        return None


def _make(private: Path, kind: str, hostname: str) -> str:
    """A new key; the private one appears under its name only when it is whole."""
    with tempfile.TemporaryDirectory(dir=private.parent, prefix=_SCRATCH) as scratch:
        new = Path(scratch) / "key"
        argv = ("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{hostname}", "-f", str(new))
        run_command(argv, why=f"make the {kind} host key")
        files.write(private, new.read_text(encoding="ascii"), mode=0o600)
        return new.with_suffix(".pub").read_text(encoding="ascii")

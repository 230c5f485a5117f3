"""A seed disk for virtual machines, as an ISO 9660 file: the only module that imports pycdlib.

The volume is called `cidata` and also holds what cloud-init's data source NoCloud looks for, so that hypervisors and
tools that know such disks attach it as they are used to. First boot reads the seed; where cloud-init is on the device
(lib/cloud.yml) it reads the rest, which has no secrets.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException
from seed import document

from builder.errors import ArtifactError
from builder.host.whole import write_whole

VOLUME: Final = "cidata"
_ANOTHER: Final = {document.FILE: "SEED.TXT;1", "meta-data": "METADATA.;1", "user-data": "USERDATA.;1"}
"""Names in the oldest form, for readers that know neither Joliet nor Rock Ridge."""

_MAGIC, _MAGIC_AT = b"CD001", 16 * 2048 + 1


def write_iso(out: Path, seed: bytes, *, instance: str, ssh_keys: Sequence[str] = ()) -> None:
    """Make a seed disk, whole or not at all.

    Args:
        out: The file to make.
        seed: The seed's text.
        instance: What cloud-init would call the machine.
        ssh_keys: Public keys that cloud-init lets in.

    Raises:
        ArtifactError: it cannot be written.
    """
    told = {"ssh_authorized_keys": list(ssh_keys)} if ssh_keys else {}
    # JSON is YAML too.
    user_data = f"#cloud-config\n{json.dumps(told)}\n".encode()
    if ssh_keys:
        # cloud-init does most things once for each instance: a disk with other keys makes it another one.
        instance = f"{instance}-{hashlib.sha256(user_data).hexdigest()[:8]}"
    contents = {
        document.FILE: seed,
        "meta-data": f"instance-id: {instance}\n".encode(),
        "user-data": user_data,
    }
    try:
        write_whole(out, _made(contents), mode=0o600)
    except OSError as error:
        raise ArtifactError(f"{out}: {error.strerror}") from error


def _made(contents: Mapping[str, bytes]) -> bytes:
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=VOLUME, sys_ident="LINUX")
    for name, data in contents.items():
        iso.add_fp(
            io.BytesIO(data), len(data), f"/{_ANOTHER[name]}", rr_name=name, joliet_path=f"/{name}", file_mode=0o100444
        )
    out = io.BytesIO()
    iso.write_fp(out)
    iso.close()
    return out.getvalue()


def is_iso(path: Path) -> bool:
    """Whether a file is an ISO 9660."""
    try:
        with path.open("rb") as file:
            file.seek(_MAGIC_AT)
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def read_iso(path: Path) -> bytes:
    """The seed's text on a seed disk.

    Raises:
        ArtifactError: there is none, or it cannot be read.
    """
    iso, found = pycdlib.PyCdlib(), io.BytesIO()
    try:
        iso.open(str(path))
        iso.get_file_from_iso_fp(found, joliet_path=f"/{document.FILE}")
        iso.close()
    except (PyCdlibException, OSError) as error:
        raise ArtifactError(f"{path} is no seed disk with {document.FILE}", details=str(error)) from error
    return found.getvalue()

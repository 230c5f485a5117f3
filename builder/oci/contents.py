"""What is in the layers of an image, before any of it is unpacked: what must not be there, and how much it is."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from builder.members import Damaged, Member, everything
from builder.oci.model import WrongImage


def examine(layer: Path) -> int:
    """Look through a layer; returns the bytes of its files.

    Raises:
        WrongImage: it would write outside of the image, has device nodes, or is damaged.
    """
    total = 0
    try:
        for member in everything(layer):
            _refuse(member)
            total += member.size
    except Damaged as damaged:
        raise WrongImage(f"one of its layers is damaged: {damaged}") from damaged
    return total


def _refuse(member: Member) -> None:
    if member.kind == "device":
        raise WrongImage(f"one of its layers has the device node {member.name}, which no image needs")
    if _leaves(member.name):
        raise WrongImage(f"one of its layers would write to {member.name}, outside of the image")
    if member.kind == "same" and _leaves(member.target):
        raise WrongImage(f"one of its layers has {member.name} for {member.target}, which is outside of the image")


def _leaves(name: str) -> bool:
    """Names that begin with a slash are taken as those without, by everybody."""
    return ".." in PurePosixPath(name).parts

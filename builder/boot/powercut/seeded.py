"""The image with a seed in its place, in a copy beside the recording: power cuts must leave no secret of it behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from builder.boot import card
from builder.boot.diary import Bench
from builder.boot.machine import MACHINE
from builder.boot.subject import Gift, Subject, stamp

_IMAGE: Final = "seeded.img"
_FACTS: Final = "seeded.json"


class _Seeded(BaseModel):
    model_config = ConfigDict(frozen=True)

    image: str
    """What tells the image that was copied from others; see `stamp`."""
    expected: dict[str, str]
    secrets: tuple[str, ...]


def with_seed(subject: Subject, bench: Bench, directory: Path) -> Subject:
    """The subject whose image holds its seed; the same one again as long as the image is the same.

    Raises:
        CommandFailed: the copy could not be made.
    """
    gift = subject.gift
    if gift is None:
        return subject
    copy, facts = directory / _IMAGE, directory / _FACTS
    kept = _kept(facts)
    if kept is None or kept.image != stamp(subject.image) or not copy.exists():
        facts.unlink(missing_ok=True)
        below, out = card.below(subject.image), f"{MACHINE}/{_IMAGE}"
        convert = ("qemu-img", "convert", "-f", below.format, "-O", "raw", below.path, out)
        card.look(bench.tools, subject.image, directory).run(convert, why="copy the image to give it a seed")
        with copy.open("r+b") as file:
            file.seek(gift.offset_bytes)
            file.write(gift.data)
        kept = _Seeded(image=stamp(subject.image), expected=dict(gift.expected), secrets=gift.secrets)
        facts.write_text(kept.model_dump_json() + "\n")
    with copy.open("rb") as file:
        file.seek(gift.offset_bytes)
        given = file.read(len(gift.data))
    told = Gift(offset_bytes=gift.offset_bytes, data=given, expected=kept.expected, secrets=kept.secrets)
    return replace(subject, image=copy, gift=told)


def is_of_another(subject: Subject, directory: Path) -> bool:
    """Whether the copy in a directory was made of another image than this one."""
    kept = _kept(directory / _FACTS)
    return kept is not None and kept.image != stamp(subject.image)


def _kept(facts: Path) -> _Seeded | None:
    try:
        return _Seeded.model_validate_json(facts.read_bytes())
    except (OSError, ValidationError):
        return None

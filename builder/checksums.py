"""SHA256SUMS: the list of what stands beside an image, in the form that `sha256sum --check` reads.

It names what can be made again from the same lock: the image, its compressed form, block map, manifest, lock and bill
of materials. The log and the report page tell of one build on one machine; they are not in it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from builder.errors import ArtifactError
from builder.progress import Advance, Reporter
from builder.units import MIB

CHECKSUMS: Final = "SHA256SUMS"

_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *]([^/\\]+)")
"""A checksum and a plain file name: what is signed must not speak of files elsewhere."""


def read_sums(directory: Path) -> dict[str, str]:
    """The checksums of the files in `directory`, by file name.

    Raises:
        ArtifactError: there is no SHA256SUMS, or it is not a list of checksums of files beside it.
    """
    path = directory / CHECKSUMS
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{directory} has no {CHECKSUMS}", hint="give a directory of dist/, or the directory of a whole download"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}") from error
    found = [_LINE.fullmatch(line) for line in lines]
    wrong = next((number for number, match in enumerate(found, 1) if match is None), None)
    if wrong is not None or not found:
        raise ArtifactError(
            f"{path} is not a list of checksums of files beside it",
            details=f"line {wrong}: {lines[wrong - 1]!r}" if wrong else "it is empty",
            hint="get it again from where it was published",
        )
    return {match[2]: match[1] for match in found if match is not None}


def check_sums(directory: Path, reporter: Reporter, *, only: Collection[str] = ()) -> tuple[str, ...]:
    """Read every file that SHA256SUMS names, or `only` some, and return their names.

    Raises:
        ArtifactError: a file is missing, changed or not in the list; all of them are named.
    """
    sums = read_sums(directory)
    wanted = sorted(only or sums)
    wrong = [f"{name}: {CHECKSUMS} does not name it" for name in wanted if name not in sums]
    wrong += [f"{name}: missing" for name in wanted if name in sums and not (directory / name).is_file()]
    present = [name for name in wanted if name in sums and (directory / name).is_file()]
    total = sum((directory / name).stat().st_size for name in present)
    with reporter.amount(f"check {CHECKSUMS}", total) as advance:
        wrong += [f"{name}: changed" for name in present if _sha256(directory / name, advance) != sums[name]]
    if wrong:
        raise ArtifactError(
            f"{directory} does not hold what {CHECKSUMS} says",
            details="\n".join(wrong),
            hint="do not use these files; build the image again, or get it again from where it was published",
        )
    return tuple(wanted)


def _sha256(path: Path, advance: Advance) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(MIB):
            digest.update(block)
            advance(len(block))
    return digest.hexdigest()

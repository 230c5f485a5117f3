"""What a person called the image: the file, what is known about it beforehand, and whether it may be trusted."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.checksums import CHECKSUMS, check_sums, read_sums
from builder.disk.extents import Extent
from builder.disk.image import DESCRIPTOR
from builder.errors import ArtifactError
from builder.flash.chunk import CHUNK, MappedRange
from builder.flash.source.bmap import BlockMap, parse_block_map
from builder.flash.source.decode import Frame, Packing, frames_of, packing_of
from builder.manifest import MANIFEST, Manifest, read_manifest
from builder.progress import Reporter
from builder.signing import SIGNATURE, check_signature, trusted_keyring
from builder.units import MIB

_PACKED: Final = (".zst", ".xz", ".gz", ".bz2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One image, before it is decoded."""

    path: Path
    packing: Packing
    frames: tuple[Frame, ...]
    """Parts that can be decoded alone; none where it is one stream."""
    size_bytes: int | None
    """The size of the image when unpacked; none where only unpacking it tells."""
    ranges: tuple[MappedRange, ...] | None
    """What a card must carry; none means all of it."""
    algorithm: str
    """The kind of the ranges' digests; empty where there are none."""
    changed_ns: int
    """When the file was changed last, before its checksum was computed."""
    sha256: str
    """Of the file that was given: what the ledger calls it."""
    signer: str
    """Who signed it, if that was checked."""
    manifest: Manifest | None
    """What it says of itself, if it is one of ours."""

    def require_unchanged(self) -> None:
        """Make sure that cards got what was checked: somebody may write to the image meanwhile.

        Raises:
            ArtifactError: it was changed, or is gone.
        """
        try:
            changed_ns = self.path.stat().st_mtime_ns
        except OSError as error:
            raise ArtifactError(f"{self.path}: {error.strerror}") from error
        if changed_ns != self.changed_ns:
            raise ArtifactError(f"{self.path} was changed while it was flashed", hint="flash it again")


def look_at(path: Path, reporter: Reporter, *, block_map: Path | None, keyring: str | None, signed: bool) -> Source:
    """Find out everything about an image that can be known before it is unpacked, and check what can be checked.

    What stands beside it is used: a block map, SHA256SUMS, its signature, manifest.json.

    Args:
        path: The image, packed or not.
        reporter: Shows how far the checksum is.
        block_map: A block map somewhere else.
        keyring: Who is trusted, as for `verify-signature`.
        signed: Whether a signature that is there must be good.

    Raises:
        ArtifactError: it is damaged, or not what its checksums or its signature say.
        HostError: there is a signature, and nobody is trusted yet.
    """
    if path.name.endswith(DESCRIPTOR):
        raise ArtifactError(f"{path} is a split image", hint="give the whole one: build it without --split")
    packing, changed_ns = packing_of(path), path.stat().st_mtime_ns
    table = frames_of(path) if packing is Packing.ZSTD else ()
    signer = _checked_signature(path, keyring) if signed else ""
    sha256 = _checked_sum(path, reporter)
    beside = block_map or _block_map_beside(path)
    known = None if beside is None else _read_block_map(beside, listed=beside.parent == path.parent)
    size = _size(path, packing, table)
    if known and size is not None and size != known.image_bytes:
        raise ArtifactError(
            f"{beside} is for an image of {known.image_bytes:,} bytes, and {path} has {size:,}",
            hint="it belongs to another image, or one of them is cut short",
        )
    return Source(
        path=path,
        packing=packing,
        # Frames of other sizes hold parts of chunks; such a file is unpacked as one stream.
        frames=table if all(frame.start % CHUNK == 0 for frame in table) else (),
        size_bytes=known.image_bytes if known else size,
        ranges=known.ranges if known else _whole(size),
        algorithm=known.algorithm if known else "",
        changed_ns=changed_ns,
        sha256=sha256,
        signer=signer,
        manifest=_manifest_beside(path),
    )


def plain_name(path: Path) -> str:
    """The name of the image when it is unpacked."""
    return path.stem if path.suffix in _PACKED else path.name


def _whole(size: int | None) -> tuple[MappedRange, ...] | None:
    return None if size is None else (MappedRange(extent=Extent(0, size)),)


def _size(path: Path, packing: Packing, frames: tuple[Frame, ...]) -> int | None:
    if packing is Packing.RAW:
        return path.stat().st_size
    return frames[-1].end if frames else None


def _block_map_beside(path: Path) -> Path | None:
    names = (f"{path.name}.bmap", f"{plain_name(path)}.bmap", f"{Path(plain_name(path)).stem}.bmap")
    return next((found for name in names if (found := path.with_name(name)).is_file()), None)


def _read_block_map(path: Path, *, listed: bool) -> BlockMap:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error
    sums = _sums_beside(path) if listed else {}
    if path.name in sums and hashlib.sha256(data).hexdigest() != sums[path.name]:
        raise ArtifactError(f"{path} is not what {CHECKSUMS} says", hint="get it again from where it was published")
    return parse_block_map(data, source=str(path))


def _sums_beside(path: Path) -> dict[str, str]:
    """The checksums that were published with a file; none where nothing names it, as among other downloads."""
    if not (path.parent / CHECKSUMS).is_file():
        return {}
    with suppress(ArtifactError):
        return read_sums(path.parent)
    return {}


def _checked_sum(path: Path, reporter: Reporter) -> str:
    sums = _sums_beside(path)
    if path.name in sums:
        check_sums(path.parent, reporter, only=(path.name,))
        return sums[path.name]
    digest = hashlib.sha256()
    with path.open("rb") as file, reporter.amount(f"checksum of {path.name}", path.stat().st_size) as advance:
        while block := file.read(MIB):
            digest.update(block)
            advance(len(block))
    return digest.hexdigest()


def _checked_signature(path: Path, keyring: str | None) -> str:
    if not (path.parent / SIGNATURE).is_file() and keyring is None:
        return ""
    # A list that was damaged or shortened must not turn a signed image into one that nobody signed.
    if path.name not in read_sums(path.parent):
        raise ArtifactError(
            f"the signed {CHECKSUMS} beside {path} does not name it",
            hint="move the image to a directory of its own, or use --unsigned",
        )
    found = check_signature(path.parent, trusted_keyring(keyring))
    return f"{found.signer} ({found.fingerprint})"


def _manifest_beside(path: Path) -> Manifest | None:
    """The manifest of an image of ours; that of another image does not count."""
    beside = path.parent / MANIFEST
    if not beside.is_file():
        return None
    manifest = read_manifest(beside)
    return manifest if manifest.image == plain_name(path) and path.name in manifest.digests else None

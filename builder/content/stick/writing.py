"""Content goes onto a stick: every file read once, compared with the MD5 it is named by, and given its SHA-256.

May be broken off and run again: what is there and right is only read. The manifest goes first and comes last, so a
stick that is not finished has none.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.content.pool.hashed import Hashing, blocks_of
from builder.content.stick.keys import public_key, sign
from builder.content.stick.manifest import (
    DIRECTORY,
    FILES,
    LABEL,
    MANIFEST,
    SIGNATURE,
    Offer,
    Stored,
    render_files,
    render_manifest,
    render_offer,
)
from builder.errors import ArtifactError, PlanError
from builder.host.whole import write_whole
from builder.kolibri.channels import Channel, content_directory, find_channels, missing_files
from builder.progress import Reporter
from builder.units import format_size

_SHOWN: Final = 10
_LIMIT_OF_VFAT: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What shall stand on the stick."""

    source: Path
    only: tuple[str, ...]
    """Ids of channels; all of the source when empty."""
    products: tuple[str, ...]
    """Recipes whose devices may take it; all when empty."""
    serial: int
    key: Path
    """The private key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What stands there now."""

    channels: tuple[Channel, ...]
    files: int
    bytes: int
    serial: int
    public_key: str
    """Whoever names it in a recipe takes the stick."""


def write_stick(order: Order, target: Path, reporter: Reporter, *, link: bool = False) -> Written:
    """Write a stick into a directory.

    Args:
        order: What.
        target: The top of a mounted stick, or of a tree that becomes one. It may be the source itself.
        reporter: Told the bytes.
        link: Give files second names instead of copying them, where the file system can.

    Raises:
        PlanError: there is no such content, or it does not fit.
        ArtifactError: the source is damaged, the key is none, or the stick cannot be written.
    """
    public = public_key(order.key)
    content = content_directory(order.source)
    channels = find_channels(order.source, only=order.only)
    lacking = [sentence for channel in channels for sentence in missing_files(order.source, channel)]
    if lacking:
        raise _damaged(order.source, lacking)
    sizes = {str(file.path): file.size for channel in channels for file in channel.files}
    databases = {f"databases/{channel.id}.sqlite3": channel.database_size for channel in channels}
    place = target / "content"
    _require_room(target, {**sizes, **databases}, place)
    copying = _Copying(source=content, target=place, link=link)
    try:
        for name in (SIGNATURE, MANIFEST, FILES):
            (target / name).unlink(missing_ok=True)
        with reporter.amount("stick", sum(sizes.values()) + sum(databases.values())) as advance:
            stored = {path: copying.bring(path, advance) for path in sorted([*sizes, *databases])}
        if copying.damaged:
            raise _damaged(order.source, copying.damaged)
        offers = [
            Offer(
                channel=channel,
                nodes=channel.nodes,
                database=stored[f"databases/{channel.id}.sqlite3"],
            )
            for channel in channels
        ]
        _seal(order, target, offers, [(Path(path).name, stored[path]) for path in sizes])
    except OSError as error:
        raise _unwritable(target, error) from error
    return Written(
        channels=channels,
        files=len(sizes),
        bytes=sum(sizes.values()) + sum(databases.values()),
        serial=order.serial,
        public_key=public,
    )


def _seal(order: Order, target: Path, offers: Sequence[Offer], files: Sequence[tuple[str, Stored]]) -> None:
    """Everything must be on the stick before its manifest says so."""
    (target / DIRECTORY).mkdir(exist_ok=True)
    listed = render_files(files)
    manifest = render_manifest(offers, files=listed, products=order.products, serial=order.serial)
    signature = sign(manifest, order.key)
    write_whole(target / "content" / "manifest.json", render_offer(offers), mode=0o644)
    write_whole(target / FILES, listed, mode=0o644)
    os.sync()
    write_whole(target / MANIFEST, manifest, mode=0o644)
    write_whole(target / SIGNATURE, signature, mode=0o644)
    os.sync()


class _Copying:
    """Copies below one content directory into another."""

    def __init__(self, *, source: Path, target: Path, link: bool) -> None:
        self.damaged: list[str] = []
        self._source = source
        self._target = target
        self._link = link

    def bring(self, path: str, advance: Callable[[int], None]) -> Stored:
        """Bring a file, unless it is there, and hash it. What has another MD5 than its name is noted as damaged."""
        source, target = self._source / path, self._target / path
        target.parent.mkdir(parents=True, exist_ok=True)
        stored, md5 = self._there(source, target, advance) or self._copied(source, target, advance)
        name = target.name.partition(".")[0]
        if path.startswith("storage/") and md5 != name:
            self.damaged.append(f"{path} has MD5 {md5}")
            if not target.samefile(source):
                target.unlink()
        return stored

    def _there(self, source: Path, target: Path, advance: Callable[[int], None]) -> tuple[Stored, str] | None:
        """What is there from an earlier try, if it is the very file."""
        if self._link and not target.exists():
            with suppress(OSError):
                os.link(source, target)
        if not target.exists() or target.stat().st_size != source.stat().st_size:
            return None
        if target.samefile(source):
            return _read(target, None, advance)
        # Databases have no name that could vouch for them.
        if target.suffix == ".sqlite3":
            return None
        found = _read(target, None, lambda _: None)
        if found[1] != target.name.partition(".")[0]:
            return None
        advance(found[0].size)
        return found

    def _copied(self, source: Path, target: Path, advance: Callable[[int], None]) -> tuple[Stored, str]:
        fresh = target.with_name(f".{target.name}.new")
        try:
            found = _read(source, fresh, advance)
            fresh.replace(target)
        except BaseException:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
        return found


def _read(source: Path, copy: Path | None, advance: Callable[[int], None]) -> tuple[Stored, str]:
    """SHA-256, size and MD5 of a file that is read once, and copied meanwhile."""
    total = Hashing()
    with source.open("rb") as file, (copy or Path(os.devnull)).open("wb") as out:
        for block in blocks_of(file):
            total.take(block)
            if copy:
                out.write(block)
            advance(len(block))
    found = total.hashed
    return Stored(sha256=found.sha256, size=found.size), found.md5


def _require_room(target: Path, sizes: dict[str, int], place: Path) -> None:
    if not target.is_dir():
        raise PlanError(f"there is no directory {target}", hint="is the stick mounted?")
    new = {path: size for path, size in sizes.items() if not (place / path).exists()}
    room = os.statvfs(target)
    free = room.f_bavail * room.f_frsize
    if sum(new.values()) > free:
        raise PlanError(
            f"{format_size(sum(new.values()))} do not fit on {target}, which has {format_size(free)} free",
            hint="take fewer channels with --only, or a larger stick",
        )


def _damaged(source: Path, sentences: Sequence[str]) -> ArtifactError:
    more = f"\nand {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
    return ArtifactError(
        f"the content in {source} is damaged", details="\n".join(sentences[:_SHOWN]) + more, hint="export it again"
    )


def _unwritable(target: Path, error: OSError) -> ArtifactError:
    hint = None
    if error.errno == errno.EFBIG:
        hint = (
            f"a stick with vfat holds no file of more than {format_size(_LIMIT_OF_VFAT)}; format it with exFAT or "
            f"ext4 and the label {LABEL}, or write an image file"
        )
    return ArtifactError(f"the stick at {target} cannot be written: {error}", hint=hint)

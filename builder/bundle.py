"""The bundle: a recipe, its lock and every input by hash in one tar, to build from on a machine without any network.

A mirror drops old versions; a ministry that flashed five thousand cards keeps this file instead. It also carries the
source of the Satchel that wrote it, because the same bytes need the same builder.

The index comes first and names every other member with its SHA-256, so that reading needs one pass and nothing that it
does not name gets in. The tar is plain: almost all that it holds is compressed already.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from builder import __version__
from builder.content.pool.pool import ContentPool, Spoilt
from builder.errors import ArtifactError
from builder.host.places import OVERLAYS, REPOSITORY, code_below
from builder.host.pool import Pool, Pooled
from builder.kolibri.channels import ContentFile
from builder.lock.content import locked_channel
from builder.lock.model import Lock
from builder.lock.text import lock_text, parse_lock
from builder.lock.trees import locked_listing
from builder.progress import Advance, Reporter
from builder.recipe.load import Loaded, load_recipe

_INDEX: Final = "bundle.json"
_FILES, _POOL, _CONTENT, _SATCHEL = "files", "pool", "content", "satchel"
_OWN_SOURCE: Final = (
    "builder",
    "overlays",
    "recipes",
    "scripts",
    "docs",
    "Makefile",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
_BLOCK: Final = 1 << 20


class Index(BaseModel):
    """What a bundle says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    satchel: str
    """The version of Satchel that wrote it."""
    code: str
    """The digest of that Satchel's code."""
    recipe: str
    """The recipe's file, below `files/`."""
    overlays: str
    """The directory of overlays, below `files/`."""
    settings: dict[str, str]
    """Values that were chosen for the recipe's parameters."""
    lock: str
    """The text of the lock."""
    members: dict[str, str]
    """The SHA-256 of every other member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A bundle that was read: its files were in order and its inputs are in the pool."""

    loaded: Loaded
    lock: Lock
    overlays: Path
    index: Index

    @property
    def same_satchel(self) -> bool:
        """Whether this very Satchel wrote it; another one may make other bytes."""
        return self.index.code == code_below(".")


def write_bundle(
    loaded: Loaded, lock: Lock, *, settings: Mapping[str, str], pool: Pool, out: Path, reporter: Reporter
) -> Index:
    """Write `out` from a recipe, its lock and the pool, which must hold everything that the lock names.

    The same inputs make the same bundle, byte for byte.

    Raises:
        ArtifactError: something is missing from the pool or was damaged there; `out` is then not written.
    """
    own = dict(_own_source())
    files = {**_recipe_files(loaded), **dict(_overlay_files(loaded))}
    top = Path(os.path.commonpath([OVERLAYS, *(path.parent for path in files)]))
    named = {f"{_FILES}/{path.relative_to(top).as_posix()}": path for path in files}
    inputs = {f"{_POOL}/{wanted.sha256}": pool.verified(wanted) for wanted in lock.files()}
    shelf = ContentPool()
    content = {f"{_CONTENT}/{file.name}": shelf.path(file) for file in _verified(_content_files(lock, pool), shelf)}
    members = {**dict(sorted(named.items())), **dict(sorted(own.items())), **dict(sorted(inputs.items())), **content}
    digests = {name: PurePosixPath(name).name if name in inputs else _digest(path) for name, path in members.items()}
    index = Index(
        satchel=__version__,
        code=code_below("."),
        recipe=loaded.source.relative_to(top).as_posix(),
        overlays=OVERLAYS.relative_to(top).as_posix(),
        settings=dict(settings),
        lock=lock_text(lock),
        members=digests,
    )
    unfinished = out.with_name(f".{out.name}.unfinished")
    total = sum(path.stat().st_size for path in members.values())
    try:
        with unfinished.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            text = index.model_dump_json(indent=1).encode()
            first = tarfile.TarInfo(_INDEX)
            first.size, first.mtime = len(text), lock.date
            tar.addfile(first, io.BytesIO(text))
            with reporter.step("bundle", detail=f"{len(members)} files"), reporter.amount("bundle", total) as advance:
                for name, path in members.items():
                    advance(_add(tar, name, path, lock.date))
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.rename(out)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return index


def open_bundle(bundle: Path, *, pool: Pool, into: Path, reporter: Reporter) -> Opened:
    """Read a bundle: recipe and overlays are laid down below `into`, inputs go to the pool.

    Raises:
        ArtifactError: it is not a bundle, is not whole, or a member is not what the index names.
        RecipeError: its recipe has problems.
    """
    try:
        with bundle.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            index = _read_index(bundle, tar)
            lock = parse_lock(index.lock, bundle)
            wanted = {f"{_POOL}/{entry.sha256}": entry for entry in lock.files()}
            with (
                reporter.step("open the bundle", detail=str(bundle)),
                reporter.amount("bundle", bundle.stat().st_size) as advance,
            ):
                seen = set(_members(bundle, tar, index, wanted, pool=pool, into=into, advance=advance))
    except (OSError, tarfile.TarError) as error:
        raise ArtifactError(f"{bundle} cannot be read: {error}") from error
    missing = sorted((index.members.keys() | wanted.keys()) - seen)
    if missing:
        raise ArtifactError(f"{bundle} is not whole: {missing[0]} is missing", details="\n".join(missing[1:10]))
    loaded = load_recipe(into / index.recipe, settings=index.settings)
    return Opened(loaded=loaded, lock=lock, overlays=into / index.overlays, index=index)


def _members(
    bundle: Path,
    tar: tarfile.TarFile,
    index: Index,
    wanted: Mapping[str, Pooled],
    *,
    pool: Pool,
    into: Path,
    advance: Advance,
) -> Iterator[str]:
    """Take in every member that the index names; yields their names."""
    links: list[tuple[Path, str]] = []
    shelf = ContentPool()
    for member in tar:
        if member.name == _INDEX:
            continue
        expected = index.members.get(member.name)
        source = tar.extractfile(member) if member.isreg() else None
        if expected is None or (source is None and not member.issym()):
            raise ArtifactError(f"{bundle} holds {member.name}, which its index does not name", hint=_WRONG)
        kind, _, path = member.name.partition("/")
        if source is None:
            _check(bundle, member.name, hashlib.sha256(os.fsencode(member.linkname)).hexdigest(), expected)
            if kind == _FILES:
                links.append((_below(into, path, bundle), member.linkname))
        elif member.name in wanted:
            _into_pool(bundle, source, wanted[member.name], pool)
        elif kind == _CONTENT:
            _into_content(bundle, source, ContentFile(name=path, size=member.size), shelf)
        elif kind == _FILES:
            _check(bundle, member.name, _lay_down(source, _below(into, path, bundle)), expected)
        advance(member.size)
        yield member.name
    shelf.settle()
    # Last, so that no file of a bundle can be written through one of its links.
    for place, target in links:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


def _into_pool(bundle: Path, source: IO[bytes], wanted: Pooled, pool: Pool) -> None:
    with pool.scratch() as room:
        file = room / wanted.sha256
        _lay_down(source, file)
        try:
            pool.take(file, wanted)
        except ArtifactError as error:
            raise ArtifactError(f"{bundle}: {error.message}", details=error.details, hint=_WRONG) from error


def _into_content(bundle: Path, source: IO[bytes], file: ContentFile, shelf: ContentPool) -> None:
    if not file.is_named_well:
        raise ArtifactError(f"{bundle} holds {file.name!r}, which is no name of content", hint=_WRONG)
    if not shelf.missing((file,)):
        return
    try:
        with shelf.arriving(file, origin=f"bundle {bundle.name}") as arrival:
            if arrival is not None:
                arrival.start_over()
                while block := source.read(_BLOCK):
                    arrival.write(block)
    except Spoilt as spoilt:
        raise ArtifactError(f"{bundle}: {file.name} is damaged: {spoilt}", hint=_WRONG) from spoilt


def _verified(files: Iterable[ContentFile], shelf: ContentPool) -> Iterator[ContentFile]:
    known = shelf.known()
    for file in files:
        if damage := shelf.damage(file, known.get(file.name)):
            hint = "`satchel content verify` throws damaged files away; then build again"
            raise ArtifactError(f"{file.name} was damaged in the pool of content: {damage}", hint=hint)
        yield file


_WRONG: Final = "the bundle was damaged or changed; use another copy"


def _lay_down(source: IO[bytes], target: Path) -> str:
    """Write a file and return its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _check(bundle: Path, name: str, found: str, expected: str) -> None:
    if found != expected:
        raise ArtifactError(
            f"{bundle}: {name} is not the file that the index names",
            details=f"SHA-256 {found}\ninstead of {expected}",
            hint=_WRONG,
        )


def _below(into: Path, path: str, bundle: Path) -> Path:
    if not path or ".." in PurePosixPath(path).parts or path.startswith("/"):
        raise ArtifactError(f"{bundle} holds a file with the name {path!r}, which leads outside")
    return into / path


def _read_index(bundle: Path, tar: tarfile.TarFile) -> Index:
    first = tar.next()
    source = tar.extractfile(first) if first is not None and first.name == _INDEX else None
    if source is None:
        raise ArtifactError(f"{bundle} is not a bundle", hint="`satchel bundle RECIPE OUT.tar` writes one")
    try:
        return Index.model_validate_json(source.read())
    except ValidationError as error:
        raise ArtifactError(f"{bundle} is not a bundle of version 1: {error.errors()[0]['msg']}") from error


def _recipe_files(loaded: Loaded) -> dict[Path, None]:
    requirements = (loaded.path(application.requirements) for application in loaded.recipe.packages.pip)
    return dict.fromkeys((*loaded.files, *requirements))


def _overlay_files(loaded: Loaded) -> Iterator[tuple[Path, None]]:
    for overlay in loaded.recipe.overlays:
        for path in _files_below(OVERLAYS / overlay.name):
            yield path, None


def _content_files(lock: Lock, pool: Pool) -> tuple[ContentFile, ...]:
    """The files of the lock's channels and trees, each once; all of them must be in the pool of content."""
    files = {file for channel in lock.channels for file in locked_channel(channel, pool).files}
    files.update(file for tree in lock.trees for file in locked_listing(tree, pool).pooled.values())
    return tuple(sorted(files))


def _own_source() -> Iterator[tuple[str, Path]]:
    for name in _OWN_SOURCE:
        place = REPOSITORY / name
        for path in _files_below(place) if place.is_dir() else (place,):
            yield f"{_SATCHEL}/{path.relative_to(REPOSITORY).as_posix()}", path


def _files_below(directory: Path) -> Iterable[Path]:
    found = (path for path in sorted(directory.rglob("*")) if "__pycache__" not in path.parts)
    return (path for path in found if path.is_symlink() or path.is_file())


def _digest(path: Path) -> str:
    if path.is_symlink():
        return hashlib.sha256(os.fsencode(path.readlink())).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, name: str, path: Path, date: int) -> int:
    """Put a file or a link into the bundle, as something that belongs to nobody in particular; returns its size."""
    member = tarfile.TarInfo(name)
    member.mtime, member.mode = date, 0o644
    if path.is_symlink():
        member.type, member.linkname = tarfile.SYMTYPE, os.fspath(path.readlink())
        tar.addfile(member)
        return 0
    with path.open("rb") as source:
        member.size = os.fstat(source.fileno()).st_size
        tar.addfile(member, source)
    return member.size

"""Images of containers in a lock: what a name means on the day, and how their files come into the pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from builder.errors import ArtifactError, HostError, PlanError
from builder.host.pool import Pool
from builder.lock.apt import Upgrade
from builder.lock.model import Blob, Lock, LockedImage
from builder.oci.archive import Archived, unpack
from builder.oci.mirrors import host_mirrors
from builder.oci.model import (
    Descriptor,
    Index,
    Manifest,
    Platform,
    WrongImage,
    digest_of,
    for_platform,
    parse_config,
    parse_manifest,
)
from builder.oci.registry import NotThere, Repository
from builder.progress import Advance, Reporter
from builder.recipe.containers import ContainerImage
from builder.recipe.load import Loaded
from builder.units import format_size

_Given = TypeVar("_Given")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedImage:
    """An image with its files."""

    image: LockedImage
    blobs: tuple[Blob, ...]


def resolve_images(
    loaded: Loaded,
    *,
    earlier: Lock | None,
    as_before: Callable[[str], bool],
    upgrade: Upgrade,
    pool: Pool,
    reporter: Reporter,
) -> Iterator[ResolvedImage]:
    """Every image that is not built here, as it is now; manifests and configurations are in the pool afterwards.

    Args: as `resolve_trees`; `as_before` is asked with the name of an image.

    Raises:
        PlanError: an image is not there, is for other machines, or is none.
        HostError: a registry does not answer.
    """
    containers = loaded.recipe.containers
    for number, asked in enumerate(containers.images if containers else ()):
        if asked.build:
            continue
        known = _known(earlier, asked.name) if as_before(asked.name) else None
        if known and not upgrade.everything and asked.name not in upgrade.names:
            yield known
            continue
        with reporter.step(f"look at {asked.name}"):
            yield _Image(loaded=loaded, number=number, asked=asked, pool=pool).resolved()


def fetch_images(loaded: Loaded, blobs: Iterable[Blob], *, offline: bool, pool: Pool, reporter: Reporter) -> None:
    """Bring the files of images into the pool; what came of one that broke off stays for the next time.

    Raises:
        PlanError: `offline`, and something is missing, or a registry or archive has another image by now.
        HostError: a registry does not answer, or there is no room.
    """
    missing = pool.missing(blobs)
    if not missing:
        return
    containers = loaded.recipe.containers
    assert containers is not None
    total = sum(blob.size_bytes for blob in missing)
    with reporter.step("fetch images", detail=format_size(total)), reporter.amount("images", total) as advance:
        for number, asked in enumerate(containers.images):
            wanted = [blob for blob in missing if blob.image == asked.name]
            if wanted and offline and not asked.archive:
                raise PlanError(
                    f"the pool lacks {format_size(total)} of {asked.name}, and the network may not be used",
                    hint="fetch it on a machine with network, or build from a bundle that holds it",
                )
            if wanted:
                _Image(loaded=loaded, number=number, asked=asked, pool=pool).fetch(wanted, advance)


def _known(earlier: Lock | None, name: str) -> ResolvedImage | None:
    image = next((each for each in earlier.images if each.name == name), None) if earlier else None
    if earlier is None or image is None:
        return None
    return ResolvedImage(image=image, blobs=tuple(blob for blob in earlier.blobs if blob.image == name))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    loaded: Loaded
    number: int
    asked: ContainerImage
    pool: Pool

    def resolved(self) -> ResolvedImage:
        with self._told():
            return self._from_archive() if self.asked.archive else self._from_registry()

    def fetch(self, wanted: list[Blob], advance: Advance) -> None:
        with self._told():
            if self.asked.archive:
                self._fetch_from_archive(wanted, advance)
                return
            for blob in wanted:
                self._bring(blob, advance)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What is wrong with the image, at its place in the recipe."""
        try:
            yield
        except WrongImage as wrong:
            problem = self.loaded.problem(("containers", "images", self.number), f"{self.asked.name}: {wrong}")
            raise PlanError(str(problem)) from wrong

    def _from_registry(self) -> ResolvedImage:
        document = self._manifest(self.asked.digest or self.asked.name.rpartition(":")[2])
        found = parse_manifest(document)
        if isinstance(found, Index):
            document = self._manifest(for_platform(found, self._platform).digest)
            found = parse_manifest(document)
        if isinstance(found, Index):
            raise WrongImage("its index leads to another index")
        config = self._blob("config", found.config)
        if self.pool.missing((config,)):
            self._bring(config, lambda _: None)
        return self._locked(document, found, self.pool.verified(config))

    def _manifest(self, reference: str) -> bytes:
        document = self._from_any(lambda repository: repository.manifest(reference))
        if reference.startswith("sha256:") and digest_of(document) != reference:
            raise WrongImage(f"the registry gives {digest_of(document)} for {reference}")
        return document

    def _bring(self, blob: Blob, advance: Advance) -> None:
        path = self.pool.partial(blob)
        digest = f"sha256:{blob.sha256}"
        if blob.kind == "manifest":
            path.write_bytes(self._manifest(digest))
            self.pool.take(path, blob)
            return

        def bring(repository: Repository) -> None:
            repository.blob(digest, path, blob.size_bytes, advance=advance)
            try:
                self.pool.take(path, blob)
            except ArtifactError as error:
                # Nothing good can come of going on with it.
                path.unlink()
                advance(-blob.size_bytes)
                raise NotThere(f"{repository.place} gives something else for {blob.file}: {error.details}") from error

        self._from_any(bring)

    def _from_any(self, ask: Callable[[Repository], _Given]) -> _Given:
        """Ask the mirrors of the image in their order."""
        complaints: list[str] = []
        silent = False
        for place in host_mirrors().places(self.asked.name.rpartition(":")[0]):
            with closing(Repository(place)) as repository:
                try:
                    return ask(repository)
                except NotThere as error:
                    complaints.append(str(error))
                except HostError as error:
                    silent = True
                    complaints.append(error.message)
        details = "\n".join(complaints)
        if silent:
            hint = "what came is kept; try again, or name a mirror in registries.conf (CONTAINERS_REGISTRIES_CONF)"
            raise HostError(f"{self.asked.name} cannot be had now", details=details, hint=hint)
        raise WrongImage(f"it cannot be had: {details}")

    def _archived(self, directory: Path) -> Archived:
        assert self.asked.archive is not None
        place = self.loaded.path(self.asked.archive)
        if not place.is_file():
            raise WrongImage(f"there is no file {place}")
        return unpack(place, directory, self._platform)

    def _from_archive(self) -> ResolvedImage:
        with self.pool.scratch() as directory:
            archived = self._archived(directory)
            found = parse_manifest(archived.manifest)
            assert isinstance(found, Manifest)
            if self.asked.digest not in (None, digest_of(archived.manifest)):
                raise WrongImage(f"it is {digest_of(archived.manifest)}, and not {self.asked.digest}")
            missing = [each.digest for each in (found.config, *found.layers) if each.digest not in archived.files]
            if missing:
                raise WrongImage(f"its file {missing[0]} is missing")
            resolved = self._locked(archived.manifest, found, archived.files[found.config.digest])
            self._take(archived, resolved.blobs, lambda _: None)
            return resolved

    def _fetch_from_archive(self, wanted: list[Blob], advance: Advance) -> None:
        with self.pool.scratch() as directory:
            archived = self._archived(directory)
            self._take(archived, wanted, advance)

    def _take(self, archived: Archived, wanted: Iterable[Blob], advance: Advance) -> None:
        for blob in self.pool.missing(wanted):
            found = archived.files.get(f"sha256:{blob.sha256}")
            if found is None:
                raise WrongImage("its archive holds another one than the lock names")
            self.pool.take(found, blob)
            advance(blob.size_bytes)

    @property
    def _platform(self) -> Platform:
        return Platform(os="linux", architecture=self.loaded.recipe.base.architecture)

    def _locked(self, document: bytes, manifest: Manifest, config: Path) -> ResolvedImage:
        """What the lock says of it; its manifest is in the pool then."""
        described = parse_config(config.read_bytes())
        platform = described.platform
        if (platform.os, platform.architecture) != (self._platform.os, self._platform.architecture):
            raise WrongImage(f"it is for {platform}, and the device is {self._platform}")
        first = Blob(
            image=self.asked.name,
            kind="manifest",
            size_bytes=len(document),
            sha256=digest_of(document)[len("sha256:") :],
        )
        path = self.pool.partial(first)
        path.write_bytes(document)
        self.pool.take(path, first)
        layers = (self._blob("layer", layer) for layer in manifest.layers)
        return ResolvedImage(
            image=LockedImage(name=self.asked.name, digest=digest_of(document), volumes=described.volumes),
            blobs=(first, self._blob("config", manifest.config), *layers),
        )

    def _blob(self, kind: Literal["config", "layer"], found: Descriptor) -> Blob:
        return Blob(image=self.asked.name, kind=kind, size_bytes=found.size, sha256=found.sha256)

"""The plan of sizes of a recipe, before anything large is fetched.

Only the databases of channels are read, which are small. What they say about files decides the partition to the byte,
by the arithmetic that the build itself uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.content.sizes.host_need import Host, host_need, host_of
from builder.content.sizes.plan import Portion, TreePortion, needed_bytes
from builder.errors import PlanError
from builder.host.pool import Pool
from builder.kolibri.channels import Channel, ContentFile
from builder.lock.content import fetch_channels, locked_channel
from builder.lock.model import Blob, Deb, Locked, LockedChannel, LockedTree, Wheel
from builder.lock.trees import fetch_trees, locked_listing
from builder.plan.need import DiskNeed
from builder.plan.sizes import Sizes, sizes_of
from builder.progress import Reporter
from builder.recipe.load import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePlan:
    """Everything about the sizes of an image."""

    loaded: Loaded
    portions: tuple[Portion, ...]
    trees: tuple[TreePortion, ...]
    unknown: tuple[int, ...]
    """Entries of the recipe's content of which nothing is known yet."""
    host: Host

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What the image will carry."""
        return tuple(portion.channel for portion in self.portions)

    @property
    def exact(self) -> bool:
        """Whether every file is known, so that sizes are those that the build will find."""
        return not self.unknown and all(portion.known for portion in self.portions)

    def sizes(self, channels: Sequence[Channel] | None = None) -> Sizes:
        """The sizes of the disk with all channels, or with others."""
        recipe = self.loaded.recipe
        return sizes_of(recipe.disk, needed_bytes(recipe, self.channels if channels is None else channels, self.trees))

    def disks(self, channels: Sequence[Channel] | None = None) -> tuple[DiskNeed, ...]:
        """What this machine needs for all channels, or for others."""
        wanted = self.channels if channels is None else channels
        return host_need(self.host, self.loaded.recipe, self.sizes(wanted), wanted, self.trees)


def plan_sizes(
    loaded: Loaded,
    locked: Sequence[LockedChannel],
    trees: Sequence[LockedTree] = (),
    *,
    room: Path,
    dist: Path,
    packages_bytes: int | None = None,
    content_made: bool = False,
    split: bool = False,
    offline: bool = False,
    unknown: Sequence[int] = (),
    reporter: Reporter,
) -> SizePlan:
    """Look at everything that decides sizes.

    Args:
        loaded: The recipe.
        locked: Its channels, as locked or as they were just looked up.
        trees: Its trees, in the same way.
        room: An empty directory to make demonstration channels in.
        dist: Where the image will stand.
        packages_bytes: Packages that are still to be fetched; None when nobody knows yet which.
        content_made: Whether the layer of the content is there already.
        split: Whether the image stays in parts.
        offline: Ask no source for databases; channels without one are estimated, a little above what they will be.
        unknown: Entries of the content that `locked` says nothing about.
        reporter: Who is told.

    Raises:
        PlanError: a channel is asked for twice, a database cannot be had or read, or a tree is another one by now.
        HostError: a source cannot be reached.
    """
    portions = (*_locked(loaded, locked, offline=offline, reporter=reporter), *_demos(loaded, room, reporter))
    _refuse_repeats(loaded, portions)
    plain = tuple(_plain(loaded, trees, reporter))
    host = host_of(portions, plain, dist=dist, packages_bytes=packages_bytes, content_made=content_made, split=split)
    return SizePlan(loaded=loaded, portions=portions, trees=plain, unknown=tuple(unknown), host=host)


def missing_packages(needed: Iterable[Locked]) -> int:
    """Bytes of packages, wheels and images that must be fetched before they can be used."""
    packages = [each for each in needed if isinstance(each, Blob | Deb | Wheel)]
    return sum(each.size_bytes for each in Pool().missing(packages))


def _locked(loaded: Loaded, locked: Sequence[LockedChannel], *, offline: bool, reporter: Reporter) -> Iterator[Portion]:
    pool = Pool()
    if not offline and pool.missing(locked):
        with reporter.step("databases of channels"):
            fetch_channels(loaded, locked, offline=False, reporter=reporter, files=False)
    absent = {channel.sha256 for channel in pool.missing(locked)}
    for each in locked:
        if each.sha256 in absent:
            yield Portion(number=each.source, channel=_stand_in(each), database=None, made=False)
        else:
            database = pool.path(each.sha256)
            yield Portion(number=each.source, channel=locked_channel(each, pool), database=database, made=False)


def _plain(loaded: Loaded, locked: Sequence[LockedTree], reporter: Reporter) -> Iterator[TreePortion]:
    fetch_trees(loaded, locked, reporter=reporter, files=False)
    for tree in locked:
        files = loaded.recipe.content[tree.source].files
        assert files is not None
        yield TreePortion(number=tree.source, name=tree.name, to=files.to, listing=locked_listing(tree, Pool()))


def _stand_in(locked: LockedChannel) -> Channel:
    """A channel of which only the lock is here, with files that take as much room as its files could at most.

    For so many files and bytes, blocks are most when all files but one have a single byte.
    """
    small = max(0, locked.files - 1)
    sizes = [min(1, locked.bytes)] * small
    sizes += [max(0, locked.bytes - small)] * min(1, locked.files)
    # Their names are spread over as many directories as MD5s are.
    names = (f"{number % 256:02x}{number:014x}{locked.id[:16]}.unknown" for number in range(locked.files))
    files = tuple(sorted(ContentFile(name=name, size=size) for name, size in zip(names, sizes, strict=True)))
    return Channel(
        id=locked.id,
        root_id=locked.id,
        name=locked.name,
        version=locked.version,
        languages=locked.languages,
        licences=locked.licences,
        resources=locked.resources,
        files=files,
        database_size=locked.size_bytes,
        nodes=locked.nodes,
        unrenderable=locked.unrenderable,
        all_thumbnails=locked.all_thumbnails,
    )


def _demos(loaded: Loaded, room: Path, reporter: Reporter) -> Iterator[Portion]:
    for number, source in enumerate(loaded.recipe.content):
        if source.demo:
            # Only here, so that what needs no demonstration channel need not load what draws pictures.
            from builder.kolibri.demo.channel import make_demo_channel  # noqa: PLC0415

            with reporter.step("demonstration channel"):
                channel = make_demo_channel(
                    room / str(number), languages=source.demo.languages, lessons=source.demo.lessons
                )
            yield Portion(number=number, channel=channel, database=None, made=True)


def _refuse_repeats(loaded: Loaded, portions: Sequence[Portion]) -> None:
    first: dict[str, Portion] = {}
    for portion in portions:
        earlier = first.setdefault(portion.channel.id, portion)
        if earlier is not portion:
            message = f"the channel {portion.channel.name} is taken by content[{earlier.number}] already"
            problem = loaded.problem(("content", portion.number), message)
            raise PlanError(str(problem), hint=f"take {portion.channel.id} in one of them only")

"""Preloaded channels, laid out on their own partition by further names of the pool's files.

It neither sees nor changes what lies below: neither the operating system nor Kolibri decides a byte of it. So the
partition stays the same when only these change, and its files are never copied before they are in its file system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from builder.content import laying
from builder.content.laying import Piece, lay_content, settle_dates, write_marker
from builder.content.pool.pool import ContentPool
from builder.content.source.directory import DirectorySource
from builder.errors import BuildFailed
from builder.kolibri import channels, selection
from builder.kolibri.channels import database_path
from builder.kolibri.home import in_tree
from builder.layers.site import Layer, Site, code_digest, digest, tree_digest
from builder.lock.content import locked_channel
from builder.lock.model import LockedChannel
from builder.recipe.content import DemoChannel
from builder.recipe.load import Loaded
from builder.recipe.model import Kolibri

_DEMO = Path(channels.__file__).with_name("demo")
"""The code that makes the demonstration channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentLayer(Layer):
    """The directory that Kolibri reads preloaded channels from."""

    kolibri: Kolibri
    loaded: Loaded
    locked: tuple[LockedChannel, ...]
    name: str = "content"

    @property
    def apart(self) -> bool:
        """See `Layer`."""
        return True

    def parts(self) -> Mapping[str, str]:
        """Where things lie, which channels with which files, and the code that lays them out."""
        made = {f"channel {channel.id}": digest(channel.model_dump_json(exclude={"source"})) for channel in self.locked}
        demos = {f"demo {number}": f"{demo.model_dump_json()} {tree_digest(_DEMO)}" for number, demo in self._demos()}
        code = code_digest(ContentLayer, laying, channels, selection)
        return {"place": self.kolibri.content, "mount": content_mount(self.loaded), **made, **demos, "code": code}

    def build(self, site: Site) -> None:
        """Lay the channels out."""
        mount = in_tree(site.tree, content_mount(self.loaded))
        mount.mkdir(parents=True)
        pool = ContentPool()
        with ExitStack() as stack:
            pieces = [self._locked(channel, site) for channel in self.locked]
            for _, demo in self._demos():
                room = Path(stack.enter_context(TemporaryDirectory(dir=site.scratch)))
                pieces.append(_made(demo, room, pool))
            total = sum(piece.channel.size for piece in pieces)
            with site.reporter.amount("content", total) as advance:
                lay_content(in_tree(site.tree, self.kolibri.content), pieces, pool, advance=advance)
        write_marker(mount, [piece.channel for piece in pieces])
        settle_dates(mount)

    def _demos(self) -> Iterator[tuple[int, DemoChannel]]:
        for number, source in enumerate(self.loaded.recipe.content):
            if source.demo:
                yield number, source.demo

    @staticmethod
    def _locked(channel: LockedChannel, site: Site) -> Piece:
        return Piece(database=site.pool.path(channel.sha256), channel=locked_channel(channel, site.pool))


def _made(demo: DemoChannel, room: Path, pool: ContentPool) -> Piece:
    # Only here, so that a plan need not load what draws pictures.
    from builder.kolibri.demo.channel import make_demo_channel  # noqa: PLC0415

    channel = make_demo_channel(room, languages=demo.languages, lessons=demo.lessons)
    failed = DirectorySource(directory=room).bring(pool.missing(channel.files), pool, advance=lambda _size: None)
    if failed:
        details = "\n".join(f"{file.name}: {reason}" for file, reason in failed.items())
        raise BuildFailed("the demonstration channel is not what it says", details=details)
    return Piece(database=database_path(room, channel.id), channel=channel)


def content_mount(loaded: Loaded) -> str:
    """The mount point that holds the preloaded channels; the recipe's rules made sure that there is one."""
    kolibri = loaded.recipe.kolibri
    assert kolibri is not None
    mounts = [partition.mount for partition in loaded.recipe.disk.partitions if partition.mount]
    return max((mount for mount in mounts if Path(kolibri.content).is_relative_to(mount)), key=len)

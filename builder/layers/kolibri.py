"""Kolibri's home, filled with the recipe's channels and sealed.

It stands low in the tree, because content is what takes longest; so it depends on the software and the account, and on
nothing that changes daily.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from builder.host.sandbox import Mount
from builder.kolibri import channels, command, home, leftovers, names, rewrite, seal, search, traces
from builder.kolibri.home import Source
from builder.layers.site import Layer, Site, code_digest, digest, tree_digest
from builder.recipe.load import Loaded
from builder.recipe.model import Kolibri

_DEMO = Path(channels.__file__).with_name("demo")
"""The code that makes the demonstration channel."""

_SOURCES = "/run/content"
"""Where the programs of the tree find the sources, each in a directory with its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KolibriLayer(Layer):
    """A home for `KOLIBRI_HOME` and a directory of preloaded channels."""

    kolibri: Kolibri
    loaded: Loaded
    name: str = "kolibri"

    def parts(self) -> Mapping[str, str]:
        """Where things lie, what each source holds, and the code that makes and seals.

        The time that everything bears is every layer's, and part of what lies below.
        """
        places = self.kolibri.model_dump_json(include={"venv", "user", "home", "content"})
        sources = {f"content {number}": self._fingerprint(number) for number in range(len(self.loaded.recipe.content))}
        code = code_digest(KolibriLayer, channels, command, home, leftovers, names, rewrite, seal, search, traces)
        return {"places": places, "mount": self._content_mount(), **sources, "code": code}

    def _fingerprint(self, number: int) -> str:
        source = self.loaded.recipe.content[number]
        if source.demo:
            return f"{source.demo.model_dump_json()} {tree_digest(_DEMO)}"
        assert source.drive is not None
        directory = self.loaded.path(source.drive.directory)
        return digest(channels.digest(directory, channels.find_channels(directory, only=source.drive.channels)))

    def build(self, site: Site) -> None:
        """Import, verify, seal."""
        mount = self._content_mount()
        with ExitStack() as stack:
            made = Path(stack.enter_context(TemporaryDirectory(dir=site.scratch)))
            # Kolibri reads it as its own user.
            made.chmod(0o755)
            directories = tuple(self._directories(made))
            inside = [f"{_SOURCES}/{number}" for number in range(len(directories))]
            runner = site.inside(
                *(
                    Mount(target=f"{target}/content", source=channels.content_directory(directory))
                    for target, directory in zip(inside, directories, strict=True)
                )
            )
            sources = [
                Source(inside=target, channels=channels.find_channels(directory, only=only))
                for target, directory, only in zip(inside, directories, self._wanted(), strict=True)
            ]
            total = sum(channel.size for source in sources for channel in source.channels)
            with site.reporter.amount("content", total) as advance:
                there = home.prepare_home(
                    runner,
                    tree=site.tree,
                    kolibri=self.kolibri,
                    sources=sources,
                    epoch=site.epoch,
                    advance=advance,
                )
        home.write_marker(site.tree, mount=mount, channels=there)
        seal.seal(
            site.inside(),
            tree=site.tree,
            kolibri=self.kolibri,
            mount=mount,
            epoch=site.epoch,
            forbidden=(socket.gethostname(),),
        )

    def _directories(self, made: Path) -> Iterator[Path]:
        for number, source in enumerate(self.loaded.recipe.content):
            if source.demo:
                target = made / str(number)
                # Only here, so that a plan need not load what draws pictures.
                from builder.kolibri.demo.channel import make_demo_channel  # noqa: PLC0415

                make_demo_channel(target, languages=source.demo.languages, lessons=source.demo.lessons)
                yield target
            elif source.drive:
                yield self.loaded.path(source.drive.directory)

    def _wanted(self) -> list[tuple[str, ...]]:
        return [source.drive.channels if source.drive else () for source in self.loaded.recipe.content]

    def _content_mount(self) -> str:
        """The mount point that holds the content; the recipe's rules made sure that there is one."""
        mounts = [partition.mount for partition in self.loaded.recipe.disk.partitions if partition.mount]
        holding = [mount for mount in mounts if Path(self.kolibri.content).is_relative_to(mount)]
        return max(holding, key=len)

"""Kolibri's home, told of the preloaded channels and sealed."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from builder.content.laying import laid_out
from builder.host.sandbox import Mount, Sandbox
from builder.kolibri import channels, command, home, leftovers, names, rewrite, seal, search, selection, traces
from builder.kolibri.home import Preloaded, in_tree
from builder.layers.site import Layer, Site, code_digest
from builder.lock.model import Wheel
from builder.recipe.model import Kolibri

_ROOM = "/run/import"
"""Kolibri's content directory meanwhile: it writes its copies of the channels' databases there, and finds all files."""

_SOURCE = "/run/content"
"""Where Kolibri finds the channels as if on a drive."""

_COMPILED = "/run/compiled"
"""Where Python finds packages before those of the tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KolibriLayer(Layer):
    """A home for `KOLIBRI_HOME`; the content that lies below decides what is in it."""

    kolibri: Kolibri
    mount: str
    """Where the partition with the channels is mounted."""
    tool_wheels: tuple[Wheel, ...] = ()
    """Compiled packages of Kolibri's for this machine, where those of the tree would have to be emulated."""
    name: str = "kolibri"

    def parts(self) -> Mapping[str, str]:
        """Where things lie, and the code that imports and seals.

        The time that everything bears is every layer's, and part of what lies below, as are the channels.
        """
        places = self.kolibri.model_dump_json(include={"venv", "user", "home", "content"})
        code = code_digest(
            *(KolibriLayer, channels, selection, command, home),
            *(leftovers, names, rewrite, seal, search, traces),
        )
        wheels = {f"tool wheel {wheel.name}": f"{wheel.version} {wheel.sha256[:16]}" for wheel in self.tool_wheels}
        return {"places": places, "code": code, **wheels}

    def build(self, site: Site) -> None:
        """Import, verify, seal."""
        content = in_tree(site.tree, self.kolibri.content)
        there = laid_out(content, in_tree(site.tree, self.mount))
        with TemporaryDirectory(dir=site.scratch) as room:
            # Kolibri comes here as its own user.
            Path(room).chmod(0o777)
            (Path(room) / "storage").mkdir()
            runner = self._runner(
                site,
                Mount(target=f"{_SOURCE}/content", source=content),
                Mount(target=_ROOM, source=Path(room), writable=True),
                Mount(target=f"{_ROOM}/storage", source=content / "storage"),
            )
            preloaded = Preloaded(source=_SOURCE, room=_ROOM, channels=there)
            with site.reporter.amount("channels", sum(channel.resources for channel in there)) as advance:
                home.prepare_home(
                    runner,
                    tree=site.tree,
                    kolibri=self.kolibri,
                    preloaded=preloaded,
                    epoch=site.epoch,
                    advance=advance,
                )
        seal.seal(
            self._runner(site),
            tree=site.tree,
            kolibri=self.kolibri,
            epoch=site.epoch,
            forbidden=(socket.gethostname(),),
        )

    def _runner(self, site: Site, *mounts: Mount) -> Sandbox:
        """What Kolibri runs in: the tree; if it is for another processor, with Python and compiled packages of ours."""
        if not site.foreign or not site.foreign.stand_ins.python:
            return site.inside(*mounts)
        compiled = site.scratch / "compiled"
        for wheel in self.tool_wheels:
            with ZipFile(site.pool.verified(wheel)) as packed:
                packed.extractall(compiled)
        inside = site.inside(*mounts, Mount(target=_COMPILED, source=compiled), python=True)
        return replace(inside, environment={**inside.environment, "PYTHONPATH": _COMPILED})

"""An image of a container that is built here: a small growth of its own, whose layers become those of the image.

Each layer of the growth is packed once and kept, so that images which stand on the same packages share those layers,
in the cache and on the device.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from builder.host.pool import Pool
from builder.host.store import Store
from builder.host.tools import Tools
from builder.layers.site import code_digest
from builder.oci import pack as packing
from builder.oci import writing
from builder.oci.layout import OnDisk
from builder.oci.pack import pack
from builder.oci.writing import Packed, Run, write_image
from builder.plan.keys import key_of
from builder.plan.layers import PlannedLayer
from builder.progress import Reporter
from builder.recipe.containers import BuiltImage
from builder.recipe.load import Loaded

_DIGEST = "digest"
"""The file of a finished image that says which of its files is the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedImage:
    """One image, with the layers that it will be made of."""

    name: str
    asked: BuiltImage
    architecture: str
    epoch: int
    planned: tuple[PlannedLayer, ...]
    grown: Callable[[Tools, Reporter], tuple[Path, ...]]
    """Makes the layers that are not there yet; returns the trees of all, the lowest first."""
    recipe: str

    @property
    def key(self) -> str:
        """See `layers.containers.Maker`."""
        return key_of(self._parts(), below=self.planned[-1].key)

    def _parts(self) -> dict[str, str]:
        return {
            "run": repr(_run(self.asked)),
            "architecture": self.architecture,
            "date": str(self.epoch),
            "code": code_digest(packing, writing),
        }

    def make(self, *, tools: Tools, pool: Pool, reporter: Reporter) -> OnDisk:
        """See `layers.containers.Maker`."""
        entry = Store("images", user=self.recipe).obtain(
            self.key,
            name=self.name,
            parts=self._parts(),
            build=partial(self._make, tools=tools, reporter=reporter),
            reporter=reporter,
            title=f"image {self.name}",
            linked=True,
        )
        files = {path.name: path for path in (entry.path / "files").iterdir()}
        return OnDisk(name=self.name, digest=(entry.path / _DIGEST).read_text(), files=files)

    def _make(self, directory: Path, *, tools: Tools, reporter: Reporter) -> None:
        files = directory / "files"
        files.mkdir()
        layers = tuple(self._packed(self.grown(tools, reporter), reporter))
        for layer in layers:
            os.link(layer.path, files / layer.sha256)
        run = _run(self.asked)
        digest = write_image(files, layers, run, architecture=self.architecture, epoch=self.epoch)
        (directory / _DIGEST).write_text(digest)

    def _packed(self, trees: tuple[Path, ...], reporter: Reporter) -> Iterator[Packed]:
        store = Store("packed", user=self.recipe)
        for layer, tree in zip(self.planned, trees, strict=True):
            parts = {"layer": layer.key, "code": code_digest(packing), "date": str(self.epoch)}

            def write(directory: Path, tree: Path = tree) -> None:
                pack(tree, directory / "layer.tar", epoch=self.epoch)

            entry = store.obtain(
                key_of(parts),
                name=layer.name,
                parts=parts,
                build=write,
                reporter=reporter,
                title=f"pack {layer.name}",
                linked=True,
            )
            path = entry.path / "layer.tar"
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            yield Packed(made_by=layer.name, path=path, sha256=sha256, size_bytes=path.stat().st_size)


def loaded_of_image(loaded: Loaded, asked: BuiltImage) -> Loaded:
    """The recipe as if the image were its system: its own packages, users and overlays on the same base."""
    changed = {
        "packages": asked.packages,
        "users": asked.users,
        "overlays": asked.overlays,
        "kolibri": None,
        "content": (),
        "containers": None,
    }
    return replace(loaded, recipe=loaded.recipe.model_copy(update=changed))


def _run(asked: BuiltImage) -> Run:
    return Run(
        entrypoint=asked.entrypoint,
        command=asked.command,
        environment=asked.environment,
        user=asked.user or "",
        directory=asked.directory,
        volumes=asked.volumes,
        stop_signal=asked.stop_signal,
    )

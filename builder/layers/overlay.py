"""Files of the project that go into the image, laid out as they will lie on the device.

What a checkout happens to have as owner and mode does not matter: both are declared in the recipe.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from jinja2 import TemplateError

from builder.errors import BuildFailed
from builder.layers import bytecode
from builder.layers.bytecode import compile_modules
from builder.layers.site import Layer, Site, code_digest, digest
from builder.recipe.load import Loaded
from builder.recipe.software import Overlay
from builder.templates import compiled

_TEMPLATE = ".j2"
_PROGRAMS = "usr/lib/satchel/"
"""Where the device's own programs lie, which its own Python runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One file of an overlay, as it will be on the device."""

    path: str
    """Relative to the device's root directory."""
    data: bytes
    link: bool
    mode: int
    owner: str
    group: str

    def fingerprint(self) -> str:
        """Everything about it that a device could notice."""
        return f"{digest(self.data)} {'link' if self.link else f'{self.mode:04o}'} {self.owner}:{self.group}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayLayer(Layer):
    """One directory under overlays/."""

    overlay: Overlay
    loaded: Loaded
    directory: Path

    @property
    def name(self) -> str:
        """Named by its directory."""
        return f"overlay {self.overlay.name}"

    def parts(self) -> Mapping[str, str]:
        """Every file with content (rendered, where it is a template), mode and owner."""
        files = {f"overlays/{self.overlay.name}/{file.path}": file.fingerprint() for file in self.files()}
        return {**files, "code": code_digest(OverlayLayer, bytecode)}

    def files(self) -> Iterator[Placed]:
        """Every file, in order.

        Raises:
            BuildFailed: a template cannot be rendered.
        """
        for source in sorted(self.directory.rglob("*")):
            if source.is_dir() and not source.is_symlink():
                continue
            if "__pycache__" in source.parts:
                continue
            path = source.relative_to(self.directory).as_posix()
            link = source.is_symlink()
            data = os.fsencode(source.readlink()) if link else source.read_bytes()
            if path.endswith(_TEMPLATE) and not link:
                path, data = path.removesuffix(_TEMPLATE), self._render(source)
            yield self._place(path, data, link=link)

    def _render(self, source: Path) -> bytes:
        try:
            return compiled(source.read_text()).render(recipe=self.loaded.recipe, params=self.loaded.params).encode()
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            place = f"{source}:{line}" if line else str(source)
            raise BuildFailed(f"{place}: {error.message}", hint="templates know `recipe` and `params`") from error

    def _place(self, path: str, data: bytes, *, link: bool) -> Placed:
        mode, owner, group = 0o644, "root", "root"
        for rule in self.overlay.ownership:
            if fnmatchcase(path, rule.match):
                mode = int(rule.mode, 8) if rule.mode else mode
                owner, group = rule.owner or owner, rule.group or group
        return Placed(path=path, data=data, link=link, mode=mode, owner=owner, group=group)

    def build(self, site: Site) -> None:
        """Write every file, and compile programs; directories that are new belong to root with mode 0755."""
        users = _ids(site.tree / "etc/passwd")
        groups = _ids(site.tree / "etc/group")
        files = tuple(self.files())
        for file in files:
            target = site.tree / file.path
            _make_parents(target.parent, site.tree)
            if target.is_symlink() or target.exists():
                target.unlink()
            if file.link:
                target.symlink_to(os.fsdecode(file.data))
                continue
            target.write_bytes(file.data)
            try:
                os.chown(target, users[file.owner], groups[file.group])
            except KeyError as error:
                raise BuildFailed(f"/{file.path} shall belong to {error}, who is not in the image") from error
            target.chmod(file.mode)
        self._compile(files, site)

    def _compile(self, files: Iterable[Placed], site: Site) -> None:
        paths = (file.path for file in files)
        modules = [f"/{path}" for path in paths if path.startswith(_PROGRAMS) and path.endswith(".py")]
        if modules and (site.tree / "usr/bin/python3").exists():
            # Who mends a program on a device must see what he wrote, so Python looks.
            compile_modules(
                site.inside(python=True), modules, validity="checked-hash", why=f"compile overlay {self.overlay.name}"
            )


def _make_parents(directory: Path, tree: Path) -> None:
    missing = []
    while directory != tree and not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for path in reversed(missing):
        path.mkdir()
        path.chmod(0o755)


def _ids(table: Path) -> dict[str, int]:
    fields = (line.split(":") for line in table.read_text().splitlines())
    return {name: int(number) for name, _, number, *_ in fields}

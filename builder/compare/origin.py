"""Why a path is on a device: the package, overlay, application, content or layer that put it there, and the line of the
recipe that asked for it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from builder.compare.owners import LISTS, package_paths
from builder.compare.packages import STATUS, Installed, chain_to, installed_packages
from builder.compare.stack import Stack, Step
from builder.disk.bootloader import INITRD, KERNEL, loader
from builder.errors import SatchelError
from builder.manifest import ON_ESP
from builder.recipe.disk import FileSystem
from builder.recipe.load import Loaded
from builder.recipe.problems import listing, nearest
from builder.recipe.tree import Keys

_RUNTIME: Final = ("/proc", "/sys", "/dev", "/run", "/tmp")
_UNITS: Final = "/etc/systemd/system/"
_PERSONAL: Final = "only one machine may have it, or nobody needs it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Why a path is there, or is not."""

    path: str
    """Where it really is, behind links of directories."""
    asked: str
    """The path that somebody asked for."""
    what: str
    """What it is; empty for what was removed."""
    reason: str
    layer: str | None
    """The layer that last wrote it."""
    history: tuple[Step, ...]
    place: str
    """The partition that holds it."""

    def as_dict(self) -> dict[str, object]:
        """For scripts."""
        return asdict(self)

    def text(self) -> str:
        """For people."""
        layer = f", layer {self.layer}" if self.layer else ""
        path = self.path if self.asked == self.path else f"{self.asked} is {self.path}"
        lines = [f"{path}: {self.reason}{layer}"]
        if self.what:
            lines.append(f"  {self.what}; {self.place}")
        if len(self.history) > 1:
            steps = ", then ".join(f"{step.did} by layer {step.layer}" for step in self.history)
            lines.append(f"  {steps}")
        return "\n".join(lines)


class Tree:
    """A recipe and the layers that were made from it."""

    def __init__(self, loaded: Loaded, stack: Stack, *, overlays: Path) -> None:
        self._loaded = loaded
        self._stack = stack
        self._overlays = overlays

    def why(self, path: str) -> Origin:
        """Why a path of the device is there, or was removed. A path may lead through links.

        Raises:
            SatchelError: there never was such a path; the hint names the nearest one.
            ArtifactError: links lead in a circle.
        """
        asked = os.path.normpath(f"/{path.lstrip('/')}")
        real = self._stack.resolved(asked)
        on_esp = self._on_esp(real)
        if on_esp:
            return _absent(asked, real, on_esp)
        runtime = next((top for top in _RUNTIME if real != top and PurePosixPath(real).is_relative_to(top)), None)
        if runtime is not None:
            return _absent(asked, real, f"{runtime} is empty in the image; what is there is made while the device runs")
        history = self._stack.history(real)
        if not history:
            raise SatchelError(f"there is no {real} in {self._loaded.recipe.name}", hint=self._nearest(real))
        last = history[-1]
        if last.did == "removed":
            cause = f": {_PERSONAL}" if last.layer == "system" else ""
            reason = f"removed by layer {last.layer}{cause} (before that: {self._reason(real, history[-2])})"
            return _absent(asked, real, reason, history)
        found = self._stack.find(real)
        assert found is not None
        return Origin(
            path=real,
            asked=asked,
            what=_described(found),
            reason=self._reason(real, last),
            layer=last.layer,
            history=history,
            place=self._place(real),
        )

    def _reason(self, path: str, step: Step) -> str:
        """What made the layer write it, and the package that had brought it, if one had."""
        kind, _, name = step.layer.partition(" ")
        match kind:
            case "overlay":
                reason = self._overlay(path, name)
            case "pip":
                reason = self._application(path, name)
            case "users":
                reason = self._users(path)
            case "content" | "files":
                reason = self._content(kind)
            case "kolibri":
                reason = f"Kolibri's home, told of the channels and sealed ({self._line(('kolibri',))})"
            case "units":
                reason = self._units(path)
            case "system":
                reason = self._system(path)
            case "initramfs":
                reason = "the initramfs, made from what the layers below it brought"
            case _:
                return self._packaged(path) or self._by_scripts(path, step.layer)
        packaged = self._packaged(path)
        return f"{reason} (before that: {packaged})" if packaged else reason

    def _by_scripts(self, path: str, layer: str) -> str:
        """What no package lists; where it is a link, what it leads to may say more."""
        reason = f"made by the scripts of packages while layer {layer} was made"
        found = self._stack.find(path)
        if found is None or not found.is_symlink():
            return reason
        target = self._stack.resolved(os.path.normpath(PurePosixPath(path).parent / found.readlink()))
        packaged = self._packaged(target)
        named = self._named_unit(path, found.readlink().name)
        leading = f", leading to a file of {packaged}" if packaged else ""
        return f"{reason}{leading}{f'; also by {named}' if named else ''}"

    def _packaged(self, path: str) -> str:
        """The package that lists a path, or how many share it; nothing for what no package lists."""
        packages = self._packages.get(path, ())
        history = self._stack.history(path)
        minimal = bool(history) and history[0].layer == "base"
        if len(packages) > 1:
            first = self._package(packages[0], minimal=minimal)
            return f"shared by {len(packages):,} packages, the first of them {first}"
        return self._package(packages[0], minimal=minimal) if packages else ""

    def _package(self, name: str, *, minimal: bool) -> str:
        """A package with its version and why it is there; `minimal` when it came with the lowest layer."""
        facts = self._installed.get(name)
        version = f" {facts.version}" if facts else ""
        asked = self._loaded.recipe.packages.apt
        chain = chain_to(name, asked=asked, installed=self._installed)
        if not chain or (minimal and name not in asked):
            return f"package {name}{version} (of the minimal Debian, {self._line(('base',))})"
        line = self._line(("packages", "apt", asked.index(chain[0])))
        if len(chain) == 1:
            return f"package {name}{version} ({line})"
        return f"package {name}{version} (needed by {' <- '.join(reversed(chain[:-1]))}, {line})"

    def _overlay(self, path: str, name: str) -> str:
        number = next(i for i, overlay in enumerate(self._loaded.recipe.overlays) if overlay.name == name)
        line = self._line(("overlays", number))
        for ending in ("", ".j2"):
            source = self._overlays / name / f"{path.lstrip('/')}{ending}"
            if os.path.lexists(source):
                return f"overlays/{name}{path}{ending} ({line})"
        return f"made while overlay {name} was laid down ({line})"

    def _application(self, path: str, venv: str) -> str:
        applications = self._loaded.recipe.packages.pip
        number = next(i for i, application in enumerate(applications) if application.venv == venv)
        line = self._line(("packages", "pip", number))
        wheel = self._wheel(path, venv)
        return f"{wheel} in application {venv} ({line})" if wheel else f"application {venv} ({line})"

    def _wheel(self, path: str, venv: str) -> str:
        """The Python package whose record lists a path (PyPA's specification of installed projects)."""
        for place in PurePosixPath(path).parents:
            if place.name == "site-packages" and place.is_relative_to(venv):
                inside = PurePosixPath(path).relative_to(place)
                for name in sorted(self._stack.names(str(place))):
                    if name.endswith(".dist-info") and self._lists(f"{place}/{name}/RECORD", str(inside)):
                        title, _, version = name.removesuffix(".dist-info").partition("-")
                        return f"Python package {title} {version}"
        return ""

    def _lists(self, record: str, path: str) -> bool:
        if self._stack.find(record) is None:
            return False
        source = path.replace("__pycache__/", "").partition(".cpython-")[0] + ".py" if "__pycache__" in path else path
        lines = os.fsdecode(self._stack.read(record)).splitlines()
        return any(line.partition(",")[0].strip('"') in (path, source) for line in lines)

    def _users(self, path: str) -> str:
        users = self._loaded.recipe.users
        for number, user in enumerate(users):
            if PurePosixPath(path).is_relative_to(user.home or f"/home/{user.name}"):
                return f"the home of {user.name} ({self._line(('users', number))})"
        names = ", ".join(f"{user.name} ({self._line(('users', number))})" for number, user in enumerate(users))
        return f"written when the accounts were made: {names}"

    def _content(self, layer: str) -> str:
        entries = enumerate(self._loaded.recipe.content)
        asking = [number for number, entry in entries if (entry.files is not None) == (layer == "files")]
        lines = ", ".join(self._line(("content", number)) for number in asking)
        return f"preloaded content ({lines or self._line(('kolibri',))})"

    def _units(self, path: str) -> str:
        found = self._stack.find(path)
        target = found.readlink().name if found is not None and found.is_symlink() else ""
        return self._named_unit(path, target) or f"written when units were enabled ({self._line(('units',))})"

    def _named_unit(self, path: str, target: str) -> str:
        """The entry under `units` that a link is about; an enabled unit can have further names that lead to it."""
        units = self._loaded.recipe.units
        for key, names in (("enable", units.enable), ("mask", units.mask)):
            for number, unit in enumerate(names):
                if unit in (PurePosixPath(path).name, target) and path.startswith(_UNITS):
                    return f"units.{key}: {unit} ({self._line(('units', key, number))})"
        return ""

    def _system(self, path: str) -> str:
        if path == "/etc/fstab":
            return f"the mount table of disk.partitions ({self._line(('disk', 'partitions'))})"
        number = self._partition(path)
        mounts = self._loaded.recipe.disk.partitions[number]
        if path in (mounts.mount, *(subvolume.mount for subvolume in mounts.subvolumes)):
            return f"the mount point of partition {mounts.name} ({self._line(('disk', 'partitions', number))})"
        return f"emptied or replaced, because {_PERSONAL}"

    def _on_esp(self, path: str) -> str:
        """Why something is on the EFI system partition, which is not filled from the tree; nothing for others."""
        number = self._partition(path)
        partition = self._loaded.recipe.disk.partitions[number]
        if partition.filesystem is not FileSystem.VFAT or path == partition.mount:
            return ""
        texts = {
            KERNEL: "a copy of the newest /boot/vmlinuz-*",
            INITRD: "a copy of the newest /boot/initrd.img-*",
            loader(self._loaded.recipe.base.architecture): "systemd-boot, as Debian's systemd-boot-efi brings it",
            ON_ESP: "what the image says of itself",
        }
        inside = str(PurePosixPath(path).relative_to(partition.mount or "/"))
        other = f"if it is there, a text for the boot loaders ({self._line(('disk', 'cmdline'))})"
        return f"{texts.get(inside, other)}; {self._place(path)}, which is filled when the image is put together"

    def _partition(self, path: str) -> int:
        """The number in the recipe of the partition that holds a path."""
        found, longest = 0, ""
        for number, partition in enumerate(self._loaded.recipe.disk.partitions):
            for mount in (partition.mount, *(subvolume.mount for subvolume in partition.subvolumes)):
                if mount and PurePosixPath(path).is_relative_to(mount) and len(mount) > len(longest):
                    found, longest = number, mount
        return found

    def _place(self, path: str) -> str:
        number = self._partition(path)
        name = self._loaded.recipe.disk.partitions[number].name
        return f"on partition {name} ({self._line(('disk', 'partitions', number))})"

    def _line(self, keys: Keys) -> str:
        """Where the recipe says so."""
        problem = self._loaded.problem(keys, "")
        return f"{problem.file}:{problem.line}"

    def _nearest(self, path: str) -> str:
        """The nearest name in the last directory on the way that is there, or the same name elsewhere."""
        name = PurePosixPath(path).name
        elsewhere = [known for known in self._packages if PurePosixPath(known).name == name]
        if elsewhere:
            # Programs first.
            return f"did you mean {min(elsewhere, key=lambda known: ('bin/' not in known, known))}?"
        parts = PurePosixPath(path).parts
        for count in range(1, len(parts)):
            above = str(PurePosixPath(*parts[:count]))
            names = self._stack.names(above)
            if parts[count] not in names:
                near = nearest(parts[count], names)
                return f"did you mean {PurePosixPath(above) / near}?" if near else f"{above} has {_some(names)}"
        return "`satchel shell` shows the tree"

    @cached_property
    def _packages(self) -> dict[str, tuple[str, ...]]:
        return package_paths(self._stack.names(f"/{LISTS}"), lambda name: self._stack.read(f"/{LISTS}/{name}"))

    @cached_property
    def _installed(self) -> dict[str, Installed]:
        return installed_packages(os.fsdecode(self._stack.read(f"/{STATUS}")))


def _absent(asked: str, path: str, reason: str, history: tuple[Step, ...] = ()) -> Origin:
    """What is not in the tree, or not any more."""
    return Origin(path=path, asked=asked, what="", reason=reason, layer=None, history=history, place="")


def _some(names: frozenset[str]) -> str:
    return listing(sorted(names)) or "nothing in it"


def _described(path: Path) -> str:
    facts = path.lstat()
    mode, owner = f"mode {stat.S_IMODE(facts.st_mode):04o}", f"owner {facts.st_uid}:{facts.st_gid}"
    if stat.S_ISLNK(facts.st_mode):
        return f"a link to {path.readlink()}"
    if stat.S_ISDIR(facts.st_mode):
        return f"a directory, {mode}, {owner}"
    return f"a file of {facts.st_size:,} bytes, {mode}, {owner}"

"""Trees that are hard to copy, and ways to look into file systems without mounting them."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from uuid import UUID

from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.host.sandbox import Mount
from builder.host.tools import Tools, ensure_lab, ensure_workshop, find_workshop
from builder.plan.layout import Layout, PlacedPartition, plan_layout
from builder.progress import Reporter
from builder.recipe.disk import Disk
from builder.recipe.load import load_recipe
from builder.supply import RecipeSupply

SEED = UUID("1bd1b3d4-6d1e-4a50-8c1e-7a3a3f0ee001")
EPOCH = 1_750_000_000


def workshop() -> Tools:
    """The workshop of the default recipe, made when this machine does not have it yet."""
    loaded = load_recipe(RECIPES / "kolibri-pc.yml")
    supply = RecipeSupply(loaded=loaded, locked=False, offline=False, reporter=Reporter())
    lock = supply.supplied(lambda lock: lock.tools if find_workshop(lock.tools) is None else ())
    return ensure_workshop(lock.tools, Pool(), Reporter())


class Bench:
    """A scratch directory and both trees of tools, inside the namespace."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @cached_property
    def tools(self) -> Tools:
        return workshop()

    @cached_property
    def lab(self) -> Tools:
        return ensure_lab(Reporter())

    def layout(self, *partitions: dict[str, object], needed: dict[str, int] | None = None) -> Layout:
        disk = Disk.model_validate({"partitions": partitions, "card": 10**15})
        return plan_layout(disk, needed=needed or {}, seed=SEED)

    def partition(self, needed: int = 0, **wanted: object) -> PlacedPartition:
        wanted = {"name": "part", "mount": "/srv", "size": "fit", **wanted}
        return self.layout(wanted, needed={"part": needed}).partitions[0]

    def look(self, *command: str, at: Path, accept: Iterable[int] = (0,)) -> str:
        """Run a program of the lab on a read-only `at`, which it finds as /job/at; both its streams."""
        lines: list[str] = []
        room = self.directory / "out"
        room.mkdir(exist_ok=True)
        mounts = (Mount(target="/job/at", source=at), Mount(target="/job/out", source=room, writable=True))
        self.lab.sandbox(*mounts).run(command, why="look into it", on_line=lines.append, accept=tuple(accept))
        return "\n".join(lines)

    def memory(self, name: str, size: str) -> Path:
        """A file system in memory: another one than that of the directory, and as small as wanted."""
        room = self.directory / name
        room.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", room], check=True)
        return room

    def tree(self, name: str = "tree") -> Path:
        """A tree with several owners, modes, links, attributes and names."""
        top = self.directory / name
        (top / "etc/deep/deeper").mkdir(parents=True)
        (top / "etc/secret").write_text("x" * 10)
        os.chown(top / "etc/secret", 107, 33)
        (top / "etc/secret").chmod(0o4640)
        (top / "etc/link").symlink_to("secret")
        (top / "etc/long-link").symlink_to("/".join(["far"] * 60))
        os.link(top / "etc/secret", top / "etc/deep/same")
        (top / "etc/empty").touch()
        (top / "etc" / ("n" * 255)).write_text("long name")
        (top / "etc/Ünïcode ☃").write_text("snow")
        with (top / "etc/deep/sparse").open("wb") as file:
            file.truncate(30 << 20)
            file.seek(10 << 20)
            file.write(os.urandom(100_000))
        (top / "etc/deep/video").write_bytes(os.urandom(3 << 20))
        os.setxattr(top / "etc/empty", "user.note", b"kept")
        for path, mode, owner in (("tmp", 0o1777, 0), ("home", 0o755, 0), ("srv/data", 0o750, 998), ("proc", 0o555, 0)):
            (top / path).mkdir(parents=True)
            os.chown(top / path, owner, owner)
            (top / path).chmod(mode)
        (top / "tmp/junk").write_text("must not be in the file system")
        (top / "home/someone").write_text("in another subvolume")
        (top / "srv/data/db").write_text("in another partition")
        for path in sorted(top.rglob("*"), reverse=True):
            os.utime(path, (EPOCH - 5000, EPOCH - 5000), follow_symlinks=False)
        top.chmod(0o755)
        os.utime(top, (EPOCH - 6000, EPOCH - 6000))
        return top


HIDDEN = ("/tmp", "/home", "/srv/data", "/proc", "/not-there", "/home/inside")


def facts(top: Path, *, times: bool = True, without: Iterable[str] = ()) -> dict[str, tuple[object, ...]]:
    """Everything that must survive, by path: kind and mode, owners, links, time, content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (top, *sorted(top.rglob("*"))):
        name = str(path.relative_to(top))
        if any(name.startswith(f"{skipped}/") for skipped in without):
            continue
        status = path.lstat()
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif stat.S_ISREG(status.st_mode):
            content = (status.st_nlink, hashlib.sha256(path.read_bytes()).hexdigest())
        time = int(status.st_mtime) if times and not path.is_symlink() else None
        found[name] = (oct(status.st_mode), status.st_uid, status.st_gid, time, content)
    return found


def flashed_on_used_card(image: Path, extents: Iterable[tuple[int, int]], target: Path) -> Path:
    """What a card looks like that was full of other data and got only these parts of the image."""
    size = image.stat().st_size
    with target.open("wb") as card, image.open("rb") as source:
        for _ in range(0, size, 1 << 20):
            card.write(b"\xa5" * (1 << 20))
        card.truncate(size)
        for start, length in extents:
            source.seek(start)
            card.seek(start)
            card.write(source.read(length))
    return target

"""What a build needs of this machine: what is missing in the pools, partitions, the image, its compressed form."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.content.pool.pool import ContentPool
from builder.content.sizes.plan import Portion, TreePortion, all_files, content_partitions
from builder.host.places import cache_directory
from builder.kolibri.channels import Channel, ContentFile
from builder.plan.need import UNPACKED, Amount, DiskNeed, Store, disks
from builder.plan.sizes import Sizes
from builder.recipe.model import Recipe

_COPYING: Final = frozenset({"ext2", "ext3", "ext4", "tmpfs", "f2fs", "vfat", "exfat", "ntfs3", "fuseblk"})
"""File systems on which two files never share blocks, so that what is in the cache is written again into an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What this machine has already, and where a build writes."""

    cache: Path
    dist: Path
    missing: frozenset[ContentFile]
    """Files of content that are not in the pool."""
    doubtful: frozenset[ContentFile]
    """Files that only stand for others, which may be there or not."""
    packages_bytes: int | None
    """Packages that must still be fetched; None when nobody knows yet which."""
    content_made: bool
    """Whether the content lies ready, and its partition most likely too."""
    split: bool
    """Whether the image stays in parts, which are further names of the cache's files."""


def host_of(
    portions: Sequence[Portion],
    trees: Sequence[TreePortion],
    *,
    dist: Path,
    packages_bytes: int | None,
    content_made: bool,
    split: bool,
) -> Host:
    """Look at this machine."""
    files = all_files((portion.channel for portion in portions if portion.known), trees)
    return Host(
        cache=cache_directory(),
        dist=dist.absolute(),
        missing=frozenset(ContentPool().missing(files)),
        doubtful=all_files(portion.channel for portion in portions if not portion.known),
        packages_bytes=packages_bytes,
        content_made=content_made,
        split=split,
    )


def host_need(
    host: Host, recipe: Recipe, sizes: Sizes, channels: Sequence[Channel], trees: Sequence[TreePortion] = ()
) -> tuple[DiskNeed, ...]:
    """What building an image of this content writes, by file system."""
    files = all_files(channels, trees)
    content = sum(file.size for file in files)
    fetched = sum(file.size for file in files & host.missing)
    perhaps = sum(file.size for file in files & host.doubtful)
    packages = host.packages_bytes or 0
    held = {each.name for each in content_partitions(recipe)}
    needed = sum(sizes.partition(name).needed_bytes or 0 for name in held)
    partition = max(needed, content) if held else 0
    kept_least, kept_most = (0, 0) if host.content_made else (content, partition)
    others = sum(each.size_bytes for each in sizes.partitions if each.name not in held)
    copied = content if _surely_copied(host) else 0
    image = others + (0 if host.split and _device(host.dist) == _device(host.cache) else partition)
    cache = [
        Amount(what="packages to fetch", least=packages, most=packages),
        Amount(what="content to bring", least=fetched, most=fetched + perhaps),
        Amount(what="layers and workshop", least=0, most=UNPACKED * packages),
        Amount(what="the content partition", least=kept_least, most=kept_most),
    ]
    finished = [Amount(what="the image", least=copied, most=image)]
    if not host.split:
        forms = {"compressed image": recipe.outputs.zst, "qcow2": recipe.outputs.qcow2, "VHD": recipe.outputs.vhd}
        finished += [Amount(what=f"the {form}", least=0, most=image) for form, made in forms.items() if made]
    return disks([_store(host.cache, cache), _store(host.dist, finished)])


def _surely_copied(host: Host) -> bool:
    """Whether content is written once more for the image, and not shared with the cache."""
    if _device(host.dist) != _device(host.cache):
        return True
    return not host.split and _kind(host.dist) in _COPYING


def _store(directory: Path, amounts: Sequence[Amount]) -> Store:
    there = _existing(directory)
    return Store(
        directory=str(directory),
        device=there.stat().st_dev,
        free_bytes=shutil.disk_usage(there).free,
        amounts=tuple(amount for amount in amounts if amount.most),
    )


def _device(directory: Path) -> int:
    return _existing(directory).stat().st_dev


def _existing(directory: Path) -> Path:
    """The directory, or the nearest above it that is there already."""
    return next(place for place in (directory, *directory.parents) if place.is_dir())


def _kind(directory: Path) -> str:
    """The kind of the file system that a directory lies on; empty where the kernel does not tell."""
    device = _device(directory)
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    # The fields before " - " differ in number (proc(5)); the kind is the first behind it.
    found = (line.partition(" - ")[2].split()[0] for line in lines if line.split()[2] == wanted)
    return next(found, "")

"""The index of a kernel's modules, made from the kernel's package alone.

`depmod` unpacks every module to look into it: thousands, one after the other, which takes longer than installing the
kernel. It needs nothing else of the tree, so the index is made beside the layers below, and kept for every later tree
with this kernel.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from builder.host.pool import Pool
from builder.host.sandbox import Mount
from builder.host.store import Store
from builder.host.tools import WORK, Tools
from builder.layers.site import digest
from builder.lock.model import Deb
from builder.plan.keys import key_of
from builder.progress import Reporter
from builder.together import Job

_MODULES: Final = "usr/lib/modules"
_CONFIGURATION: Final = ("etc/depmod.d", "run/depmod.d", "usr/lib/depmod.d", "usr/local/lib/depmod.d")
"""Where a tree can have wishes of its own about the index (depmod.d(5))."""

_KERNEL: Final = re.compile(r"linux-image-\d.*(?<!-dbg)")
"""Packages with modules; `linux-image-amd64` only depends on the newest."""

_LISTED: Final = "listed"
"""Names and sizes of the modules that an index tells of."""

_KERNEL_DEB, _OUT = f"{WORK}/kernel.deb", f"{WORK}/out"

# Unpacked in memory: nothing of it is kept. depmod looks for modules where they were before all was merged into /usr.
_MAKE: Final = f"""set -eu
mkdir -p /tmp/{_MODULES}
dpkg-deb --fsys-tarfile {_KERNEL_DEB} | tar -x -C /tmp --exclude=./boot
ln -s usr/lib /tmp/lib
cd /tmp/{_MODULES}
for version in $(ls); do
    index={_OUT}/$version/index
    mkdir -p $index
    (cd $version; find . -type f -name '*.ko*' -printf '%P %s\\n') | sort > {_OUT}/$version/{_LISTED}
    ls $version > /tmp/brought
    depmod -b /tmp $version
    for file in $version/*; do
        grep -qxF "${{file##*/}}" /tmp/brought || cp $file $index
    done
done
"""


def index_jobs(debs: Iterable[Deb], *, tools: Tools, pool: Pool, reporter: Reporter) -> dict[str, Job[object]]:
    """What makes the index of every kernel among some packages, as far as it is not kept already."""
    return {
        f"modules of {deb.name}": partial(_ensure, deb, tools=tools, pool=pool, reporter=reporter)
        for deb in debs
        if _KERNEL.fullmatch(deb.name)
    }


def place_index(tree: Path, version: str, debs: Iterable[Deb], *, tools: Tools, pool: Pool, reporter: Reporter) -> bool:
    """Give a tree the index of its kernel's modules; whether there is one that is true for it.

    There is none if the tree has other modules than the kernel's package brought, or wishes of its own.
    """
    here = tree / _MODULES / version
    if any(path.is_file() for place in _CONFIGURATION for path in (tree / place).glob("*.conf")):
        return False
    for deb in debs:
        if _KERNEL.fullmatch(deb.name):
            made = _ensure(deb, tools=tools, pool=pool, reporter=reporter) / version
            if made.is_dir() and (made / _LISTED).read_text() == _listed(here):
                for path in (made / "index").iterdir():
                    shutil.copyfile(path, here / path.name)
                    (here / path.name).chmod(0o644)
                return True
    return False


def _ensure(deb: Deb, *, tools: Tools, pool: Pool, reporter: Reporter) -> Path:
    """The directory of a kernel's index, made now if it is not kept."""
    parts: Mapping[str, str] = {
        "kernel": f"{deb.name} {deb.version} {deb.sha256}",
        "tools": tools.identity,
        "script": digest(_MAKE),
    }
    entry = Store("modules").obtain(
        key_of(parts),
        name="modules",
        parts=parts,
        build=lambda out: _make(pool.verified(deb), tools, out),
        reporter=reporter,
        title="index of kernel modules",
        detail=deb.version,
    )
    return entry.path


def _make(deb: Path, tools: Tools, out: Path) -> None:
    sandbox = tools.sandbox(Mount(target=_KERNEL_DEB, source=deb), Mount(target=_OUT, source=out, writable=True))
    sandbox.run(("sh", "-c", _MAKE), why="index the modules of a kernel")


def _listed(modules: Path) -> str:
    found = (path for path in modules.rglob("*.ko*") if path.is_file())
    return "".join(sorted(f"{path.relative_to(modules)} {path.stat().st_size}\n" for path in found))

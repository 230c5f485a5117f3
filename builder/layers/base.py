"""The bottom of every tree: a minimal Debian."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from builder.host import repository
from builder.host.repository import make_repository, source_line
from builder.host.sandbox import Mount
from builder.host.tools import SLIMMING, WASTE
from builder.layers.foreign import HALVES, TREE
from builder.layers.site import UNASKED, Layer, Site, code_digest, deb_parts
from builder.lock.model import Deb
from builder.recipe.software import Base

_DEBS: Final = "/job/debs"

_KEEP_SOURCES: Final = f"""set -eu
cd "$1/etc/apt"
mv sources.list sources.list.kept
echo '{source_line(_DEBS)}' > sources.list
"""
_RESTORE_SOURCES: Final = 'mv "$1/etc/apt/sources.list.kept" "$1/etc/apt/sources.list"'

# Debian's backports give upgrades of what came from there, and nothing else by themselves.
_ADD_BACKPORTS: Final = """set -eu
cd "$1/etc/apt"
sed --quiet "s/ {suite} / {suite}-backports /p" sources.list > "sources.list.d/{suite}-backports.list"
"""

_FRAME: Final = SLIMMING[:1]
"""Options for a tree that gets its packages otherwise, and with them what must be removed."""

# All files first, because packages have scripts that run before their own files, and others', are there.
_FILL: Final = f"""set -eu
for deb in {_DEBS}/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar --extract --directory={TREE} --keep-directory-symlink "$@"
done
{HALVES} --admindir {TREE} --unpack {_DEBS}/*.deb
{HALVES} --admindir {TREE} --configure --pending
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLayer(Layer):
    """A minimal Debian by the workshop's mmdebstrap."""

    base: Base
    debs: tuple[Deb, ...]
    epoch: int
    name: str = "base"

    def parts(self) -> Mapping[str, str]:
        """The recipe's base, its packages, what is left out of them, and the date that everything above bears."""
        return {
            **deb_parts(self.debs),
            "base": self.base.model_dump_json(),
            "slimming": " ".join(SLIMMING),
            "date": str(self.epoch),
            "code": code_digest(BaseLayer, repository),
        }

    def build(self, site: Site) -> None:
        """Fill the empty tree with exactly the locked packages.

        The device's own list of sources is mmdebstrap's default for the suite, or the mirror that the recipe names, and
        its backports if the recipe takes something from there; it is put aside while packages come from the pool.
        """
        debs = site.scratch / "debs"
        debs.mkdir()
        make_repository(self.debs, site.pool, debs)
        at = Mount(target=_DEBS, source=debs)
        with site.reporter.amount("packages", None, unit=" lines") as advance:

            def said(_line: str) -> None:
                advance(1)

            if site.foreign:
                self._bootstrap(site, at, options=_FRAME, said=said)
                command = ("sh", "-c", _FILL, "sh", *(f"--exclude=./usr/share/{waste}/*" for waste in WASTE))
                workshop = site.foreign.workshop(at, environment=site.environment)
                workshop.run(command, why="fill a minimal Debian", env=UNASKED, on_line=said)
            else:
                included = f"--include={','.join(deb.name for deb in self.debs)}"
                self._bootstrap(site, at, options=(included, *SLIMMING), said=said)

    def _bootstrap(self, site: Site, debs: Mount, *, options: Sequence[str], said: Callable[[str], None]) -> None:
        base = self.base
        command = (
            "mmdebstrap",
            "--mode=unshare",
            # Nothing is chosen by priority: archives override priorities, and a lock has chosen already.
            "--variant=custom",
            "--format=directory",
            f"--components={','.join(base.components)}",
            f"--architectures={base.architecture}",
            *options,
            # It would look for an emulator in its own way.
            "--skip=check/signed-by,check/qemu",
            f"--setup-hook={_KEEP_SOURCES}",
            f"--customize-hook={_RESTORE_SOURCES}",
            *((f"--customize-hook={_ADD_BACKPORTS.format(suite=base.suite)}",) if base.backports else ()),
            base.suite,
            TREE,
            *((base.mirror,) if base.mirror else ()),
        )
        tree = Mount(target=TREE, source=site.tree, writable=True)
        site.workshop(tree, debs).run(command, why="make a minimal Debian", on_line=said)

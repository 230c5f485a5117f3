"""Bring whatever a build needs of what its lock names: packages and wheels, databases of channels, listings of
trees, and their files; files of images.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from builder.host.pool import Pool
from builder.lock.archive import Origin
from builder.lock.content import fetch_channels
from builder.lock.fetch import fetch
from builder.lock.images import fetch_images
from builder.lock.model import Blob, Deb, Locked, LockedChannel, LockedTree, Wheel
from builder.lock.text import called
from builder.lock.trees import fetch_trees
from builder.progress import Reporter
from builder.recipe.load import Loaded


def bring(
    needed: Iterable[Locked], loaded: Loaded, origins: Sequence[Origin], *, offline: bool, reporter: Reporter
) -> None:
    """Bring what the pools lack. Must run inside the namespace if they lack packages.

    Raises:
        PlanError: `offline`, and something is missing, or a source has another version of a channel or tree.
        Moved: the mirrors have other versions of packages.
        HostError: the network, a mirror or a source does not answer as it should.
    """
    wanted = tuple(needed)
    channels = [each for each in wanted if isinstance(each, LockedChannel)]
    trees = [each for each in wanted if isinstance(each, LockedTree)]
    blobs = [each for each in wanted if isinstance(each, Blob)]
    packages = [each for each in wanted if isinstance(each, Deb | Wheel)]
    recipe = called(loaded.source)
    fetch(packages, recipe=recipe, origins=origins, pool=Pool(), offline=offline, reporter=reporter)
    fetch_images(loaded, blobs, offline=offline, pool=Pool(), reporter=reporter)
    fetch_trees(loaded, trees, reporter=reporter)
    fetch_channels(loaded, channels, offline=offline, reporter=reporter)

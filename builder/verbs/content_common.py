"""What the verbs about content share: the channels that a person means, and how they are told."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from builder.content.laying import Piece
from builder.errors import ArtifactError, PlanError
from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.kolibri.channels import ContentFile
from builder.lock.content import locked_channel
from builder.lock.current import known_lock
from builder.lock.known import Known, known_locks, locks_in, readable
from builder.lock.model import LockedChannel, LockedTree
from builder.lock.text import called
from builder.lock.trees import locked_listing
from builder.recipe.load import Loaded, load_recipe
from builder.units import format_size
from builder.verbs.common import recipe_path, settings

HERE = (RECIPES, Path("recipes"), Path())
"""Where recipes lie whose locks are known without being named."""


def loaded_recipe(arguments: Namespace) -> Loaded:
    """The recipe of the options. Its sources need not be there."""
    return load_recipe(recipe_path(arguments.recipe), settings=settings(arguments.set))


def locked_channels(loaded: Loaded) -> tuple[LockedChannel, ...]:
    """The channels of a recipe's lock.

    Raises:
        PlanError: it has no lock yet.
    """
    lock = known_lock(loaded)
    if lock is None:
        name = called(loaded.source)
        raise PlanError(
            f"the channels of {name} were never looked up",
            hint=f"`satchel content fetch {name}` looks them up and brings them",
        )
    return lock.channels


def locked_trees(loaded: Loaded) -> tuple[LockedTree, ...]:
    """The trees of plain files of a recipe's lock; none without a lock."""
    lock = known_lock(loaded)
    return lock.trees if lock else ()


def tree_files(tree: LockedTree) -> tuple[ContentFile, ...]:
    """What the pool of content calls the files of a tree, each once.

    Raises:
        ArtifactError: its listing is not here.
    """
    return tuple(sorted(set(locked_listing(tree, Pool()).pooled.values())))


def piece_of(locked: LockedChannel, pool: Pool) -> Piece | None:
    """A channel with its database; None if that is not here."""
    if pool.missing((locked,)):
        return None
    return Piece(database=pool.path(locked.sha256), channel=locked_channel(locked, pool))


def pieces_of(channels: Sequence[LockedChannel]) -> tuple[Piece, ...]:
    """Channels with their databases.

    Raises:
        ArtifactError: a database is not here.
    """
    pool = Pool()
    found = [(locked, piece_of(locked, pool)) for locked in channels]
    absent = [locked.name for locked, piece in found if piece is None]
    if absent:
        raise ArtifactError(
            f"the pool lacks the databases of {', '.join(absent)}", hint="`satchel content fetch RECIPE` brings them"
        )
    return tuple(piece for _, piece in found if piece is not None)


def locks_known() -> tuple[tuple[Known, ...], tuple[str, ...]]:
    """All known locks that can be read, and sentences about those that cannot."""
    paths, complaints = readable(locks_in(HERE))
    return known_locks(paths), complaints


def count(number: int, what: str) -> str:
    """`1 file`, `12,000 files`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def amount(files: int, size: int) -> str:
    """Files with their bytes."""
    return f"{count(files, 'file')}, {format_size(size)}"

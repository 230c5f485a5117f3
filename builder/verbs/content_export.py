"""`content export`: channels of the pool on a drive, which any Kolibri imports from."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from builder.content.export import Exported, plan_export, write_export
from builder.content.laying import Piece
from builder.content.pool.pool import ContentPool
from builder.errors import ArtifactError, PlanError, UsageError
from builder.lock.known import used_channels
from builder.lock.model import LockedChannel
from builder.options import Verbs
from builder.progress import Reporter, reporter_for
from builder.recipe.problems import UnknownWord
from builder.units import format_size
from builder.verbs.content_common import amount, count, loaded_recipe, locked_channels, locks_known, pieces_of


def declare(family: Verbs) -> None:
    """Add the verb."""
    verb = family.add(
        "export",
        export,
        "write channels from the pool onto a drive that any Kolibri imports from",
        "content export my-school /media/usb",
        "content export my-school /media/usb --channel 5e1f0c1b5d7e4b0c9d8a7f6e5d4c3b2a",
        "content export --channel 5e1f0c1b5d7e4b0c9d8a7f6e5d4c3b2a /media/usb",
    )
    verb.mixes = True
    verb.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="a recipe; none with --channel: any that a lock names"
    )
    verb.add_argument("target", metavar="TARGET", type=Path, help="the drive's top directory")
    verb.add_argument("--channel", metavar="ID", action="append", default=[], help="only this one; may be repeated")
    verb.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="choose a parameter of the recipe"
    )
    verb.shows_progress()
    verb.speaks_json()


def export(arguments: Namespace) -> int:
    """Write a drive."""
    pieces = pieces_of(_channels(arguments))
    done = export_pieces(pieces, arguments.target, reporter_for(arguments.progress))
    if arguments.json:
        facts = {"content": str(done.content), "copied_files": done.written, "copied_bytes": done.written_size}
        told = [{"id": piece.channel.id, "name": piece.channel.name} for piece in pieces]
        print(json.dumps({**facts, "right_files": done.there, "channels": told}, indent=1, ensure_ascii=False))
        return 0
    tell_exported(done, pieces)
    return 0


def export_pieces(pieces: Sequence[Piece], target: Path, reporter: Reporter) -> Exported:
    """Write channels whose files are in the pool.

    Raises:
        ArtifactError: files are not in the pool.
        PlanError, HostError: see `plan_export` and `write_export`.
    """
    pool = ContentPool()
    files = {file for piece in pieces for file in piece.channel.files}
    missing = pool.missing(files)
    if missing:
        raise ArtifactError(
            f"the pool lacks {amount(len(missing), sum(file.size for file in missing))}",
            hint="`satchel content fetch RECIPE` brings them",
        )
    total = sum(file.size for file in files)
    with reporter.step("look at the drive"), reporter.amount("look", total) as advance:
        plan = plan_export(pieces, target, advance=advance)
    with reporter.step("export", detail=format_size(plan.size)), reporter.amount("export", plan.size) as advance:
        return write_export(plan, pool, advance=advance)


def tell_exported(done: Exported, pieces: Sequence[Piece]) -> None:
    """Say what was written."""
    print(
        f"{done.content}: {amount(done.written, done.written_size)} copied, {count(done.there, 'file')} right already"
    )
    for piece in pieces:
        print(f"  {piece.channel.id}  {piece.channel.name}")


def _channels(arguments: Namespace) -> tuple[LockedChannel, ...]:
    asked: list[str] = arguments.channel
    if arguments.recipe:
        found = locked_channels(loaded_recipe(arguments))
        if not found:
            raise PlanError(
                f"{arguments.recipe} takes no channels from anywhere",
                hint="what Satchel draws itself and plain files need no export",
            )
    elif asked:
        found = tuple(used.locked for used in used_channels(locks_known()[0]))
    else:
        raise UsageError("give a recipe or --channel ID", hint="`satchel content list` shows ids")
    there = {channel.id for channel in found}
    for key in asked:
        if key not in there:
            raise UnknownWord(f"no lock that was looked at has the channel {key}", key, sorted(there))
        if len([channel for channel in found if channel.id == key]) > 1:
            raise UsageError(f"recipes have different parts or versions of {key}", hint="name one of the recipes, too")
    return tuple(channel for channel in found if not asked or channel.id in asked)

"""Verbs about masters: Kolibri servers that were prepared for others to become like them."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from builder.errors import MasterError
from builder.kolibri.anonymise import Proof, anonymise, require_place
from builder.kolibri.table_words import place_of
from builder.kolibri.used_home import KeptChannel, UsedHome, look
from builder.options import Verbs
from builder.progress import reporter_for
from builder.units import format_size
from builder.verbs import master_import
from builder.verbs.rules import confirm

_NEXT = "copy it to the others before Kolibri starts on it again; each becomes a facility of its own at its first start"


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    master = family.add(
        "master",
        seal,
        "take a Kolibri that was in use as the master of others, without its people",
        "master seal ~/.kolibri --dry-run",
        "master seal ~/.kolibri --keep-copy ~/master-before",
        "master import ~/.kolibri --into my-school.yml",
    )
    verbs = Verbs(master)
    master_import.declare(verbs)
    examples = (
        "master seal ~/.kolibri --dry-run",
        "master seal ~/.kolibri --keep-copy ~/master-before",
        "master seal /var/kolibri/.kolibri --yes --json",
    )
    text = "make a used Kolibri home anonymous where it stands: channels stay; people, keys and ids go"
    verb = verbs.add("seal", seal, text, *examples)
    verb.add_argument("home", metavar="HOME", type=Path, help="the directory with db.sqlite3; its Kolibri is stopped")
    verb.add_argument("--dry-run", action="store_true", help="show what would go and what would stay; write nothing")
    verb.add_argument(
        "--keep-copy", metavar="DIR", type=Path, help="keep what goes in this new directory, for its owner's eyes only"
    )
    verb.add_argument("--yes", action="store_true", help="ask nothing")
    verb.shows_progress()
    verb.speaks_json()


def seal(arguments: Namespace) -> int:
    """Seal a home."""
    copy: Path | None = arguments.keep_copy
    used = look(arguments.home)
    if copy:
        require_place(copy, used.path)
    proof = None
    if not arguments.json:
        _show_found(used)
    if not (used.sealed or arguments.dry_run):
        what = f"all that people did in {used.path}{f'; {copy} keeps it' if copy else ''}"
        confirm(what, yes=arguments.yes, word=used.path.name, refusal=MasterError)
        proof = anonymise(used, reporter_for(arguments.progress), copy=copy)
    if arguments.json:
        print(json.dumps(_facts(used, proof, copy), indent=1, ensure_ascii=False))
    elif used.sealed or proof:
        _show_sealed(used, proof, copy)
    else:
        print("dry run: nothing was written")
    return 0


def _show_found(used: UsedHome) -> None:
    print(f"{used.path}: a home of Kolibri {used.version}")
    if not used.sealed:
        print("goes:")
        for line in _going(used):
            print(f"  {line}")
    print("stays:")
    for channel in used.contents.channels:
        where = "" if _is_there(used, channel) else "; its database does not lie with the content"
        print(f"  {channel.name} ({channel.id})  {_count(channel.resources, 'resource')}{where}")
    if not used.contents.channels:
        print("  no channel: there is none in it")


def _show_sealed(used: UsedHome, proof: Proof | None, copy: Path | None) -> None:
    if proof:
        print(f"sealed: {_count(proof.searched, 'text')} searched for in its bytes, and none was found")
        if proof.common:
            print(f"  {_count(proof.common, 'more text')} not searched for, which Kolibri or a channel says, too")
    else:
        print("sealed already: nothing to remove")
    if copy and proof:
        print(f"copy: {copy} keeps what was removed; copying it back into the home undoes this")
    if used.elsewhere:
        print(f"content: lies in {used.content}; copy that to `content` in each home")
    print(f"next: {_NEXT}")


def _going(used: UsedHome) -> Iterator[str]:
    """What goes, a line each."""
    rows: defaultdict[str, int] = defaultdict(int)
    for lost in used.contents.rows:
        rows[lost.what] += lost.rows
    width = max((len(f"{count:,}") for count in rows.values()), default=0)
    for what in sorted(rows, key=place_of):
        yield f"{rows[what]:>{width},}  {what}"
    for left in used.leftovers:
        size = f"{_count(left.files, 'file')}, {format_size(left.size_bytes)}"
        yield f"{left.path.relative_to(used.path)}: {left.what} ({size})"
    for setting in used.settings:
        yield f"the setting {setting}"


def _facts(used: UsedHome, proof: Proof | None, copy: Path | None) -> dict[str, object]:
    return {
        "home": str(used.path),
        "kolibri": used.version,
        "sealed": used.sealed or proof is not None,
        "rows": [
            {"database": lost.database, "table": lost.table, "rows": lost.rows, "what": lost.what}
            for lost in used.contents.rows
        ],
        "files": [
            {
                "path": str(left.path.relative_to(used.path)),
                "what": left.what,
                "files": left.files,
                "bytes": left.size_bytes,
            }
            for left in used.leftovers
        ],
        "settings": list(used.settings),
        "channels": [
            {"id": channel.id, "name": channel.name, "resources": channel.resources}
            for channel in used.contents.channels
        ],
        "content": str(used.content),
        "searched": proof.searched if proof else None,
        "common": proof.common if proof else None,
        "copy": str(copy) if copy and proof else None,
    }


def _is_there(used: UsedHome, channel: KeptChannel) -> bool:
    return (used.content / "databases" / f"{channel.id}.sqlite3").is_file()


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"

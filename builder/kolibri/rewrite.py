"""Change a database and write it anew. Runs inside the tree, with the tree's own Python; standard library only.

A SQLite file tells which version of SQLite wrote it and how often it was changed, and may keep deleted rows in its
unused room. Written anew in one go by the SQLite of the tree, it depends on nothing but its rows.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path


def rewrite(path: Path, statements: Sequence[tuple[str, Sequence[object]]]) -> None:
    """Run the statements with their values in one transaction, then replace the file by a compact copy of its rows."""
    copy = path.with_name(f"{path.name}.new")
    with closing(sqlite3.connect(path)) as database:
        with database:
            for statement, values in statements:
                database.execute(statement, values)
        database.execute("VACUUM INTO ?", (str(copy),))
    with closing(sqlite3.connect(copy)) as database:
        # As Kolibri's own databases come; otherwise a device would change the file when it first opens it.
        database.execute("PRAGMA journal_mode = WAL")
    copy.replace(path)
    for journal in ("-wal", "-shm", "-journal"):
        path.with_name(f"{path.name}{journal}").unlink(missing_ok=True)


if __name__ == "__main__":
    rewrite(Path(sys.argv[1]), json.loads(sys.argv[2]))

"""`satchel test --clones`: many devices of one image that share nothing."""

from __future__ import annotations

import json
from argparse import Namespace

from builder.boot.diary import Bench
from builder.boot.many import boot_many, to_dict, to_text
from builder.boot.prove import room_for_two
from builder.boot.subject import Subject
from builder.disk.read import read_table
from builder.errors import BootTestFailed


def many_clones(arguments: Namespace, subject: Subject, bench: Bench) -> int:
    """Boot them, keep the table, and say how it went."""
    count, table = arguments.clones, read_table(subject.image)
    found = boot_many(subject, table, bench, count=count, together=room_for_two())
    whole = json.dumps(to_dict(found), indent=1)
    (bench.logs / "clones.txt").write_text(to_text(found), encoding="utf-8")
    (bench.logs / "clones.json").write_text(f"{whole}\n", encoding="utf-8")
    print(whole if arguments.json else to_text(found))
    if not found.passed:
        raise BootTestFailed(f"devices of {subject.image} share an identity", hint=f"all logs are in {bench.logs}")
    return 0

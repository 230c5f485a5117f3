"""One station of several: takes every row that it can get, and prints the codes.

It waits for a line before its first row, and for another one before its second.

python -m tests.integration.ledger.station URL SITES NAME
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from builder.flash.naming import NobodyLeft, namer_for
from builder.ledger.ledger import Writer, open_ledger


def main() -> None:
    """Take rows until none is left."""
    url, sites, name = sys.argv[1:]
    namer = namer_for(Path(sites), image="kolibri-pc", room_bytes=64 * 1024)
    with open_ledger(url, Writer(station=name, operator="a test")) as ledger:
        print("ready", flush=True)
        sys.stdin.readline()
        for number in count(1):
            try:
                given = namer.give(ledger, f"{name}-{number}", slot="", serial="")
            except NobodyLeft:
                return
            print(given.code, flush=True)
            if number == 1:
                sys.stdin.readline()


if __name__ == "__main__":
    main()

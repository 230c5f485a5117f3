"""The options that benchmarks share."""

from __future__ import annotations

import argparse
from pathlib import Path

from builder.host.places import cache_directory


class Options(argparse.ArgumentParser):
    """Reads how often something is measured, and where; a benchmark adds its own."""

    def __init__(self, about: str | None, *, rounds: int, room: str = "bench") -> None:
        super().__init__(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        median = f"how often each; the median counts ({rounds})"
        self.add_argument("--rounds", type=int, default=rounds, metavar="N", help=median)
        where = "where the work is done (%(default)s)"
        self.add_argument("--room", type=Path, default=cache_directory() / room, metavar="DIR", help=where)

    def read(self) -> argparse.Namespace:
        """The options of this run, whose `room` is absolute; what makes no sense ends the program."""
        options = self.parse_args()
        options.room = options.room.absolute()
        if options.rounds < 1:
            self.error("--rounds must be at least 1")
        return options

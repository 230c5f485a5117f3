"""The door of the command `satchel`: the only place that turns errors into exit codes and handles signals."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

from builder.cli import parse
from builder.errors import EXIT_BUG, EXIT_INTERRUPTED, SatchelError


class _Stopped(BaseException):
    """A signal asked us to stop; unwinding cleans up."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Only once: a second signal must not interrupt the cleaning up.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise _Stopped


def _show_programs() -> None:
    """Show every program that is started."""
    handler = logging.StreamHandler(sys.stderr)
    logger = logging.getLogger("builder")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; what is no `SatchelError` is our bug and shows its traceback."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        if arguments.verbose:
            _show_programs()
        status: int = arguments.run(arguments)
        return status
    except SatchelError as error:
        print(f"satchel: {error}" if "\n" not in error.message else str(error), file=sys.stderr)
        return error.exit_code
    except _Stopped:
        print("satchel: interrupted; what was finished is kept", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output went away, as `head` does; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERRUPTED
    except Exception:
        traceback.print_exc()
        print("satchel: this is a bug in Satchel; please report it with the lines above", file=sys.stderr)
        return EXIT_BUG


def entry() -> None:
    """The console script."""
    sys.exit(main())


if __name__ == "__main__":
    entry()

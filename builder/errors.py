"""Every failure Satchel can explain, as one exception tree.

Each class owns the exit code of its kind of failure, takes facts and builds its own sentence. Anything that is not a
`SatchelError` is a bug in Satchel: `__main__` shows its traceback and exits with 70.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

EXIT_USAGE = 64
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class SatchelError(Exception):
    """A failure with a message (what happened), details (the evidence) and a hint (what to do)."""

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "`diff` found differences, or any other failure that Satchel can explain"

    def __init__(self, message: str, *, details: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.hint = hint

    def __str__(self) -> str:
        """The text a person reads: the message, indented evidence, then the advice."""
        lines = [self.message]
        if self.details:
            lines += [f"  {line}" for line in self.details.rstrip().splitlines()]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing wrong with a recipe or a site list, at the place that a person has to edit."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        subject = f"{self.path}: " if self.path else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{where}: {subject}{self.message}{hint}"


class RecipeError(SatchelError):
    """The recipe is wrong. Holds every problem found, in reading order."""

    exit_code = 2
    meaning = "the recipe has problems (all of them are listed)"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(_listed(self.problems))


def _listed(problems: Sequence[Problem]) -> str:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join([*map(str, problems), f"{count} found"])


class PlanError(SatchelError):
    """The recipe is well formed but cannot be carried out, for example because something does not fit."""

    exit_code = 3
    meaning = "the plan cannot be carried out (something does not fit or is missing)"


class HostError(SatchelError):
    """This machine lacks something a build needs."""

    exit_code = 4
    meaning = "this machine lacks something (run `satchel doctor`)"


class MissingTool(HostError):
    """A program that the host itself must have is not there."""

    def __init__(self, tool: str, *, why: str, package: str) -> None:
        super().__init__(f"{tool} is not installed; it is needed {why}", hint=f"install the package {package}")


class CommandFailed(SatchelError):
    """A program that we started ended badly."""

    exit_code = 5
    meaning = "a program that Satchel started failed"

    def __init__(self, argv: Sequence[str], *, why: str, status: int, tail: str, log: Path | None = None) -> None:
        self.status = status
        self.tail = tail
        ended = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
        super().__init__(
            f"{why}: {argv[0]} {ended}",
            details=f"+ {shlex.join(argv)}\n{tail}".rstrip(),
            hint=f"its whole output is in {log}" if log else None,
        )


class UsageError(SatchelError):
    """Options that do not go together."""

    exit_code = EXIT_USAGE
    meaning = "wrong options"


class BuildFailed(SatchelError):
    """A step of a build could not be finished or its result is not what it must be."""

    exit_code = 6
    meaning = "a build step failed or its result is wrong"


class VerifyFailed(SatchelError):
    """An image is not what its recipe and lock make."""

    exit_code = 7
    meaning = "an image is not what its recipe and lock make"


class BootTestFailed(SatchelError):
    """An image did not prove in a virtual machine what its recipe claims."""

    exit_code = 8
    meaning = "the boot test did not get its proof"


class AuditFailed(SatchelError):
    """An image carries something that must never be inside an image."""

    exit_code = 9
    meaning = "the audit found something that must not be in an image"


class ArtifactError(SatchelError):
    """A file that should be one of our artifacts is missing, damaged or of another kind."""

    exit_code = 10
    meaning = "an image or manifest cannot be read"


class SitesError(SatchelError):
    """A site list is wrong, or a device cannot be told what it says. Holds every problem found, in reading order."""

    exit_code = 11
    meaning = "a site list or seed has problems (all of them are listed)"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(_listed(self.problems))


class FlashFailed(SatchelError):
    """Cards of a batch are not what they should be; all of them are named."""

    exit_code = 12
    meaning = "cards are not done (all of them are named)"


class FlashRefused(SatchelError):
    """A disk must not be written to; nothing was."""

    exit_code = 13
    meaning = "a disk must not be written to, or was not confirmed; nothing was written"


class LedgerError(SatchelError):
    """The ledger cannot be read or written, or is not whole."""

    exit_code = 14
    meaning = "the ledger cannot be used, or was changed"

    @classmethod
    def of(cls, error: Exception, message: str) -> LedgerError:
        """From what the database said, without the statement that it said it about."""
        first, _, rest = str(getattr(error, "orig", None) or error).strip().partition("\n")
        return cls(f"{message}: {first or 'no reason given'}", details=rest or None)


class MasterError(SatchelError):
    """A used Kolibri home is not what it should be, is in use, or was not given up."""

    exit_code = 16
    meaning = "a master is in use, unfit or was not confirmed; it is not sealed"


def exit_codes() -> dict[int, str]:
    """Every exit code with its meaning, taken from the classes that own them."""
    classes: list[type[SatchelError]] = [SatchelError, *SatchelError.__subclasses__()]
    owned = {cls.exit_code: cls.meaning for cls in reversed(classes)}
    others = {0: "success", EXIT_BUG: "a bug in Satchel", EXIT_INTERRUPTED: "interrupted"}
    return dict(sorted({**owned, **others}.items()))

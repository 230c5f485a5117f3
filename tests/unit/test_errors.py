from pathlib import Path

import pytest

from builder.errors import (
    ArtifactError,
    AuditFailed,
    BootTestFailed,
    BuildFailed,
    CommandFailed,
    HostError,
    MissingTool,
    PlanError,
    Problem,
    RecipeError,
    SatchelError,
    exit_codes,
)

PROBLEM = Problem(file="a.yml", line=3, column=5, path="disk.size", message="is not a size", hint="write 3GiB")


@pytest.mark.parametrize(
    ("error", "text", "code"),
    [
        (PlanError("too large", details="1\n2", hint="shrink"), "too large\n  1\n  2\nhint: shrink", 3),
        (HostError("no namespace"), "no namespace", 4),
        (
            MissingTool("bwrap", why="to build", package="bubblewrap"),
            "bwrap is not installed; it is needed to build\nhint: install the package bubblewrap",
            4,
        ),
        (
            CommandFailed(["mkfs", "a b"], why="make it", status=2, tail="bad", log=Path("build.log")),
            "make it: mkfs exited with status 2\n  + mkfs 'a b'\n  bad\nhint: its whole output is in build.log",
            5,
        ),
        (CommandFailed(["x"], why="do", status=-9, tail=""), "do: x was killed by signal 9\n  + x", 5),
        (BuildFailed("wrong"), "wrong", 6),
        (BootTestFailed("silent"), "silent", 8),
        (AuditFailed("key found"), "key found", 9),
        (ArtifactError("no image"), "no image", 10),
        (
            RecipeError([PROBLEM]),
            "a.yml:3:5: disk.size: is not a size\n    hint: write 3GiB\n1 problem found",
            2,
        ),
    ],
)
def test_every_error_renders_and_owns_its_code(error: SatchelError, text: str, code: int) -> None:
    assert str(error) == text
    assert error.exit_code == code
    assert code in exit_codes()


def test_two_problems_are_counted() -> None:
    assert str(RecipeError([PROBLEM, PROBLEM])).endswith("2 problems found")

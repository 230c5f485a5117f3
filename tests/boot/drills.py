"""A drill: what a machine does once, by itself, and tells on its console. A check of its recipe begins it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from tests.boot.machines import console

END: Final = "seen end: ."
"""The last words of a drill."""
_ONCE: Final = "/srv/data/drilled"
_BEFORE: Final = f'touch {_ONCE}\nseen() {{ echo "seen $1: $(echo $2)"; }}\n'


def begins(script: Path, *arguments: str) -> dict[str, Any]:
    """The check of a recipe that begins a drill, and does not wait for it: it may take longer than a check may.

    Args:
        script: For bash and root. What it tells it says by `seen NAME TEXT`, in a line.
        arguments: What the script gets as $1 and so on.
    """
    begin = ("systemd-run", "--expand-environment=no", "--description=A drill")
    properties = ("--property=StandardOutput=journal+console", f"--property=ConditionPathExists=!{_ONCE}")
    text = f"{_BEFORE}{script.read_text()}\nseen end .\n"
    run = [*begin, *properties, "bash", "-c", text, "drill", *arguments]
    return {"name": "the drill begins", "command": {"run": run}}


def told(directory: Path, name: str) -> dict[str, str]:
    """What a machine has told, by name; of two with one name the later."""
    return dict(re.findall(r"seen (\w+): ?(.*)", console(directory, name)))

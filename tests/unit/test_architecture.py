"""The house as docs/architecture.md draws it: who may import whom, and which library lives behind which door."""

import ast
from pathlib import Path

import pytest

import builder

ROOT = Path(builder.__file__).parent

MAY_IMPORT = {
    "recipe": {"errors", "units", "templates"},
    "plan": {"errors", "units", "recipe"},
    "host": {"errors", "units", "progress", "plan"},
    "kolibri": {"errors", "units", "progress", "recipe"},
    "content": {
        "errors",
        "units",
        "compare",
        "disk",
        "host",
        "kolibri",
        "members",
        "plan",
        "progress",
        "recipe",
        "web",
    },
    "oci": {"errors", "members", "web"},
    "lock": {"errors", "units", "content", "host", "kolibri", "oci", "plan", "progress", "recipe"},
    "layers": {
        "errors",
        "content",
        "host",
        "kolibri",
        "lock",
        "oci",
        "plan",
        "progress",
        "recipe",
        "templates",
        "together",
    },
    "disk": {"errors", "units", "host", "plan", "progress", "recipe"},
    "audit": {"errors", "units", "disk", "host", "kolibri", "plan", "progress", "recipe"},
    "boot": {"errors", "units", "disk", "host", "progress", "recipe", "templates"},
    "compare": {"errors", "units", "disk", "manifest", "progress", "recipe"},
    "identity": {
        "errors",
        "units",
        "compare",
        "disk",
        "host",
        "kolibri",
        "manifest",
        "progress",
        "recipe",
        "templates",
    },
    "ledger": {"errors", "units", "templates"},
    "flash": {
        "errors",
        "units",
        "checksums",
        "disk",
        "host",
        "identity",
        "ledger",
        "manifest",
        "progress",
        "recipe",
        "signing",
    },
    "report": {"errors", "units", "templates", "disk", "lock", "plan", "recipe", "manifest"},
}
"""Rooms that each room may use besides itself."""

WIRING = {"verbs"}
"""Rooms that may use all others."""

ONE_DOOR = {
    "sh": "host/command.py",
    "parted": "disk/read.py",
    "tqdm": "progress.py",
    "shtab": "verbs/knowing.py",
    "cyclonedx": "sbom.py",
    "debian": "host/repository.py",
    "pycdlib": "identity/iso.py",
    "sqlalchemy": "ledger/ledger.py",
    "urllib3": "web.py",
}
"""Libraries with rough edges, and the one file that knows each."""

STARTS_PROGRAMS = ("host/", "boot/process.py")
"""Where other programs may be started."""

PURE = (
    *("plan", "units.py", "errors.py", "disk/partuuid.py", "recipe/model.py", "recipe/software.py", "recipe/disk.py"),
    *("recipe/content.py", "recipe/shapes.py", "recipe/waiver.py", "recipe/semantics.py", "recipe/semantics_disk.py"),
    *("recipe/semantics_processor.py", "recipe/semantics_access_point.py", "recipe/access_point.py"),
    *("disk/hybrid.py", "disk/raspberry_pi.py"),
    *("ledger/chain.py", "ledger/history.py", "ledger/export.py"),
    *("flash/gpt.py", "flash/overlay.py", "flash/chunk.py", "flash/choosing.py", "flash/keeping.py"),
)
"""No files, processes, clock, random numbers or environment."""

IMPURE = {"os", "subprocess", "socket", "time", "random", "secrets", "tempfile", "shutil", "datetime", "sqlite3"}

LONGEST = 500
"""Lines of a module; a longer one is two."""

MODULES = sorted(path for path in ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Full names of everything that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_keeps_to_its_room(path: Path) -> None:
    room = room_of(path)
    used = {name.split(".")[1] for name in imports(path) if name.startswith("builder.")}
    if room in MAY_IMPORT:
        assert used - MAY_IMPORT[room] - {room} == set()
    relative = path.relative_to(ROOT).as_posix()
    libraries = {name.split(".")[0] for name in imports(path)}
    assert {library for library in libraries & set(ONE_DOOR) if ONE_DOOR[library] != relative} == set()
    if not relative.startswith(STARTS_PROGRAMS):
        assert "subprocess" not in libraries
        assert "os.spawn" not in path.read_text()
    if relative.startswith(PURE):
        assert libraries & IMPURE == set()
    assert len(path.read_text().splitlines()) <= LONGEST


def test_every_door_exists() -> None:
    for library, door in ONE_DOOR.items():
        assert any(name.split(".")[0] == library for name in imports(ROOT / door))


def test_rooms_of_the_table_exist() -> None:
    assert {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(
        MAY_IMPORT
    ) | WIRING

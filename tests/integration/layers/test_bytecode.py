"""Programs of the device are compiled in the image, because each start would do it anew. One that is mended counts."""

from pathlib import Path

import pytest

from builder.host.sandbox import Sandbox
from tests.integration.default_tree import default_tree

START = """
import sys
from importlib.machinery import SourceFileLoader

def compiling(self, data, path, **options):
    print(path)
    return original(self, data, path, **options)

original, SourceFileLoader.source_to_code = SourceFileLoader.source_to_code, compiling
sys.path.insert(0, "/usr/lib/satchel")
import agent.__main__, checks.run, clones.command, clones.watch, device.watch_login, firstboot.__main__
"""


def compiled_by_a_start(tree: Path) -> list[str]:
    """Which modules Python compiles when the device's programs start."""
    return Sandbox(root=tree).run(("/usr/bin/python3", "-BIc", START), why="start programs").splitlines()


@pytest.mark.in_namespace
@pytest.mark.usefixtures("default_image")
def test_a_start_compiles_only_what_was_mended() -> None:
    with default_tree() as (_, tree):
        assert compiled_by_a_start(tree) == []
        mended = tree / "usr/lib/satchel/device/paths.py"
        mended.write_text(f"{mended.read_text()}\n# Mended.\n")
        assert compiled_by_a_start(tree) == ["/usr/lib/satchel/device/paths.py"]

"""Programs for another processor: who may run them, and who is told of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from builder.errors import HostError
from builder.host import emulation
from builder.host.command import run
from builder.host.emulation import program
from builder.host.places import REPOSITORY

X86_64 = 62
EXIT_43 = bytes.fromhex("bf2b000000 b83c000000 0f05")
"""mov edi, 43; mov eax, 60; syscall"""

INSIDE = """
from pathlib import Path
from builder.host.command import run
from builder.host.emulation import emulate, possible
from builder.host.namespace import enter
enter()
from tests.integration.workshop import emulators
tools = emulators()
emulate("arm64", tools)
emulate("arm64", tools)
run((PROOF,), why="run a program for another processor", accept=(43,))
print(possible("arm64"))
"""


def _placed(directory: Path, machine: int, code: bytes) -> str:
    path = directory / f"proof-{machine}"
    path.write_bytes(program(machine, code))
    path.chmod(0o755)
    return str(path)


def test_the_program_that_proves_emulation_is_one_that_linux_runs(tmp_path: Path) -> None:
    run((_placed(tmp_path, X86_64, EXIT_43),), why="run our own processor's", accept=(43,))


def test_a_namespace_runs_them_and_the_host_knows_nothing_of_it(tmp_path: Path) -> None:
    foreign = emulation._KNOWN["arm64"]
    proof = _placed(tmp_path, foreign.machine, foreign.proof)
    code = INSIDE.replace("PROOF", repr(proof))
    done = subprocess.run((sys.executable, "-c", code), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists():
        pytest.skip("this host was told of them before")
    with pytest.raises(HostError, match="cannot be started"):
        run((proof,), why="try it outside")

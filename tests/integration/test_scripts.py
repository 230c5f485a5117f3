"""The scripts that people run besides the command."""

import subprocess

from builder.host.places import REPOSITORY

SHELL = ("scripts/bootstrap", "scripts/lock-requirements", "scripts/bench/mkosi-project/mkosi.postinst", ".ci/run")


def test_shell_scripts_are_clean() -> None:
    done = subprocess.run(("shellcheck", *SHELL), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_bootstrap_refuses_what_it_does_not_know() -> None:
    done = subprocess.run(("scripts/bootstrap", "--fly"), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "scripts/bootstrap --check" in done.stderr


def test_bootstrap_finds_this_machine_ready() -> None:
    done = subprocess.run(("scripts/bootstrap", "--check"), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

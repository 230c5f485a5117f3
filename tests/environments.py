"""Virtual environments of tests: made once from pinned requirements, and kept beside Satchel's own cache."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from builder.host.places import cache_directory


def environment(name: str, requirements: Path, *options: str) -> Path:
    """The environment, made if there is none yet of these requirements and this Python; `options` are pip's."""
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    venv = cache_directory() / name / key
    venv.parent.mkdir(parents=True, exist_ok=True)
    with venv.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = venv / "complete"
        if not done.exists():
            shutil.rmtree(venv, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            pip = (venv / "bin/pip", "install", "--quiet", "--require-hashes", *options, "--requirement", requirements)
            subprocess.run(pip, check=True)
            done.touch()
    return venv

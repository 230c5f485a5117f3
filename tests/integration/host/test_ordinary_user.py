"""The README's first command as somebody who is not root, with an empty home and an empty cache."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.host.places import REPOSITORY

USER = "satchel-test"
HOME = Path("/home") / USER


@pytest.fixture
def ordinary_user() -> Iterator[str]:
    if os.geteuid() != 0:
        pytest.skip("the whole suite runs as an ordinary user already")
    subprocess.run(["userdel", "--remove", USER], check=False, capture_output=True)
    subprocess.run(["useradd", "--create-home", "--home-dir", HOME, USER], check=True)
    yield USER
    subprocess.run(["userdel", "--remove", USER], check=True, capture_output=True)
    shutil.rmtree(HOME, ignore_errors=True)


def test_make_image_needs_no_root(ordinary_user: str) -> None:
    checkout = HOME / "satchel"
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={REPOSITORY}", "ls-files", "-z"],
        cwd=REPOSITORY, check=True, capture_output=True,
    ).stdout  # fmt: skip
    for name in listed.decode().split("\0")[:-1]:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, checkout / name)
    subprocess.run(["chown", "-R", f"{USER}:", checkout], check=True)

    # The path of a login shell, so that the system's own Python is found and not one in another user's home.
    path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "make", "image"]
    env = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT_", "http"))}
    done = subprocess.run(
        command, cwd=checkout, env={**env, "PATH": path, "HOME": str(HOME)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    dist = checkout / "dist" / "kolibri-pc"
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=dist, check=True)
    foreign = [str(path) for path in checkout.rglob("*") if path.lstat().st_uid != dist.stat().st_uid]
    assert foreign == []
    assert [str(path) for path in HOME.rglob("*") if path.lstat().st_uid == 0] == [], "nothing of root's is left"

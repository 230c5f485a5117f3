"""The same lock makes the same bytes: built again from a bundle by somebody else, who has no network and is not root.

What differs from the first build, at once: user and owner of everything, home, path of the checkout and of the cache,
an empty cache, umask, locale, time zone, host name, the clock (it is later), the number of processors, and that there
is no network interface at all.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from builder.host.places import REPOSITORY

USER = "satchel-test"
HOME = Path("/home") / USER

# The path of a login shell, so that the system's own Python is found and not one in another user's home.
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@pytest.fixture
def ordinary_user() -> Iterator[str]:
    if os.geteuid() != 0:
        pytest.skip("the whole suite runs as an ordinary user already")
    subprocess.run(["userdel", "--remove", USER], check=False, capture_output=True)
    subprocess.run(["useradd", "--create-home", "--home-dir", HOME, USER], check=True)
    yield USER
    subprocess.run(["userdel", "--remove", USER], check=True, capture_output=True)
    shutil.rmtree(HOME, ignore_errors=True)


def run(directory: Path, *command: str, env: Mapping[str, str] = os.environ, accept: Sequence[int] = (0,)) -> str:
    done = subprocess.run(command, cwd=directory, env=dict(env), capture_output=True, text=True, check=False)
    assert done.returncode in accept, done.stdout + done.stderr
    return done.stdout


def test_the_same_bytes_elsewhere(default_image: Path, ordinary_user: str) -> None:
    checkout, bundle = HOME / "elsewhere" / "satchel", HOME / "kolibri-pc.tar"
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={REPOSITORY}", "ls-files", "-z"],
        cwd=REPOSITORY, check=True, capture_output=True,
    ).stdout  # fmt: skip
    for name in listed.decode().split("\0")[:-1]:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, checkout / name)
    run(REPOSITORY, sys.executable, "-m", "builder", "bundle", "kolibri-pc", str(bundle))
    subprocess.run(["chown", "-R", f"{USER}:", HOME], check=True)

    as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
    settings = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT_", "http"))}
    run(checkout, *as_user, "make", "setup", env={**settings, "PATH": PATH, "HOME": str(HOME)})

    build = f".venv/bin/satchel build --bundle {bundle} --offline --progress plain"
    inside = f"umask 077; exec taskset --cpu-list 0 {build}"
    alone = ["unshare", "--net", "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"]
    env = {"PATH": PATH, "HOME": str(HOME), "TZ": "Pacific/Auckland", "LC_ALL": "C", "LANGUAGE": "fr"}
    run(checkout, *alone, *as_user, "sh", "-c", inside, env=env)

    dist = checkout / "dist" / "kolibri-pc"
    if (dist / "SHA256SUMS").read_text() != (default_image.parent / "SHA256SUMS").read_text():
        images = (str(default_image), str(dist / "kolibri-pc.img"))
        pytest.fail(run(REPOSITORY, sys.executable, "-m", "builder", "diff", *images, accept=(0, 1)))
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=dist, check=True)

    foreign = [str(path) for path in checkout.rglob("*") if path.lstat().st_uid != dist.stat().st_uid]
    assert foreign == []
    assert [str(path) for path in HOME.rglob("*") if path.lstat().st_uid == 0] == [], "nothing of root's is left"

"""In a namespace of ours an ordinary user is root; some programs must see him as himself."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess

from builder.host.places import REPOSITORY

_CODE = f"""
import os, sys
sys.path.insert(0, {str(REPOSITORY)!r})
os.environ["SATCHEL_NAMESPACE"] = str(os.stat("/proc/self/ns/user").st_ino)
from builder.host.namespace import as_oneself
argv = as_oneself(("id", "-u"))
print(os.getuid(), flush=True)
os.execvp(argv[0], argv)
"""


def test_a_program_finds_the_home_of_the_user_and_not_of_root() -> None:
    user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
    become = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups") if os.getuid() == 0 else ()
    # One that any user may run.
    python = shutil.which("python3", path="/usr/bin")
    assert python
    command = (*become, "unshare", "--user", "--map-root-user", python, "-c", _CODE)
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["0", str(user)], "")

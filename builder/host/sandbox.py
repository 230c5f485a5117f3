"""Run programs inside a tree, as its root directory, seeing nothing of the host but what is handed to them.

Bubblewrap does the work; it must be started inside the build's own namespace (see `namespace`), where it is root and
can therefore keep all owners. Programs get a fresh /dev, /proc, /tmp and /run, no network unless it is asked for, the
same host name and environment on every machine, and die with their parent.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from builder.host.command import run
from builder.host.network import proxy_environment

_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PERL_HASH_SEED": "0",
}
"""What every program inside sees. The seeds give sets and hashes one order, because some programs write them out."""

_HOST_NAME: Final = "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One thing placed into a sandbox: a host's path at `target`, or an empty directory when there is no source."""

    target: str
    source: Path | None = None
    writable: bool = False
    device: bool = False

    def argv(self) -> tuple[str, ...]:
        """The bubblewrap options."""
        if self.source is None:
            return (*self._parents(), "--tmpfs", self.target)
        kind = "--dev-bind" if self.device else "--bind" if self.writable else "--ro-bind"
        return (*self._parents(), kind, os.fspath(self.source), self.target)

    def _parents(self) -> tuple[str, ...]:
        """Parents that do not exist must be made by us: bubblewrap would close them to everybody but root."""
        parents = [os.fspath(parent) for parent in PurePosixPath(self.target).parents][-3::-1]
        return tuple(option for parent in parents for option in ("--perms", "0755", "--dir", parent))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A tree to run programs in, and what they may see besides it."""

    root: Path
    writable: bool = False
    mounts: tuple[Mount, ...] = ()
    network: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for everything that is run, besides those that every sandbox has."""

    def argv(self, command: Sequence[str], *, env: Mapping[str, str] | None = None, user: str = "") -> tuple[str, ...]:
        """The whole command line that runs `command` inside, as `user` of the tree when one is named."""
        proxies = proxy_environment() if self.network else {}
        environment = {**_ENVIRONMENT, **proxies, **self.environment, **(env or {})}
        options: list[str] = ["--clearenv"]
        for name, value in sorted(environment.items()):
            options += ["--setenv", name, value]
        options += ["--bind" if self.writable else "--ro-bind", os.fspath(self.root), "/"]
        options += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run"]
        options += ["--chmod", "1777", "/tmp"]
        if self.network:
            options += _resolver(self.root)
        for mount in self.mounts:
            options += mount.argv()
        options += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", _HOST_NAME]
        options += ["--die-with-parent", "--chdir", "/"]
        if not self.network:
            options.append("--unshare-net")
        as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--") if user else ()
        return ("bwrap", *options, "--", *as_user, *command)

    def run(
        self,
        command: Sequence[str],
        *,
        why: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        user: str = "",
        accept: Sequence[int] = (0,),
        on_line: Callable[[str], None] | None = None,
    ) -> str:
        """Run `command` inside to its end and return its standard output; see `command.run`."""
        argv = self.argv(command, env=env, user=user)
        return run(argv, why=why, stdin=stdin, accept=accept, on_line=on_line, shown=command)

    def interact(self, command: Sequence[str]) -> int:
        """Run `command` inside with the caller's own terminal, and return its exit status."""
        terminal = {"TERM": os.environ.get("TERM", "linux")}
        return os.spawnvp(os.P_WAIT, "bwrap", self.argv(command, env=terminal))


def _resolver(root: Path) -> list[str]:
    """Options that let programs in `root` look up names as the host does.

    A tree with systemd-resolved has a link into /run there, which is empty inside; a plain file is covered.
    """
    theirs = root / "etc/resolv.conf"
    host = os.path.realpath("/etc/resolv.conf")
    if theirs.is_symlink():
        target = os.path.normpath(Path("/etc") / theirs.readlink())
        return ["--ro-bind", host, target] if target.startswith("/run/") else []
    return ["--ro-bind", host, "/etc/resolv.conf"] if theirs.exists() else []

"""Become root of a small world of our own.

A build needs several owners in one tree (root, `kolibri`, `_apt` ...), overlay mounts and `chroot`, and must leave
nothing behind when it is killed. A user namespace with a range of ids gives the first, its own mount and process
namespaces the last: when the process that entered dies, by whatever signal, the kernel ends every process and every
mount inside.

The range is the one in /etc/subuid for an ordinary user (mapped by the setuid helpers newuidmap and newgidmap), and the
first 65,536 ids as they are for root, which also works where root itself lives in a container.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from builder.errors import HostError, MissingTool
from builder.host.command import run

IDS: Final = 65_536
"""Ids that Debian expects to exist: 0 to 65535 (`nobody` is 65534)."""

_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWPID = 0x2000_0000
_PR_SET_PDEATHSIG = 1
_MS_REC_PRIVATE = 0x4000 | 0x40000

_RELAYED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_libc = ctypes.CDLL(None, use_errno=True)


def _call(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def subordinate_range(table: Path, *, user: str, uid: int) -> tuple[int, int] | None:
    """First id and count of a user's line in /etc/subuid or /etc/subgid that is large enough; none without one."""
    lines = table.read_text().splitlines() if table.exists() else []
    for line in lines:
        name, _, numbers = line.partition(":")
        first, _, count = numbers.partition(":")
        if name in {user, str(uid)} and count.isdigit() and int(count) >= IDS - 1:
            return int(first), int(count)
    return None


def _map_ids(child: int) -> None:
    if os.geteuid() == 0:
        try:
            for kind in ("uid", "gid"):
                Path(f"/proc/{child}/{kind}_map").write_text(f"0 0 {IDS}\n")
        except OSError as error:
            raise HostError(
                f"root may not map {IDS:,} ids here: {error}",
                hint="a container needs a range of at least 65,536 ids and the capability SETUID",
            ) from error
        return
    user = pwd.getpwuid(os.getuid()).pw_name
    for kind, own in (("uid", os.getuid()), ("gid", os.getgid())):
        helper, table = f"new{kind}map", Path(f"/etc/sub{kind}")
        if shutil.which(helper) is None:
            raise MissingTool(helper, why="to give an ordinary user a range of ids", package="uidmap")
        found = subordinate_range(table, user=user, uid=os.getuid())
        if found is None:
            raise HostError(
                f"{user} has no range of {IDS - 1:,} ids in {table}, so a tree with several owners cannot be made",
                hint=f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
            )
        argv = (helper, str(child), "0", str(own), "1", "1", str(found[0]), str(IDS - 1))
        run(argv, why=f"map {kind}s for the build")


def _relay_signals_to(child: int) -> None:
    def relay(number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    for number in _RELAYED:
        signal.signal(number, relay)


def _wait_and_exit(child: int) -> NoReturn:
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(128 - code if code < 0 else code)


def _die_with_parent() -> None:
    _call(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def inside() -> bool:
    """Whether this process has already entered."""
    return os.environ.get("SATCHEL_NAMESPACE") == str(Path("/proc/self/ns/user").stat().st_ino)


def as_oneself(argv: Sequence[str]) -> tuple[str, ...]:
    """The program and its arguments, for programs that look up the home of their user id, as ssh does.

    In here that id is 0, so that they would look for keys and settings in the home of root. They get a namespace of
    their own, in which the user has his own id again.
    """
    inside_id, outside_id, _ = Path("/proc/self/uid_map").read_text().split("\n", 1)[0].split()
    if not inside() or os.getuid() != int(inside_id) or inside_id == outside_id:
        return tuple(argv)
    return ("unshare", "--user", f"--map-user={outside_id}", f"--map-group={outside_id}", "--", *argv)


def enter() -> None:
    """Go on as root of new user, mount and process namespaces.

    The calling process stays outside as a supervisor that passes on signals and the exit status; only its grandchild,
    process 1 of the new world, returns from this function. Call it early: threads do not survive it.

    Raises:
        HostError: the kernel or the host's configuration does not allow it; the hint says what to change.
    """
    if inside():
        return
    sys.stdout.flush()
    sys.stderr.flush()
    ready, mapped = os.pipe(), os.pipe()
    middle = os.fork()
    if middle:
        os.close(ready[1])
        os.close(mapped[0])
        _supervise(middle, ready=ready[0], mapped=mapped[1])
    os.close(ready[0])
    os.close(mapped[1])
    _separate(ready=ready[1], mapped=mapped[0])
    first = os.fork()
    if first:
        _relay_signals_to(first)
        _wait_and_exit(first)
    _arrange()


def _supervise(middle: int, *, ready: int, mapped: int) -> NoReturn:
    """Outside: map ids when the child has its namespaces, then wait for its end."""
    with os.fdopen(ready) as message:
        refusal = message.read()
    if refusal:
        os.waitpid(middle, 0)
        raise HostError(f"this host does not let us make a user namespace: {refusal}", hint=_namespace_advice())
    try:
        _map_ids(middle)
    except BaseException:
        os.kill(middle, signal.SIGKILL)
        os.waitpid(middle, 0)
        raise
    _relay_signals_to(middle)
    os.write(mapped, b"x")
    _wait_and_exit(middle)


def _separate(*, ready: int, mapped: int) -> None:
    """Between: make the namespaces, have the ids mapped from outside, become root."""
    _die_with_parent()
    try:
        _call(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID), "unshare")
    except OSError as error:
        os.write(ready, str(error).encode())
        os._exit(1)
    os.close(ready)
    if os.read(mapped, 1) != b"x":
        os._exit(1)
    os.close(mapped)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # Changing ids cleared the death signal; without it a SIGKILL of the supervisor would leave us running.
    _die_with_parent()


def _arrange() -> None:
    """Inside, as process 1: mounts and signals of our own."""
    _die_with_parent()
    try:
        _call(_libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None), "make mounts private")
        _call(_libc.mount(b"proc", b"/proc", b"proc", 0, None), "mount /proc")
    except OSError as error:
        # The kernel allows a new /proc only to those who already see all of the old one; containers mask parts of it.
        raise HostError(
            f"this host does not let us arrange our own world: {error}",
            hint="in a container, unmask /proc: podman --security-opt unmask=ALL, "
            "docker --security-opt systempaths=unconfined",
        ) from error
    for number in _RELAYED:
        # For process 1 the kernel drops every signal that has no handler.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda received, _frame: os._exit(128 + received))
    os.umask(0o022)
    os.environ["SATCHEL_NAMESPACE"] = str(Path("/proc/self/ns/user").stat().st_ino)


def _namespace_advice() -> str:
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if restricted.exists() and restricted.read_text().strip() == "1":
        return "AppArmor forbids it: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    return "in a container, allow it with `--security-opt seccomp=unconfined`; on a host, see user.max_user_namespaces"


@contextmanager
def overlay_mounted(layers: tuple[Path, ...], *, upper: Path, work: Path, target: Path) -> Iterator[Path]:
    """Mount `layers` (the lowest first) below a writable `upper` at `target`, until the block ends.

    Raises:
        HostError: the file system that holds the cache cannot carry an overlay (one that is an overlay itself).
    """
    for directory in (upper, work, target):
        directory.mkdir(parents=True, exist_ok=True)
    lower = ":".join(os.fspath(layer) for layer in reversed(layers))
    # userxattr: opaque marks as user.* attributes, the only kind a user namespace may write.
    # volatile: programs inside wait for no disk; what is kept is written out once, when it is whole (`Store.make`).
    options = f"lowerdir={lower},upperdir={upper},workdir={work},userxattr,volatile"
    try:
        _call(_libc.mount(b"overlay", os.fsencode(target), b"overlay", 0, options.encode()), "mount overlay")
    except OSError as error:
        raise HostError(
            f"cannot stack layers at {target.parent}: {error}",
            hint="set SATCHEL_CACHE to a directory on ext4, btrfs or xfs",
        ) from error
    try:
        yield target
    finally:
        _call(_libc.umount2(os.fsencode(target), 2), "unmount overlay")


@contextmanager
def tree_mounted(below: tuple[Path, ...], directory: Path) -> Iterator[Path]:
    """The stacked layers as one writable tree; what is changed lands in `directory/tree`.

    Without a layer below, too: only in an overlay do programs not wait for the disk.
    """
    nothing, work, merged = directory / "nothing", directory / "work", directory / "merged"
    nothing.mkdir()
    with overlay_mounted(below or (nothing,), upper=directory / "tree", work=work, target=merged):
        yield merged
    shutil.rmtree(work)
    merged.rmdir()
    nothing.rmdir()

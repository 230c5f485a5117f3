"""A running QEMU: started in the lab's sandbox, spoken to over socket pairs, gone when the block ends.

Socket pairs have no name that could be too long, be taken, or stay behind, and they close when either side dies.
Bubblewrap ends QEMU when the thread that started it ends, so a machine must live and die in one thread.
"""

from __future__ import annotations

import select
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from builder.boot.console import tail
from builder.boot.qmp import Closed, Control, Lines
from builder.errors import CommandFailed
from builder.host.sandbox import Sandbox

POLL_S: Final = 0.25
_GRACE_S: Final = 10

CommandLine = Callable[[int, int], tuple[str, ...]]
"""QEMU's command line, given the descriptors for QMP and for the agent's port."""


class Qemu:
    """A running virtual machine."""

    def __init__(
        self, process: subprocess.Popen[bytes], control: Control, agent: Lines, *, console: Path | None, errors: Path
    ) -> None:
        self.control = control
        self.agent = agent
        self.answers: deque[bytes] = deque()
        self._process = process
        self._console = console
        self._errors = errors
        self._open: list[Lines] = [control.lines, agent]

    def console(self) -> str:
        """Everything that the serial console showed, if it is kept."""
        return "" if self._console is None else self._console.read_text(errors="replace")

    def errors(self) -> str:
        """What QEMU itself complained about."""
        return self._errors.read_text(errors="replace")

    def exited(self) -> bool:
        """Whether QEMU has ended."""
        return self._process.poll() is not None

    def status(self, within: float) -> int | None:
        """QEMU's exit status, or none if it has not ended within some seconds."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            return None

    def listen(self, seconds: float = POLL_S) -> None:
        """Take in events and answers, for at most some seconds; sooner when something came."""
        if not self._open:
            self.status(seconds)
            return
        readable, _, _ = select.select(self._open, [], [], seconds)
        for lines in readable:
            try:
                if lines is self.agent:
                    self.answers.extend(self.agent.read())
                else:
                    self.control.receive()
            except Closed:
                self._open.remove(lines)

    def write_console(self, text: str) -> None:
        """Type on the serial console, which must not belong to a person's terminal."""
        if self._process.stdin is not None:
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()

    def drain(self, seconds: float) -> None:
        """Let the guest talk on for some seconds, so that the end of a message is not cut off."""
        until = time.monotonic() + seconds
        while not self.exited() and (left := until - time.monotonic()) > 0:
            self.listen(left)


def cable() -> tuple[socket.socket, socket.socket]:
    """A network cable: each of two machines gets the descriptor of one end. A frame is a datagram, and none is lost."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


@contextmanager
def running(
    sandbox: Sandbox,
    command_line: CommandLine,
    *,
    console: Path | None,
    errors: Path,
    foreground: bool = False,
    cables: Sequence[int] = (),
) -> Iterator[Qemu]:
    """Start QEMU and wait until it can be controlled; kill it when the block ends.

    Args:
        sandbox: Where it runs; needs the network for forwarded ports.
        command_line: Makes the command line.
        console: File for its standard output, where the serial console is; the terminal when there is none.
        errors: File for its standard error.
        foreground: It shares the terminal and its signals with us.
        cables: Descriptors that it gets, too.

    Raises:
        CommandFailed: it did not start.
    """
    with ExitStack() as stack:
        ours, theirs = socket.socketpair()
        agent, guest = socket.socketpair()
        for end in (ours, theirs, agent, guest):
            stack.enter_context(end)
        out: IO[bytes] | None = None if console is None else stack.enter_context(console.open("wb"))
        command = command_line(theirs.fileno(), guest.fileno())
        process = subprocess.Popen(
            sandbox.argv(command),
            stdin=None if foreground else subprocess.PIPE,
            stdout=out,
            stderr=stack.enter_context(errors.open("wb")),
            pass_fds=(theirs.fileno(), guest.fileno(), *cables),
            # A session of its own: Ctrl-C is for us to handle, and must not end the machine behind our back.
            start_new_session=not foreground,
        )
        stack.callback(_end, process, ours)
        if process.stdin is not None:
            stack.enter_context(process.stdin)
        theirs.close()
        guest.close()
        control = Control(ours)
        try:
            control.greet()
        except Closed as error:
            status = process.wait(_GRACE_S)
            why = tail(errors.read_text(errors="replace"))
            raise CommandFailed(command, why="start a virtual machine", status=status, tail=why) from error
        yield Qemu(process, control, Lines(agent), console=console, errors=errors)


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    process.kill()
    process.wait()
    # That was Bubblewrap. The kernel ends QEMU after it; its end of the socket closes when it is really gone.
    control.settimeout(_GRACE_S)
    with suppress(ConnectionResetError, TimeoutError):
        while control.recv(65536):
            pass

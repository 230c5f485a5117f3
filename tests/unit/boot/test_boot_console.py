from __future__ import annotations

import pytest

from builder.boot.console import lost, plain, tail
from builder.boot.outcome import Outcome
from builder.boot.qmp import parse_forwards


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs", Outcome.PANIC),
        ("ALERT!  UUID=1 does not exist.  Dropping to a shell!\n\n(initramfs) ", Outcome.PANIC),
        ("Cannot open access to console, the root account is locked.", Outcome.PANIC),
        ("Boot failed: not a bootable disk\nNo bootable device.", Outcome.UNBOOTABLE),
        ("error: unknown filesystem.\ngrub rescue> ", Outcome.UNBOOTABLE),
    ],
)
def test_a_lost_boot_is_known_by_its_words(text: str, outcome: Outcome) -> None:
    sign = lost(f"Loading ...\n{text}\n")
    assert sign is not None
    assert sign.outcome is outcome


def test_an_ordinary_boot_is_not_lost() -> None:
    assert lost("Run /init as init process\n[  OK  ] Reached target emergency.target is not wanted\nlogin: ") is None


STALL = "[   28.7] rcu: \tPossible timer handling issue on cpu=0 timer-softirq=33\n"


def test_a_guest_that_waits_for_its_timer_is_lost_only_when_it_goes_on() -> None:
    assert lost(STALL * 2) is None
    sign = lost(STALL * 3)
    assert sign is not None
    assert sign.outcome is Outcome.STALLED
    panicked = lost(f"{STALL * 2}Kernel panic - not syncing: x\n{STALL}")
    assert panicked is not None
    assert panicked.outcome is Outcome.PANIC


def test_a_board_whose_usb_port_is_lost_is_the_emulators_fault() -> None:
    said = "[   24.449533] dwc2 3f980000.usb: Not connected\n"
    assert lost(said * 12) is None, "it may come back after Linux has switched its power off and on"
    sign = lost(said * 16)
    assert sign is not None
    assert sign.outcome is Outcome.STALLED


def test_the_first_sign_counts() -> None:
    sign = lost("Kernel panic - not syncing: x\nNo bootable device")
    assert sign is not None
    assert sign.outcome is Outcome.PANIC


def test_terminal_control_disappears() -> None:
    assert plain("\x1b[2J\x1b[!p\x1b]104\x07[\x1b[0;32m  OK  \x1b[0m] up\r\n\x1b(Bnext\x00") == "[  OK  ] up\nnext"


def test_tail_keeps_the_last_lines_that_say_something() -> None:
    assert tail("one\n\n  \ntwo  \nthree\n\n", 2) == "two\nthree"


def test_forwarded_ports_are_read_from_the_monitor() -> None:
    text = (
        "Hub -1 (n):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
        "  TCP[HOST_FORWARD]   9       127.0.0.1 39147       10.0.2.15  8080     0     0\r\n"
        "  TCP[ESTABLISHED]   11       127.0.0.1 40000       10.0.2.15  9999     0     0\r\n"
        "  TCP[HOST_FORWARD]   3       127.0.0.1 42813       10.0.2.15    22     0     0\r\n"
    )
    assert parse_forwards(text) == {8080: 39147, 22: 42813}


def test_a_job_that_is_waited_for_does_not_fill_the_tail() -> None:
    text = "up\n[*     ] Job a/start running (1s)\n[**    ] Job a/start running (2s)\n[  OK  ] Started a\n"
    assert tail(text) == "up\n[**    ] Job a/start running (2s)\n[  OK  ] Started a"

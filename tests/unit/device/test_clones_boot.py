"""What a boot decides, on a device without Kolibri: the policies, the answer on the card, and changes that go on."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from clones import boot, change, command, history, machine, policy, question, told
from device import files, login_prompt
from device.paths import Paths
from device.settings import Settings
from firstboot import engine
from firstboot.device import Device
from firstboot.engine import Step
from firstboot.journal import Journal
from firstboot.screen import Screen
from firstboot.steps import code, hostname, identity, report
from firstboot.steps import machine as machine_step


def make_key(device: Device) -> dict[str, str]:
    key = device.paths.at("/etc/ssh/ssh_host_ed25519_key")
    if not key.exists():
        files.write(key, f"key of {device.facts['hostname']}", mode=0o600)
    return {}


STEPS = (
    Step(name="machine", doing="", run=machine_step.run),
    Step(name="machine-id", doing="", run=lambda device: {"machine_id": device.paths.machine_id.read_text().strip()}),
    Step(name="code", doing="", run=code.run),
    Step(name="hostname", doing="", run=hostname.run),
    Step(name="ssh-keys", doing="", run=make_key),
    Step(name="identity", doing="", run=identity.run),
    Step(name="report", doing="", run=report.run),
)
SETTINGS = Settings(
    recipe="r", hostname="box-{code}", facility=None, kolibri=None, secrets=(), tls=None,
    console_users=(), minutes=30, on_new_machine="record", grow=None, esp="/boot/efi", keep=None, mounts=(),
)  # fmt: skip
MOUNTED = "1 0 254:3 / / rw - ext4 /dev/vda3 rw\n2 1 254:2 / /boot/efi rw - vfat /dev/vda2 rw\n"


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    return Screen(active=tmp_path / "none", devices=tmp_path)


@pytest.fixture
def device(tmp_path: Path, screen: Screen) -> Device:
    """A device whose first boot is done."""
    root = tmp_path / "root"
    for directory in ("proc/self", "proc/sys/kernel/random", "boot/efi", "etc", "sys/class/dmi/id"):
        (root / directory).mkdir(parents=True)
    paths = Paths(root=root)
    paths.mountinfo.write_text(MOUNTED)
    paths.machine_id.write_text("ab" * 16 + "\n")
    made = Device(paths=paths, settings=SETTINGS)
    put_into(made, "one")
    return switched_on(made, screen)


def put_into(device: Device, name: str) -> None:
    device.paths.at("/sys/class/dmi/id/product_uuid").write_text(f"{name}-machine\n")


def with_policy(device: Device, word: str) -> Device:
    return replace(device, settings=replace(device.settings, on_new_machine=word))


def switched_on(device: Device, screen: Screen) -> Device:
    """What firstboot.__main__ does, with fewer steps."""
    fresh = replace(device, facts={})
    random = fresh.paths.at("/proc/sys/kernel/random/boot_id")
    random.write_text(f"{int(files.read(random) or 0) + 1}\n")
    while True:
        boot.finish(fresh, screen)
        fresh.facts.clear()
        engine.run(STEPS, fresh, Journal(fresh.paths.journal), screen)
        if not boot.look(fresh, screen):
            boot.take_answer_off(fresh)
            return fresh


def answer(device: Device, word: str) -> None:
    (device.paths.at("/boot/efi") / question.ANSWER_FILE).write_text(word)


def events(device: Device) -> list[str]:
    return [event["what"] for event in history.load(device.paths).events]


def reported(device: Device) -> str:
    return device.paths.at("/boot/efi/satchel-report.txt").read_text()


def test_the_same_machine_is_only_counted(device: Device, screen: Screen) -> None:
    again = switched_on(device, screen)
    past = history.load(device.paths)
    assert (past.boots, past.verdict, past.machines, past.events) == (2, "same", 1, ())
    assert again.facts == device.facts


def test_record_carries_on_and_says_so_once(device: Device, screen: Screen, capsys: pytest.CaptureFixture[str]) -> None:
    put_into(device, "another")
    again = switched_on(device, screen)
    assert again.facts["code"] == device.facts["code"]
    assert "Another machine (changed: board)" in capsys.readouterr().out
    assert "Machines so far:     2" in reported(device)
    switched_on(device, screen)
    assert events(device) == ["recorded"]
    assert history.load(device.paths).verdict == "same"


def test_fork_makes_everything_new_but_once(device: Device, screen: Screen) -> None:
    key = device.paths.at("/etc/ssh/ssh_host_ed25519_key").read_text()
    put_into(device, "another")
    again = switched_on(with_policy(device, "fork"), screen)
    assert {name for name in device.facts if again.facts[name] == device.facts[name]} == set()
    assert device.paths.at("/etc/ssh/ssh_host_ed25519_key").read_text() != key
    known = json.loads(device.paths.identity.read_text())
    assert [ids["code"] for ids in known["formerly"]] == [device.facts["code"]]
    assert f"Formerly:            {device.facts['code']}" in reported(device)
    last = switched_on(with_policy(device, "fork"), screen)
    assert last.facts["code"] == again.facts["code"]
    assert events(device) == ["forked"]


def test_ask_takes_the_answer_from_the_card_and_takes_it_off(device: Device, screen: Screen) -> None:
    put_into(device, "another")
    answer(device, "Moved\r\n")
    again = switched_on(with_policy(device, "ask"), screen)
    assert again.facts["code"] == device.facts["code"]
    assert events(device) == ["moved"]
    assert not (device.paths.at("/boot/efi") / question.ANSWER_FILE).exists()
    switched_on(with_policy(device, "ask"), screen)
    assert events(device) == ["moved"]


@pytest.mark.parametrize(("word", "event"), [("copied", "forked"), ("afresh", "started-afresh")])
def test_ask_can_make_somebody_else_of_it(device: Device, screen: Screen, word: str, event: str) -> None:
    put_into(device, "another")
    answer(device, word)
    again = switched_on(with_policy(device, "ask"), screen)
    assert again.facts["code"] != device.facts["code"]
    assert events(device) == [event]
    assert history.load(device.paths).machines == 2
    assert not (device.paths.at("/boot/efi") / question.ANSWER_FILE).exists()


def test_an_answer_to_no_question_does_not_wait_for_one(device: Device, screen: Screen) -> None:
    answer(device, "afresh")
    switched_on(with_policy(device, "ask"), screen)
    assert not (device.paths.at("/boot/efi") / question.ANSWER_FILE).exists()
    assert events(device) == []


def test_back_in_its_old_machine_there_is_no_question(device: Device, screen: Screen) -> None:
    put_into(device, "another")
    put_into(device, "one")
    assert switched_on(with_policy(device, "ask"), screen).facts == device.facts


def test_an_open_question_about_a_twin_is_put_in_the_same_machine_too(device: Device, screen: Screen) -> None:
    files.write(device.paths.twin, json.dumps({"address": "10.0.0.7"}))
    assert "10.0.0.7" in told.facts(device.paths)["twin"]
    assert "satchel-identity" in login_prompt.current(device.paths, device.settings, device.facts)
    answer(device, "moved")
    switched_on(device, screen)
    assert not device.paths.twin.exists()
    assert events(device) == ["moved"]
    assert "satchel-identity" not in login_prompt.current(device.paths, device.settings, device.facts)
    assert "Twin" not in reported(device)


def test_a_twin_nobody_chooses_about_stays_open(
    device: Device, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "TWIN_MINUTES", 0)
    files.write(device.paths.twin, "{}")
    switched_on(device, screen)
    assert device.paths.twin.exists()
    assert "waiting for an answer" in reported(device)


def test_a_decided_change_is_finished_before_anything_else(device: Device, screen: Screen) -> None:
    wanted = change.begin(device.paths, "fork", why="a test", other_machine=False)
    again = switched_on(device, screen)
    assert again.facts["code"] == wanted.code
    assert device.paths.machine_id.read_text().strip() == wanted.machine_id
    assert machine.load(device.paths) is not None
    assert history.load(device.paths).machines == 1


def test_a_technician_decides_for_one_device(device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert policy.of(device.settings) == "record"
    (tmp_path / policy.CREDENTIAL).write_text("fork\n")
    assert policy.of(device.settings) == "fork"
    (tmp_path / policy.CREDENTIAL).write_text("frok\n")
    assert policy.of(device.settings) == "ask"


def test_the_command_tells_who_the_device_is_and_was(device: Device, screen: Screen) -> None:
    put_into(device, "another")
    again = switched_on(with_policy(device, "fork"), screen)
    put_into(device, "a third")
    whole = json.loads(command.shown(again, as_json=True))
    assert whole["identity"]["code"] == again.facts["code"]
    assert whole["machine"] == {"verdict": "another", "same": [], "changed": ["board"]}
    assert (whole["machines"], whole["boots"], whole["twin"]) == (2, 2, None)
    text = command.shown(again, as_json=False)
    assert f"facility code    {again.facts['code']}\n" in text
    assert f"formerly         {device.facts['code']}" in text
    assert "boot 2" in text


def test_the_command_decides_and_the_restart_does_it(device: Device, screen: Screen) -> None:
    assert command.act(device, "fork") == ("--no-block", "reboot")
    wanted = change.load(device.paths)
    assert wanted is not None
    assert switched_on(device, screen).facts["code"] == wanted.code


def test_the_command_settles_a_twin_without_a_restart(device: Device) -> None:
    files.write(device.paths.twin, "{}")
    assert command.act(device, "moved")[:2] == ("--no-block", "start")
    assert not device.paths.twin.exists()


@pytest.mark.parametrize(("typed", "meant"), [("yes", True), ("YES ", True), ("y", False), ("", False)])
def test_only_yes_is_yes(device: Device, monkeypatch: pytest.MonkeyPatch, typed: str, meant: bool) -> None:
    monkeypatch.setattr("builtins.input", lambda _: typed)
    assert command.sure(device, "afresh") is meant


def test_help_has_examples() -> None:
    assert "sudo satchel-identity fork" in command.parser().format_help()


class PowerCut(BaseException):
    """Ends everything at once, as no exception handler can hold it."""


@pytest.mark.parametrize(("word", "event"), [("moved", "moved"), ("copied", "forked"), ("afresh", "started-afresh")])
def test_a_power_cut_at_any_write_only_means_that_the_next_boot_goes_on(
    device: Device, screen: Screen, monkeypatch: pytest.MonkeyPatch, word: str, event: str
) -> None:
    """Cut at the first write, then at the second, and so on, one boot after the other, until one comes through."""
    put_into(device, "another")
    asking = with_policy(device, "ask")
    fsync = os.fsync
    left = 0

    def cut(descriptor: int) -> None:
        nonlocal left
        if left == 0:
            raise PowerCut
        left -= 1
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", cut)
    monkeypatch.setattr(os, "sync", lambda: None)
    for writes in range(200):
        left = writes
        # Whoever waits in front of it writes the answer again where it was taken off before all was done.
        answer(device, word)
        try:
            last = switched_on(asking, screen)
        except PowerCut:
            continue
        break
    else:
        pytest.fail("it never came through")
    left = 10_000
    assert writes > 3
    assert [name for name in events(device) if name != "recorded"] == [event]
    assert (last.facts["code"] == device.facts["code"]) is (word == "moved")
    assert json.loads(device.paths.identity.read_text())["code"] == last.facts["code"]
    assert not device.paths.change.exists()
    assert switched_on(asking, screen).facts == last.facts

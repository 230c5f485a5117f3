"""First boot with a seed, in a directory: what each step makes of it, and what happens to seeds that cannot be used."""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from device import files, login_prompt, own_seed
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Facility, Kolibri, Settings
from firstboot import engine
from firstboot.device import Device
from firstboot.journal import Journal
from firstboot.screen import Screen
from firstboot.steps import (
    STEPS,
    admin_password,
    code,
    forget_secrets,
    hostname,
    identity,
    report,
    site,
    take_seed,
    timezone,
)
from seed import document, places
from seed.code import check_symbol
from seed.document import Seed, Wifi

CODE = f"K7M3-Q2X{check_symbol('K7M3Q2X')}"
PASSWORD = "lusab-babad-gutih"
TOLD = Seed(
    image="kolibri-pc",
    code=CODE,
    hostname="ecole-7",
    timezone="Africa/Nairobi",
    facility=document.Facility(name="École 7", language="fr-fr", admin="chef"),
    wifi=Wifi(ssid="École", passphrase="sesame-sesame", country="KE"),
    admin_password=PASSWORD,
    extra={"room": "12"},
)
KOLIBRI = Kolibri(venv="/opt/k", user="kolibri", home="/srv/data/k", content="/srv/content/k", port=8080, zip_port=81)
SETTINGS = Settings(
    recipe="kolibri-pc",
    hostname="kolibri-{code}",
    facility=Facility(name="School {code}", preset="formal", language="en", admin="admin"),
    kolibri=KOLIBRI,
    secrets=(),
    tls=None,
    console_users=(),
    minutes=30,
    on_new_machine="record",
    grow=None,
    esp="/boot/efi",
    keep=None,
    mounts=("/", "/boot/efi"),
)
SECRETS = (PASSWORD, "sesame-sesame")


@pytest.fixture
def device(tmp_path: Path) -> Device:
    for directory in ("proc/self", "proc/sys/kernel", "boot/efi", "etc", "usr/share/zoneinfo/Africa"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "usr/share/zoneinfo/Africa/Nairobi").write_bytes(b"TZif2")
    (tmp_path / "proc/self/mountinfo").write_text(
        "1 0 0:1 / / rw - btrfs /dev/vda3 rw\n2 1 254:2 / /boot/efi rw - vfat /dev/vda2 rw\n"
    )
    for name, data in places.reserved().items():
        (tmp_path / "boot/efi" / name).write_bytes(data)
    return Device(paths=Paths(root=tmp_path), settings=SETTINGS, facts={"machine_id": "ab" * 16})


def card(device: Device) -> Path:
    return device.paths.at("/boot/efi") / document.FILE


def put(device: Device, data: bytes | str) -> None:
    card(device).write_bytes(data.encode() if isinstance(data, str) else data)


def refusal(device: Device) -> str:
    with pytest.raises(DeviceError) as caught:
        take_seed.run(device)
    assert not device.paths.seed.exists()
    assert "on any computer" in caught.value.advice
    return caught.value.reason


def everything_below(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())


def test_without_a_seed_the_device_chooses_for_itself(device: Device) -> None:
    assert take_seed.run(device) == {"seed": "none"}
    assert not device.paths.seed.exists()
    assert forget_secrets.run(device) == {}
    assert card(device).read_bytes() == document.empty()


def test_every_step_does_what_the_seed_says(device: Device) -> None:
    put(device, document.render(TOLD))
    device.facts.update(take_seed.run(device))
    assert device.facts == {"machine_id": "ab" * 16, "seed": "card"}
    assert stat.S_IMODE(device.paths.seed.stat().st_mode) == 0o600
    for step in (code, hostname, timezone, admin_password, site, identity):
        device.facts.update(step.run(device))
    assert device.facts["code"] == CODE
    assert device.paths.at("/etc/hostname").read_text() == "ecole-7\n"
    assert str(device.paths.at("/etc/localtime").readlink()) == "/usr/share/zoneinfo/Africa/Nairobi"
    assert device.paths.admin_password.read_text() == f"{PASSWORD}\n"
    assert json.loads(device.paths.wifi.read_text()) == {
        "ssid": "École",
        "passphrase": "sesame-sesame",
        "country": "KE",
    }
    assert stat.S_IMODE(device.paths.wifi.stat().st_mode) == 0o600
    assert json.loads(device.paths.site.read_text()) == {"room": "12"}
    told = own_seed.facility(device.paths, device.settings)
    assert told == Facility(name="École 7", preset="formal", language="fr-fr", admin="chef")
    assert not any(secret in device.paths.identity.read_text() for secret in SECRETS)


def test_a_password_that_came_with_the_seed_is_on_no_screen(device: Device) -> None:
    put(device, document.render(TOLD))
    take_seed.run(device)
    facts = {"code": CODE, "hostname": "ecole-7", "admin": "chef", **admin_password.run(device)}
    assert PASSWORD not in login_prompt.current(device.paths, device.settings, facts)
    own = {name: value for name, value in facts.items() if name != "admin_password"}
    assert PASSWORD in login_prompt.current(device.paths, device.settings, own)


def test_later_steps_never_look_at_the_card_again(device: Device) -> None:
    put(device, document.render(TOLD))
    take_seed.run(device)
    put(device, document.render(replace(TOLD, hostname="other")))
    take_seed.run(device)
    device.facts["code"] = CODE
    assert hostname.run(device) == {"hostname": "ecole-7"}


def test_secrets_are_written_over_where_they_lie(device: Device) -> None:
    put(device, document.render(TOLD))
    before = card(device).stat()
    take_seed.run(device)
    for _ in range(2):
        forget_secrets.run(device)
        after = card(device).stat()
        assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
        assert document.parse(card(device).read_bytes()) == document.without_secrets(TOLD)
        assert not device.paths.seed.exists()
    assert not any(secret.encode() in everything_below(device.paths.root) for secret in SECRETS)


def test_a_power_cut_while_secrets_are_written_over_is_made_good(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(device, document.render(TOLD))
    take_seed.run(device)
    half = card(device).read_bytes()
    put(device, b"\0" * 512 + half[512:])
    forget_secrets.run(device)
    assert document.parse(card(device).read_bytes()) == document.without_secrets(TOLD)

    put(device, document.render(TOLD))
    own_seed.keep(device.paths, TOLD)
    with monkeypatch.context() as patch:
        patch.setattr(own_seed, "forget", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            forget_secrets.run(device)
    assert PASSWORD not in card(device).read_text()
    forget_secrets.run(device)
    assert not device.paths.seed.exists()


def test_an_unfinished_copy_of_a_seed_that_was_removed_goes_too(device: Device) -> None:
    left = files.unfinished(device.paths.seed)
    files.write(left, PASSWORD)
    assert take_seed.run(device) == {"seed": "none"}
    forget_secrets.run(device)
    assert not left.exists()


def test_a_device_that_becomes_somebody_else_is_not_told_the_same_again(device: Device) -> None:
    put(device, document.render(TOLD))
    take_seed.run(device)
    forget_secrets.run(device)
    assert take_seed.run(device) == {"seed": "taken before"}
    assert code.run(device)["code"] != CODE


def test_a_short_seed_from_an_editor_keeps_its_clusters(device: Device) -> None:
    text = f'version = 1\n[secrets]\nadmin_password = "{PASSWORD}"\n[end]\ncomplete = true\n'
    put(device, text.replace("\n", "\r\n"))
    size = card(device).stat().st_size
    assert take_seed.run(device) == {"seed": "card"}
    forget_secrets.run(device)
    assert card(device).stat().st_size == size
    assert PASSWORD not in card(device).read_text()
    left = document.parse(card(device).read_bytes())
    assert left is not None
    assert left.taken


def test_a_seed_that_another_device_took_is_left_alone(device: Device) -> None:
    """Its code is somebody else's: two devices with one code are what this product must never make."""
    put(device, document.render(document.without_secrets(TOLD)))
    assert take_seed.run(device) == {"seed": "taken before"}
    assert not device.paths.seed.exists()


def test_a_seed_for_another_image_or_of_another_world_is_refused_with_every_reason(device: Device) -> None:
    put(device, document.render(replace(TOLD, image="kobo", timezone="Atlantis/Centre", born="eNo=")))
    reason = refusal(device)
    assert "it is for the image kobo, and this is kolibri-pc" in reason
    assert "this device knows no time zone Atlantis/Centre" in reason
    assert "secrets.born: it holds no facility" in reason


def test_every_problem_is_named_with_its_line(device: Device) -> None:
    put(device, 'version = 1\n[facility]\npreset = "club"\n[site]\nhostname = "Head Office"\n[end]\ncomplete = true\n')
    assert [line for line in refusal(device).splitlines() if line.startswith("line")] == [
        "line 3: facility.preset: it is none of formal, nonformal, informal",
        "line 5: site.hostname: it must be at most 63 small letters, digits and '-'",
    ]


HOSTILE = {
    "huge": b"# x\n" * 1_000_000,
    "binary": bytes(range(256)) * 64,
    "zeros": b"\0" * document.ROOM,
    "deep": b"a = " + b"[" * 60_000,
    "a number without end": b"a = " + b"9" * 60_000,
    "thousands of problems": b"".join(b"k%d = 1\n" % number for number in range(6000)),
    "cut": document.render(TOLD)[:400],
    "half overwritten": b"#" * 4096 + document.render(TOLD)[4096:200] + b'version = 1\nimage = "k',
    "UTF-16": document.render(TOLD).decode().encode("utf-16"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_broken_seeds_are_refused_in_a_few_lines(device: Device, name: str) -> None:
    put(device, HOSTILE[name])
    lines = refusal(device).splitlines()
    assert lines[0] == "satchel-seed.txt on this card cannot be used:"
    assert 2 <= len(lines) <= 1 + document.MOST_PROBLEMS


def test_what_is_no_file_is_neither_followed_nor_waited_for(device: Device) -> None:
    device.paths.at("/etc/shadow").write_text('version = 1\n[end]\ncomplete = true\nroot = "secret"\n')
    for make in (lambda path: path.symlink_to(device.paths.at("/etc/shadow")), os.mkfifo, Path.mkdir):
        if card(device).is_dir():
            card(device).rmdir()
        else:
            card(device).unlink()
        make(card(device))
        assert "root" not in refusal(device)


def test_a_seed_that_comes_too_late_loses_its_secrets_and_is_mentioned(device: Device) -> None:
    assert forget_secrets.look_again(device) == ""
    put(device, document.render(TOLD))
    note = forget_secrets.look_again(device)
    assert "came" not in note
    assert "its secrets were removed" in note
    assert PASSWORD not in card(device).read_text()
    assert forget_secrets.look_again(device) == ""
    put(device, document.render(Seed(hostname="x")))
    assert "is not used" in forget_secrets.look_again(device)
    assert card(device).read_bytes() == document.render(Seed(hostname="x"))
    put(device, "what is this?")
    assert "cannot be read" in forget_secrets.look_again(device)


def test_the_report_is_written_over_and_never_moves(device: Device) -> None:
    device.facts.update({"code": CODE, "hostname": "h"})
    esp = device.paths.at("/boot/efi")
    before = {name: (esp / name).stat() for name in places.reserved()}
    report.tell(device, "step 4 of 15: setting the host name")
    assert "working, step 4 of 15: setting the host name" in (esp / places.REPORT_TEXT).read_text()
    assert json.loads((esp / places.REPORT_JSON).read_text())["state"].startswith("working")
    report.write_note(device, "something to know")
    assert "working" not in (esp / places.REPORT_TEXT).read_text()
    assert json.loads((esp / places.REPORT_JSON).read_text())["note"] == "something to know"
    for name, old in before.items():
        assert ((esp / name).stat().st_ino, (esp / name).stat().st_size) == (old.st_ino, old.st_size)
    assert sorted(path.name for path in esp.iterdir()) == sorted(before)
    files.write(esp / places.REPORT_TEXT, "short")
    report.run(device)
    assert CODE in (esp / places.REPORT_TEXT).read_text()


STEPS_HERE = tuple(
    step
    for step in STEPS
    if step.name
    in {"seed", "code", "hostname", "timezone", "admin-password", "site", "identity", "forget-secrets", "report"}
)


def first_boot(device: Device) -> Device:
    """All steps that need neither programs nor a disk, with the journal and the report."""
    fresh = replace(device, facts={"machine_id": "ab" * 16})
    screen = Screen(active=device.paths.at("/active"), devices=device.paths.at("/dev"))
    journal = Journal(device.paths.journal)
    try:
        engine.run(STEPS_HERE, fresh, journal, screen, lambda step: report.tell(fresh, step))
    except engine.StepFailed as error:
        report.write_failure(fresh, error)
        raise
    return fresh


def test_first_boot_waits_for_a_correction_and_then_goes_on(device: Device) -> None:
    put(device, document.render(TOLD).replace(b"Africa/Nairobi", b"Atlantis/Centr"))
    for _ in range(2):
        with pytest.raises(engine.StepFailed):
            first_boot(device)
        text = (device.paths.at("/boot/efi") / places.REPORT_TEXT).read_text()
        assert "failed" in text
        assert "this device knows no time zone Atlantis/Centr" in text
        assert not device.paths.identity.exists()
    put(device, document.render(TOLD))
    assert first_boot(device).facts["hostname"] == "ecole-7"
    assert "ready" in (device.paths.at("/boot/efi") / places.REPORT_TEXT).read_text()


class PowerCut(BaseException):
    """Ends everything at once, as no exception handler can hold it."""


def test_the_power_may_go_out_before_anything_reaches_the_disk(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of its writes once: the next start makes the same device, and no secret stays."""
    syncs = 0
    cut_at = 0

    def sync(_descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs == cut_at:
            raise PowerCut

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "sync", lambda: None)

    def clone(name: str) -> Device:
        shutil.copytree(device.paths.root, tmp_path.parent / f"{tmp_path.name}-{name}")
        return replace(device, paths=Paths(root=tmp_path.parent / f"{tmp_path.name}-{name}"))

    put(device, document.render(TOLD))
    whole = first_boot(clone("whole")).facts
    for cut_at in range(1, syncs + 1):
        syncs = 0
        cut = clone(str(cut_at))
        with pytest.raises(PowerCut):
            first_boot(cut)
        assert first_boot(cut).facts == whole
        assert document.parse(card(cut).read_bytes()) == document.without_secrets(TOLD)
        places_of_secrets = {
            path.relative_to(cut.paths.root).as_posix()
            for path in cut.paths.root.rglob("*")
            if path.is_file() and any(secret.encode() in path.read_bytes() for secret in SECRETS)
        }
        assert places_of_secrets <= {"var/lib/satchel/admin-password", "var/lib/satchel/wifi.json"}
        shutil.rmtree(cut.paths.root)

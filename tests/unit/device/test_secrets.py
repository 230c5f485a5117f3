"""The secrets of a recipe in first boot: made, kept, told, copied, shown, and refused when they are none any more."""

from __future__ import annotations

import getpass
import grp
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from device import login_prompt, own_seed, secret_files
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Secret, SecretFile, Settings
from firstboot.device import Device
from firstboot.steps import secrets, take_seed
from seed import document
from seed.document import Seed

SECRET = Secret(name="database", generate="password", scope="device", shown="never", file=None)
SHARED = replace(SECRET, name="replica", scope="site")


def device_with(tmp_path: Path, *wanted: Secret, keep: str | None = "/srv/data") -> Device:
    settings = Settings(
        recipe="cloud", hostname="h", facility=None, kolibri=None, secrets=wanted, tls=None,
        console_users=(), minutes=30, on_new_machine="record", grow=None, esp=None, keep=keep, mounts=(),
    )  # fmt: skip
    (tmp_path / "srv/data").mkdir(parents=True, exist_ok=True)
    return Device(paths=Paths(root=tmp_path), settings=settings)


def value(device: Device, name: str = "database") -> str:
    return secret_files.read(device.paths, name)


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("password", r"([a-z]{5}-){3}[a-z]{5}"),
        ("hex", r"[0-9a-f]{64}"),
        ("base64", r"[A-Za-z0-9+/]{43}="),
        ("django-key", r"[a-z0-9!@#$%^&*(\-_=+)]{50}"),
    ],
)
def test_each_kind_is_made_anew_on_each_device(tmp_path: Path, kind: str, form: str) -> None:
    one, other = (device_with(tmp_path / name, replace(SECRET, generate=kind)) for name in ("one", "other"))
    for device in (one, other):
        secrets.run(device)
        assert re.fullmatch(form, value(device))
    assert value(one) != value(other)


@pytest.mark.parametrize(("keep", "place"), [("/srv/data", "srv/data/secrets"), (None, "var/lib/satchel/secrets")])
def test_a_secret_lies_with_the_data_and_only_root_reads_it(tmp_path: Path, keep: str | None, place: str) -> None:
    device = device_with(tmp_path, SECRET, keep=keep)
    secrets.run(device)
    directory = tmp_path / place
    assert [path.name for path in directory.iterdir()] == ["database"]
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "database").stat().st_mode) == 0o600
    # Programs find it in one place, whatever the recipe keeps where.
    assert (tmp_path / "etc/satchel/secrets").readlink() == Path("/", place)


def test_a_secret_stays_when_first_boot_runs_again_and_when_a_new_system_comes(tmp_path: Path) -> None:
    device = device_with(tmp_path, SECRET)
    secrets.run(device)
    known = value(device)
    device.paths.secrets.unlink()
    secrets.run(device)
    assert value(device) == known


def test_what_a_site_shares_must_be_told(tmp_path: Path) -> None:
    device = device_with(tmp_path, SHARED)
    with pytest.raises(DeviceError, match="this one was not told") as caught:
        secrets.run(device)
    assert 'replica = "..."' in caught.value.advice
    own_seed.keep(device.paths, Seed(shared={"replica": "lusab-babad"}))
    secrets.run(device)
    own_seed.forget(device.paths)
    # The seed is gone by the next time, or with the next system.
    secrets.run(device)
    assert value(device, "replica") == "lusab-babad"


def test_a_secret_that_others_read_is_none(tmp_path: Path) -> None:
    device = device_with(tmp_path, SECRET)
    secrets.run(device)
    (tmp_path / "srv/data/secrets/database").chmod(0o640)
    with pytest.raises(DeviceError, match="no secret any more"):
        secrets.run(device)
    with pytest.raises(DeviceError, match="no secret any more"):
        value(device)


def test_a_program_gets_its_copy_with_owner_and_mode(tmp_path: Path) -> None:
    copy = SecretFile(
        path="/etc/app/key", owner=getpass.getuser(), group=grp.getgrgid(os.getgid()).gr_name, mode="0440"
    )
    device = device_with(tmp_path, replace(SECRET, file=copy))
    for _ in range(2):
        secrets.run(device)
        path = tmp_path / "etc/app/key"
        assert path.read_text() == f"{value(device)}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o440
        assert [each.name for each in path.parent.iterdir()] == ["key"]


def test_what_is_to_be_seen_stands_above_the_prompt_until_the_first_login(tmp_path: Path) -> None:
    seen = replace(SECRET, name="panel", shown="once")
    device = device_with(tmp_path, SECRET, seen, replace(SHARED, shown="once"))
    own_seed.keep(device.paths, Seed(shared={"replica": "told-by-a-person"}))
    secrets.run(device)
    facts = {"code": "K7M3-Q2X1", "hostname": "h"}
    text = login_prompt.current(device.paths, device.settings, facts)
    assert f"  panel          {value(device, 'panel')}   (shown here until the first login)" in text.splitlines()
    assert value(device) not in text
    assert "told-by-a-person" not in text
    users = device.paths.at("/run/systemd/users")
    users.mkdir(parents=True)
    (users / "1000").write_text("UID=1000\nNAME=operator\n")
    assert value(device, "panel") not in login_prompt.current(device.paths, device.settings, facts)


def test_a_seed_tells_secrets_and_keeps_none_of_them() -> None:
    seed = Seed(admin_password="lusab-babad-gutih", shared={"replica": 'say "ouch"', "more": "x"})
    assert document.parse(document.render(seed)) == seed
    assert document.has_secrets(Seed(shared={"replica": "x"}))
    left = document.without_secrets(seed)
    assert left.shared == {}
    assert b"ouch" not in document.render(left)
    assert document.with_values(seed, {"secrets.more": "", "secrets.new": "y"}).shared == {
        "replica": 'say "ouch"',
        "new": "y",
    }
    assert "ouch" not in repr(seed)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('Replica = "x"', "secrets.Replica: there is no such secret in a seed"),
        ('replica = ""', "secrets.replica: it is empty"),
        ("replica = 7", "secrets.replica: it must be a text between quotes"),
    ],
)
def test_a_secret_that_cannot_be_one_is_refused_with_its_line(line: str, words: str) -> None:
    with pytest.raises(document.SeedError) as caught:
        document.parse(f"version = 1\n[secrets]\n{line}\n[end]\ncomplete = true\n".encode())
    (problem,) = caught.value.problems
    assert (problem.line, words in problem.message) == (3, True)


def test_a_secret_that_the_device_does_not_know_is_refused(tmp_path: Path) -> None:
    device = device_with(tmp_path, SHARED)
    found = list(take_seed._problems(device, Seed(shared={"replica": "x", "repilca": "y"})))
    assert [problem.message for problem in found] == ["secrets.repilca: this device has no such secret"]

"""What two images say of themselves, compared; and what changed files mean for systemd."""

from __future__ import annotations

from builder.compare.anatomy import File
from builder.compare.described import Change, described_changes
from builder.compare.files import FileChange
from builder.compare.opened import on_device, places_of
from builder.compare.units import unit_changes
from builder.manifest import Package
from builder.units import MIB
from tests.unit.finished_image import MANIFEST

RECIPE = MANIFEST.recipe


def sentences(group: str, **changes: object) -> list[str]:
    after = MANIFEST.model_copy(update=changes)
    groups = described_changes(MANIFEST, after)
    assert [name for name, found in groups.items() if found and name != group] == []
    return [change.sentence() for change in groups[group]]


def test_an_image_does_not_differ_from_itself() -> None:
    assert set(described_changes(MANIFEST, MANIFEST).values()) == {()}


def test_packages_by_name_and_wheels_by_environment_too() -> None:
    packages = (
        Package(name="libc6", version="2.42", kind="deb"),
        Package(name="Kolibri", version="0.19.5", kind="wheel", where="/opt/kolibri"),
        Package(name="pip", version="26", kind="wheel", where="/opt/kolibri"),
        Package(name="nano", version="8", kind="deb"),
    )
    assert sentences("packages", packages=packages) == [
        f"libc6: {MANIFEST.packages[0].version} -> 2.42",
        "added    nano 8",
        f"pip (in /opt/kolibri): {MANIFEST.packages[3].version} -> 26",
        f"removed  vim {MANIFEST.packages[1].version}",
    ]


def test_parameters_and_keys_of_the_recipe() -> None:
    packages = RECIPE.packages.model_copy(update={"apt": (*RECIPE.packages.apt[1:], "vim")})
    users = (RECIPE.users[0].model_copy(update={"console_password": False}), *RECIPE.users[1:])
    recipe = RECIPE.model_copy(update={"packages": packages, "users": users, "description": "another"})
    found = sentences("recipe", recipe=recipe, params={"language": "fr-fr"}, satchel="9.9", date=MANIFEST.date + 60)
    assert found == [
        f"Satchel: {MANIFEST.satchel} -> 9.9",
        "date of the lock: 2026-11-21 13:44:44 -> 2026-11-21 13:45:44",
        'parameter language: "en" -> "fr-fr"',
        f'description: "{RECIPE.description}" -> "another"',
        f"removed  packages.apt: {RECIPE.packages.apt[0]}",
        "added    packages.apt: vim",
        "users[technician].console_password: true -> false",
    ]


def test_partitions_by_name() -> None:
    partitions = MANIFEST.disk.partitions
    grown = partitions[1].model_copy(update={"size_bytes": partitions[1].size_bytes + MIB, "options": ("noatime",)})
    new = partitions[2].model_copy(update={"name": "more", "number": 9})
    disk = MANIFEST.disk.model_copy(update={"partitions": (partitions[0], grown, *partitions[3:], new)})
    found = sentences("partitions", disk=disk)
    assert found[0] == 'partition root, options: [] -> ["noatime"]'
    assert found[1].startswith("partition root, size_bytes: 3.0 GiB (3,221,225,472 bytes) -> 3.0 GiB (3,222,274,048")
    assert found[2:] == ["removed  partition content 512.0 MiB ext4", "added    partition more 512.0 MiB ext4"]


def test_content_and_checks() -> None:
    channel = MANIFEST.content[0].model_copy(update={"version": 4, "resources": 1234})
    (sentence,) = sentences("content", content=(channel,))
    assert sentence == (
        "channel First lessons: version 3, 48 resources, 6,291,456 bytes -> version 4, 1,234 resources, 6,291,456 bytes"
    )
    recipe = RECIPE.model_copy(update={"checks": MANIFEST.checks[1:]})
    (sentence,) = sentences("checks", checks=MANIFEST.checks[1:], recipe=recipe)
    assert sentence.startswith(f"removed  {MANIFEST.checks[0].name} ")


def file(*, target: str = "") -> File:
    mode = 0o120777 if target else 0o100644
    return File(mode=mode, owner=0, group=0, size=0, modified=0, other_times=(), inode=1, target=target, attributes={})


def change(path: str, before: File | None, after: File | None, **more: bool) -> tuple[str, FileChange]:
    return path, FileChange(path=path, before=before, after=after, only_times=more.get("only_times", False))


def test_units() -> None:
    link = file(target="/usr/lib/systemd/system/ssh.service")
    etc, lib = "/etc/systemd/system", "/usr/lib/systemd/system"
    found = unit_changes(
        [
            change(f"{etc}/multi-user.target.wants/ssh.service", None, link),
            change(f"{etc}/timers.target.wants/apt.timer", link, None),
            change(f"{etc}/sleepy.service", None, file(target="/dev/null")),
            change(f"{lib}/kolibri.service", file(), file()),
            change(f"{lib}/same.service", file(), file(), only_times=True),
            change(f"{lib}/new.socket", None, file()),
            change("/etc/passwd", file(), file()),
        ]
    )
    assert list(found) == [
        Change(what="unit ssh.service", before=None, after="enabled by multi-user.target"),
        Change(what="unit apt.timer", before="enabled by timers.target", after=None),
        Change(what="unit sleepy.service", before=None, after="masked"),
        Change(what="unit kolibri.service", before="there", after="changed"),
        Change(what="unit new.socket", before=None, after="there"),
    ]


def test_paths_as_the_device_shows_them() -> None:
    places = {"root": (("@", "/"), ("@home", "/home")), "esp": (("", "/boot/efi"),)}
    told = [
        on_device(places, partition, path)
        for partition, path in (
            ("root", "@/etc/passwd"),
            ("root", "@home/x"),
            ("root", "@homeless"),
            ("root", ""),
            ("esp", "EFI/BOOT"),
            ("esp", ""),
            ("other", "a/b"),
        )
    ]
    assert told == [
        "/etc/passwd",
        "/home/x",
        "@homeless",
        "the top directory",
        "/boot/efi/EFI/BOOT",
        "/boot/efi",
        "a/b",
    ]
    assert places_of(None) == {}
    assert places_of(MANIFEST)["content"] == (("", "/content"),)

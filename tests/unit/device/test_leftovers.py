from __future__ import annotations

import os
from pathlib import Path

from agent.leftovers import leftovers
from device import files
from device.paths import Paths
from seed import document
from seed.document import Seed

SECRET = "lusab-babad-gutih-tugad"


def device(root: Path) -> Paths:
    """A device whose image is old, and whose password is where it belongs."""
    paths = Paths(root=root)
    files.write(paths.settings, "{}")
    os.utime(paths.settings, (0, 0))
    files.write(paths.admin_password, f"{SECRET}\n", mode=0o600)
    files.write(paths.issue, f"password {SECRET}", mode=0o600)
    files.write(paths.at("/etc/hostname"), "satchel\n")
    return paths


def put(paths: Paths, place: str, text: str = "") -> None:
    path = paths.at(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_device_that_is_done_has_no_leftovers(tmp_path: Path) -> None:
    assert leftovers(device(tmp_path), None) == []


def test_unfinished_files_are_found_wherever_first_boot_writes(tmp_path: Path) -> None:
    paths = device(tmp_path)
    put(paths, "/etc/.hostname.new", "half")
    put(paths, "/boot/efi/.satchel-report.txt.new")
    put(paths, "/etc/ssh/.satchel-x1/key", "a private key")
    put(paths, "/run/satchel-provision/provision.json")
    found = " ".join(leftovers(paths, None))
    for name in (".hostname.new", ".satchel-report.txt.new", ".satchel-x1", "satchel-provision"):
        assert f"{name} is left" in found


def test_the_password_is_found_in_any_other_file(tmp_path: Path) -> None:
    paths = device(tmp_path)
    put(paths, "/srv/kolibri/automatic_provision.json", f'{{"password": "{SECRET}"}}')
    put(paths, "/var/log/journal/system.journal", f"\0\0{SECRET}\0")
    put(paths, "/home/teacher/notes", "nothing of that kind")
    found = leftovers(paths, None)
    assert sorted(Path(sentence.split()[0]).name for sentence in found) == [
        "automatic_provision.json",
        "system.journal",
    ]


def test_what_came_with_the_image_is_not_looked_at(tmp_path: Path) -> None:
    paths = device(tmp_path)
    put(paths, "/etc/.old.new")
    os.utime(paths.at("/etc/.old.new"), (0, 0))
    assert leftovers(paths, None) == []


def test_links_that_lead_nowhere_do_no_harm(tmp_path: Path) -> None:
    paths = device(tmp_path)
    paths.at("/etc/broken").symlink_to("/nowhere")
    assert leftovers(paths, None) == []


def test_a_seed_that_still_has_its_secrets_is_found_however_old_it_is(tmp_path: Path) -> None:
    paths = device(tmp_path)
    seed = Seed(hostname="school", admin_password="sudoh-rijag-lofop")
    put(paths, "/boot/efi/satchel-seed.txt", document.render(seed).decode())
    os.utime(paths.at("/boot/efi/satchel-seed.txt"), (0, 0))
    put(paths, "/var/lib/satchel/seed.toml", "copy")
    assert [text.partition(" ")[2] for text in leftovers(paths, None)] == [
        "is left from first boot",
        "still holds the secrets of the seed",
    ]
    paths.seed.unlink()
    put(paths, "/boot/efi/satchel-seed.txt", document.render(document.without_secrets(seed)).decode())
    assert leftovers(paths, None) == []

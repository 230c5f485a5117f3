"""Channels from a Kolibri that was in use: all that it has of them, and no name of anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.host.pool import Pool
from builder.kolibri.channels import find_channels
from builder.lock.apt import Upgrade
from builder.lock.content import resolve_channels
from builder.progress import Reporter
from builder.recipe.load import load_recipe
from tests.integration.kolibri.kolibri_device import Device

from .school import School
from .used_home import NAMES, RENAME, in_the_journal, names_in


def test_the_part_that_a_running_master_has_comes_without_a_name(used: Device, school: School, tmp_path: Path) -> None:
    recipe, usb = tmp_path / "school.yml", tmp_path / "usb"
    with used.served(), in_the_journal(used.home, RENAME):
        assert names_in(used.home) == set(NAMES)
        said = school.satchel("master", "import", used.home, "--into", "school.yml")
        exported = school.satchel("master", "import", used.home, "--export", usb)
    assert said.status == 0, said.stderr
    assert "4 resources, " in said.stdout
    assert "a part of the channel" in said.stdout
    assert exported.status == 0, exported.stderr
    assert f'- drive: "{usb}"' in exported.stdout
    assert names_in(school.cache, usb, recipe) == set()
    (tmp_path / "said").write_text(said.stdout + said.stderr + exported.stdout + exported.stderr)
    assert names_in(tmp_path / "said") == set()
    # What is here is the part, from the master itself and from the drive that was made of it.
    (there,) = find_channels(usb)
    assert (there.resources, there.partial) == (4, True)
    (first, second) = resolve_channels(
        load_recipe(recipe), earlier=None, as_before=lambda _number: False, upgrade=Upgrade(),
        pool=Pool(school.cache / "pool"), reporter=Reporter(),
    )  # fmt: skip
    assert (first.id, first.resources, second.resources) == (second.id, 8, 4)
    assert second.nodes == there.nodes
    assert set(school.pooled()) == {file.name for file in there.files}


def test_a_master_gives_its_part_by_its_address_too(used: Device, school: School) -> None:
    with used.served() as (address, _):
        said = school.satchel("master", "import", address)
        named = school.satchel("content", "list", address)
        (read,) = school.satchel("content", "list", address, "--channel", used.channel.id, "--nodes", "--json").json
    assert said.status == 0, said.stderr
    assert f'(a part: 4 resources)\n      sources:\n        - server: "{address}"\n' in said.stdout
    assert len(school.pooled()) == read["files"]
    assert named.stdout == f"Satchel: first lessons\n  {used.channel.id}  version 1\n"
    assert (read["resources"], read["partial"]) == (4, True)
    assert [topic["title"] for topic in read["topics"]] == ["Satchel: first lessons", "Lessons in English"]
    assert names_in(school.cache) == set()


def test_the_entry_is_printed_and_names_the_channel(used: Device, school: School) -> None:
    said = school.satchel("master", "import", used.home, "--channel", used.channel.id)
    assert said.stdout.endswith(
        f"for a recipe:\n\ncontent:\n  - channels:\n      ids:\n"
        f"        - {used.channel.id}  # Satchel: first lessons (a part: 4 resources)\n"
        f'      sources:\n        - home: "{used.home}"\n'
    ), said.stderr
    facts = school.satchel("master", "import", used.home, "--json").json
    assert [(each["resources"], each["partial"]) for each in facts["channels"]] == [(4, True)]


def test_what_is_no_master_is_refused_in_words(used: Device, school: School) -> None:
    for words, status, told in (
        (("drive",), 3, "is not the home of a Kolibri: it has no db.sqlite3"),
        (("nowhere",), 3, "there is no nowhere"),
        (("ssh://host",), 3, "is no address of a Kolibri home"),
        ((used.home, "--channel", "0" * 32), 3, f"has no channel {'0' * 32}"),
        ((used.home, "--into", "nowhere.yml"), 10, "nowhere.yml cannot be changed"),
    ):
        said = school.satchel("master", "import", *words)
        assert (said.status, told in said.stderr) == (status, True), said.stderr
        assert "Traceback" not in said.stderr


def test_a_recipe_that_would_be_spoilt_stays(used: Device, school: School) -> None:
    recipe = school.directory / "school.yml"
    text = recipe.read_text().replace("version: 1", "version: 1\nnonsense: true")
    recipe.write_text(text)
    said = school.satchel("master", "import", used.home, "--into", recipe)
    assert (said.status, recipe.read_text()) == (3, text)
    assert "it stays as it was" in said.stderr
    assert [path.name for path in school.directory.glob(".*.yml")] == []


@pytest.mark.parametrize("file", ["db.sqlite3", "options.ini"])
def test_a_damaged_home_is_told(used: Device, school: School, file: str) -> None:
    (used.home / file).write_bytes(b"\xff\xfe[Paths\n" * 600)
    (used.home / "db.sqlite3-wal").unlink(missing_ok=True)
    said = school.satchel("master", "import", used.home)
    assert (said.status, "Traceback" in said.stderr) == (3, False), said.stderr

"""Locks against a real archive: what is written, kept, upgraded, missed and refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from builder.errors import ArtifactError, HostError, PlanError, RecipeError
from builder.host.pool import Pool
from builder.lock.apt import Upgrade
from builder.lock.current import known_lock, lock_for, lock_path
from builder.lock.fetch import Moved, fetch
from builder.lock.model import Deb, Lock
from builder.lock.resolve import origins_of, resolve
from builder.lock.text import write_lock
from builder.progress import Reporter
from builder.recipe.load import load_recipe

from .conftest import Mirror, Package

pytestmark = pytest.mark.in_namespace

GREETER = Package(name="greeter", version="1:1.0+b~1", depends="hello (>= 1)")
HELLO = Package(name="hello")
LONELY = Package(name="lonely")


class Notes(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def versions(debs: Sequence[Deb]) -> dict[str, str]:
    return {deb.name: deb.version for deb in debs}


def resolved(recipe: Path, *, earlier: Lock | None = None, upgrade: Upgrade | None = None) -> Lock:
    return resolve(load_recipe(recipe), earlier=earlier, upgrade=upgrade or Upgrade(), reporter=Reporter())


def fetched(recipe: Path, lock: Lock, *, offline: bool = False) -> None:
    origins = origins_of(load_recipe(recipe))
    fetch(lock.files(), recipe="small", origins=origins, pool=Pool(), offline=offline, reporter=Reporter())


def for_build(recipe: Path, *, locked: bool = False, offline: bool = False, reporter: Reporter | None = None) -> Lock:
    return lock_for(load_recipe(recipe), locked=locked, offline=offline, reporter=reporter or Reporter())


def test_a_lock_has_what_names_need_and_where_it_lies(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    lock = resolved(recipe)
    assert versions(lock.base) == {"apt": "1", "floor": "1"}
    assert versions(lock.apt) == {"greeter": "1:1.0+b~1", "hello": "1", "lonely": "1"}
    assert {"floor", "apt", "mtools"} <= versions(lock.tools).keys()
    (greeter,) = (deb for deb in lock.apt if deb.name == "greeter")
    assert greeter.file == GREETER.file
    assert greeter.size_bytes == mirror.file(GREETER).stat().st_size
    fetched(recipe, lock)
    assert Pool().missing(lock.files()) == ()
    assert Pool().verified(greeter).read_bytes() == mirror.file(GREETER).read_bytes()


def test_what_is_locked_stays_and_what_is_named_is_upgraded_with_its_source(mirror: Mirror, recipe: Path) -> None:
    twins = [Package(name=name, source="hello", depends=on) for name, on in (("hello", "twin (= 1)"), ("twin", ""))]
    mirror.publish(GREETER, LONELY, *twins)
    earlier = resolved(recipe)
    both = [
        Package(name=name, version="2", source="hello", depends=on)
        for name, on in (("hello", "twin (= 2)"), ("twin", ""))
    ]
    newer = Package(name="lonely", version="2")
    mirror.publish(GREETER, LONELY, *twins, *both, newer)

    assert resolved(recipe, earlier=earlier) is not None
    assert resolved(recipe, earlier=earlier) == earlier
    recipe.write_text(recipe.read_text().replace("    - greeter\n", "    - greeter\n    - mtools\n"))
    assert versions(resolved(recipe, earlier=earlier).apt) == {**versions(earlier.apt), "mtools": "1"}
    hello = resolved(recipe, earlier=earlier, upgrade=Upgrade(names=frozenset({"hello"})))
    assert versions(hello.apt) == {"greeter": "1:1.0+b~1", "hello": "2", "twin": "2", "lonely": "1", "mtools": "1"}
    everything_new = resolved(recipe, earlier=earlier, upgrade=Upgrade(everything=True))
    assert versions(everything_new.apt)["lonely"] == "2"


def test_an_older_release_gives_only_what_is_nowhere_else(mirror: Mirror, recipe: Path) -> None:
    older = (
        Package(name="lonely", version="0.9", depends="relic, hello"),
        Package(name="relic", version="0.9"),
        Package(name="hello", version="9"),
        Package(name="mtools", version="9", minimal=True),
        Package(name="forgotten", version="0.9", minimal=True),
    )
    mirror.publish(GREETER, HELLO, older=older)
    recipe.write_text(f"{recipe.read_text()}base: {{older: bookworm}}\n")
    lock = resolved(recipe)
    assert versions(lock.apt) == {"greeter": "1:1.0+b~1", "hello": "1", "lonely": "0.9", "relic": "0.9"}
    assert versions(lock.base) == {"apt": "1", "floor": "1"}, "what was essential there is not here"
    assert versions(lock.tools)["mtools"] == "1"
    assert "forgotten" not in versions(lock.tools)
    assert resolved(recipe, earlier=lock) == lock
    fetched(recipe, lock)
    assert Pool().missing(lock.files()) == ()


def test_backports_give_what_is_asked_of_them_and_what_that_needs(mirror: Mirror, recipe: Path) -> None:
    backports = (
        Package(name="lonely", version="9", depends="novelty, hello"),
        Package(name="novelty", version="9"),
        Package(name="hello", version="9"),
        Package(name="mtools", version="9", minimal=True),
    )
    mirror.publish(GREETER, HELLO, LONELY, backports=backports)
    before = resolved(recipe)
    recipe.write_text(f"{recipe.read_text()}base: {{backports: [lonely]}}\n")
    lock = resolved(recipe)
    assert versions(lock.apt) == {**versions(before.apt), "lonely": "9", "novelty": "9"}
    assert versions(resolved(recipe, earlier=before).apt) == versions(lock.apt)
    assert versions(lock.tools)["mtools"] == "1"
    assert resolved(recipe, earlier=lock) == lock
    fetched(recipe, lock)
    assert Pool().missing(lock.files()) == ()
    recipe.write_text(recipe.read_text().replace("[lonely]", "[lonely, hello, twin]"))
    with pytest.raises(RecipeError, match=r"base.backports\[2\]: no package of the recipe needs twin"):
        resolved(recipe)


def test_nothing_is_looked_up_for_what_did_not_change(
    mirror: Mirror, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000")
    earlier = resolved(recipe)
    assert earlier.date == 1000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "2000")
    (mirror.directory / "dists").rename(mirror.directory / "hidden")
    recipe.write_text(recipe.read_text().replace("256MiB", "300MiB"))
    assert resolved(recipe, earlier=earlier) == earlier
    with pytest.raises(HostError, match="the package lists cannot be read"):
        resolved(recipe, earlier=earlier, upgrade=Upgrade(everything=True))


def test_only_an_upgrade_of_everything_has_a_new_date(
    mirror: Mirror, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "2000")
    earlier, everything = resolved(recipe), Upgrade(everything=True)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "3000")
    recipe.write_text(recipe.read_text().replace("- lonely", "- hello"))
    assert resolved(recipe, earlier=earlier).date == 2000, "a new date would make every layer anew"
    assert resolved(recipe, earlier=earlier, upgrade=everything).date == 3000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000")
    assert resolved(recipe, earlier=earlier, upgrade=everything).date == 2000, "a clock that went back"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(HostError, match="no number of seconds"):
        resolved(recipe, earlier=earlier, upgrade=everything)


def test_recipes_share_their_tools(
    mirror: Mirror, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    shipped, remembered = resolved(recipe), for_build(recipe)
    another = tmp_path / "another.yml"
    another.write_text(recipe.read_text().replace("name: small", "name: another"))

    def with_mark(lock: Lock, mark: str) -> Lock:
        return lock.model_copy(update={"tools": (lock.tools[0].model_copy(update={"version": mark}), *lock.tools[1:])})

    assert resolved(another).tools == remembered.tools
    monkeypatch.setattr("builder.lock.resolve.RECIPES", tmp_path)
    write_lock(tmp_path / "shipped.lock", with_mark(shipped, "shipped"))
    assert resolved(another).tools[0].version == "shipped"
    (tmp_path / "broken.lock").write_text("not a lock")
    assert resolved(another).tools[0].version == "shipped"


def test_versions_that_no_longer_go_together_are_chosen_anew(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    earlier = resolved(recipe)
    demanding = Package(name="greeter", version="2", depends="hello (>= 2)")
    mirror.publish(demanding, HELLO, Package(name="hello", version="2"), LONELY)
    notes = Notes()
    freed = Upgrade(names=frozenset({"greeter"}))
    lock = resolve(load_recipe(recipe), earlier=earlier, upgrade=freed, reporter=notes)
    assert versions(lock.apt) == {"greeter": "2", "hello": "2", "lonely": "1"}
    (note,) = notes.notes
    assert "the locked versions no longer go together" in note
    assert "hello" in note


def test_a_name_that_does_not_exist_is_shown_where_it_stands(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    recipe.write_text(recipe.read_text().replace("lonely", "lonly"))
    with pytest.raises(RecipeError) as raised:
        resolved(recipe)
    (problem,) = raised.value.problems
    assert (problem.line, problem.path) == (7, "packages.apt[1]")
    assert problem.message == "Debian trixie (main) for amd64 has no package lonly"
    assert problem.hint == 'did you mean "lonely"?'


def test_packages_that_exclude_each_other_are_a_plan_that_cannot_be(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(Package(name="greeter", depends="hello (>= 5)"), HELLO, LONELY)
    with pytest.raises(PlanError, match="cannot be installed together") as raised:
        resolved(recipe)
    assert "hello (>= 5)" in str(raised.value)


def test_a_mirror_that_moved_on_is_told_and_followed_unless_locked(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    old = resolved(recipe)
    write_lock(lock_path(load_recipe(recipe)), old)
    mirror.publish(GREETER)
    with pytest.raises(Moved) as raised:
        for_build(recipe, locked=True)
    assert raised.value.details == "hello 1 is no longer there\nlonely 1 is no longer there"

    mirror.publish(GREETER, Package(name="hello", version="2"), LONELY)
    with pytest.raises(Moved) as raised:
        for_build(recipe, locked=True)
    assert raised.value.message == "the mirrors moved on: 1 package of the lock cannot be had any more"
    assert raised.value.details == "hello 1 -> 2"
    assert "--upgrade hello`" in str(raised.value.hint)

    notes = Notes()
    lock = for_build(recipe, reporter=notes)
    assert versions(lock.apt) == {**versions(old.apt), "hello": "2"}
    assert any("hello 1 -> 2" in note for note in notes.notes)
    assert Pool().missing(lock.files()) == ()
    # The next build goes by the same, without asking anybody.
    assert for_build(recipe, offline=True) == lock
    assert known_lock(load_recipe(recipe)) == lock, "plans and images that stand are those of that lock"


def test_a_package_that_wandered_is_found(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    lock = resolved(recipe)
    moved = Package(name="lonely", source="other")
    assert moved.file != LONELY.file
    mirror.publish(GREETER, HELLO, moved)
    fetched(recipe, lock)
    assert Pool().missing(lock.files()) == ()


def test_a_file_that_is_not_the_locked_one_never_gets_into_the_pool(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    lock = resolved(recipe)
    bad = mirror.file(LONELY)
    data = bytearray(bad.read_bytes())
    data[-1] ^= 1
    bad.unlink()
    bad.write_bytes(data)
    with pytest.raises(HostError, match="does not give what its lists promise") as raised:
        fetched(recipe, lock)
    assert "Hash Sum mismatch" in str(raised.value)
    assert [deb.name for deb in Pool().missing(lock.apt)] == ["lonely"]


def test_offline_refuses_with_what_is_missing(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    with pytest.raises(PlanError, match="versions must be looked up"):
        for_build(recipe, offline=True)
    lock = for_build(recipe)
    assert for_build(recipe, offline=True) == lock
    Pool().path(lock.apt[0].sha256).unlink()
    with pytest.raises(PlanError, match=r"the pool lacks 1 file \(.*\), and the network may not be used") as raised:
        for_build(recipe, offline=True)
    assert "greeter 1:1.0+b~1" in str(raised.value)


def test_a_recipe_that_drifted_is_refused_when_locked_and_told_otherwise(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    with pytest.raises(PlanError, match="the recipe has no lock"):
        for_build(recipe, locked=True)
    write_lock(lock_path(load_recipe(recipe)), resolved(recipe))
    lock = for_build(recipe, locked=True)
    recipe.write_text(recipe.read_text().replace("- lonely", "- hello"))
    with pytest.raises(PlanError) as raised:
        for_build(recipe, locked=True)
    assert "the recipe no longer has the package lonely" in str(raised.value)
    assert known_lock(load_recipe(recipe)) is None
    notes = Notes()
    drifted = for_build(recipe, reporter=notes)
    assert versions(drifted.apt) == {"greeter": "1:1.0+b~1", "hello": "1"}
    assert drifted.base == lock.base
    assert "the recipe no longer has the package lonely" in notes.notes[-1]
    assert known_lock(load_recipe(recipe)) == drifted


def test_a_mirror_that_does_not_answer_is_no_moved_package(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    lock = resolved(recipe)
    (mirror.directory / "dists").rename(mirror.directory / "hidden")
    for deb in mirror.directory.rglob("*.deb"):
        deb.unlink()
    with pytest.raises(HostError, match="the package lists cannot be read"):
        fetched(recipe, lock)


def test_a_mirror_that_is_not_there_is_told_at_once(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    lock = resolved(recipe)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    os.environ["SATCHEL_MIRROR"] = f"deb [trusted=yes] http://127.0.0.1:{port} trixie main"
    with pytest.raises(HostError, match="a mirror does not answer"):
        fetched(recipe, lock)


@pytest.mark.parametrize("scheme", ["file", "copy"])
def test_a_mirror_may_lie_on_a_drive(
    mirror: Mirror, recipe: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    monkeypatch.setenv("SATCHEL_MIRROR", f"deb [trusted=yes] {scheme}://{mirror.directory} trixie main")
    lock = resolved(recipe)
    assert GREETER.file in {deb.file for deb in lock.apt}
    fetched(recipe, lock)
    assert Pool().missing(lock.files()) == ()
    assert mirror.file(GREETER).is_file()


def test_mirrors_may_be_named_in_a_file(mirror: Mirror, recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    address = mirror.line.split()[2]
    sources = recipe.with_name("my.sources")
    sources.write_text(f"Types: deb\nURIs: {address}\nSuites: trixie\nComponents: main\nTrusted: yes\n")
    monkeypatch.setenv("SATCHEL_MIRROR", str(sources))
    assert versions(resolved(recipe).apt)["hello"] == "1"


def test_a_lock_changed_by_hand_is_refused(mirror: Mirror, recipe: Path) -> None:
    mirror.publish(GREETER, HELLO, LONELY)
    path = lock_path(load_recipe(recipe))
    write_lock(path, resolved(recipe))
    path.write_text(path.read_text().replace('version: "1:1.0+b~1"', 'version: "1:1.1"'))
    with pytest.raises(ArtifactError, match="was changed by hand"):
        for_build(recipe)

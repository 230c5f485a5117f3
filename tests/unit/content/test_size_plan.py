"""The plan of sizes against what a build will really find, and what it advises to leave out."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from builder.build import build_image
from builder.content.laying import Piece, lay_content, settle_dates, will_lie, write_marker
from builder.content.pool.pool import ContentPool
from builder.content.sizes.plan import TreePortion, all_files, needed_bytes, totals, tree_will_lie
from builder.content.sizes.shedding import advise
from builder.content.source.directory import DirectorySource
from builder.content.trees.tree import TreeSource, look_at
from builder.disk.ext4_size import geometry, measure, measure_files
from builder.disk.source import Source
from builder.errors import HostError, PlanError
from builder.host.pool import Pool
from builder.kolibri.channels import Channel, database_path, read_channel
from builder.kolibri.demo.channel import make_demo_channel
from builder.kolibri.selection import Choice
from builder.kolibri.topics import topics_of
from builder.layers.files import lay_files
from builder.lock.current import lock_path
from builder.lock.inputs import inputs_of
from builder.lock.looking import find_locked
from builder.lock.text import write_lock
from builder.plan.need import Amount
from builder.progress import Reporter
from builder.recipe.load import Loaded, load_recipe
from builder.shortages import Shortage, recipe_lines, shortages
from builder.sizing import SizePlan, plan_sizes
from builder.supply import FixedSupply, RecipeSupply
from tests.unit.lock.locks import deb
from tests.unit.lock.locks import lock as a_lock

RECIPE = Path(__file__).parents[2] / "golden/sizes/lib/school.yml"


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Channel, Channel]:
    """Two channels that share all English lessons."""
    content = tmp_path_factory.mktemp("usb")
    first = make_demo_channel(content, languages=("en", "sw"), lessons=3)
    return content, first, make_demo_channel(content, languages=("en", "fr"), lessons=4)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SATCHEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def school(tmp_path: Path, drive: Path, *, disk: str = "{card: 7.2 GB}", ids: str = "") -> Loaded:
    recipe = tmp_path / "school.yml"
    asked = f"ids: [{ids}], " if ids else ""
    recipe.write_text(
        f"version: 1\nname: school\ndescription: a school\nextends: [{RECIPE}]\ndisk: {disk}\n"
        f"content:\n  - channels: {{{asked}sources: [{{drive: {drive}}}]}}\n"
    )
    return load_recipe(recipe)


def planned(loaded: Loaded, tmp_path: Path) -> SizePlan:
    found = find_locked(loaded, offline=False, reporter=Reporter())
    return plan_sizes(loaded, found.channels, found.trees, room=tmp_path, dist=tmp_path / "dist", reporter=Reporter())


def laid(tmp_path: Path, drive: Path, channels: Sequence[Channel]) -> Path:
    """The channels as the build's layer has them."""
    pool, mount = ContentPool(), tmp_path / "mount"
    mount.mkdir()
    DirectorySource(directory=drive).bring(sorted(all_files(channels)), pool, advance=lambda _size: None)
    pieces = [Piece(database=database_path(drive, channel.id), channel=channel) for channel in channels]
    lay_content(mount / "kolibri", pieces, pool)
    write_marker(mount, channels)
    settle_dates(mount)
    return mount


def test_what_is_planned_is_what_the_build_measures(drive: tuple[Path, Channel, Channel], tmp_path: Path) -> None:
    content, *channels = drive
    mount = laid(tmp_path, content, channels)
    there = {path.relative_to(mount).as_posix(): path.stat().st_size for path in mount.rglob("*") if not path.is_dir()}
    assert {each.path: each.size for each in will_lie("kolibri", channels)} == there
    assert measure_files(will_lie("kolibri", channels)) == measure(Source(path=mount))


def test_what_trees_share_with_channels_is_planned_once(drive: tuple[Path, Channel, Channel], tmp_path: Path) -> None:
    content, *channels = drive
    mount, listing = laid(tmp_path, content, channels), look_at(content)
    missing = ContentPool().missing(listing.pooled.values())
    TreeSource(place=content, listing=listing).bring(missing, ContentPool(), advance=lambda _size: None)
    lay_files(mount / "drive", listing, ContentPool())
    coming = [*will_lie("kolibri", channels), *tree_will_lie("drive", listing)]
    assert measure_files(coming) == measure(Source(path=mount))
    tree = TreePortion(number=1, name="drive", to="/srv/content/drive", listing=listing)
    assert totals(channels, [tree]).files == len(listing.files)


def test_each_form_of_the_image_needs_room_unless_it_stays_in_parts(
    drive: tuple[Path, Channel, Channel], tmp_path: Path
) -> None:
    loaded = school(tmp_path, drive[0])
    loaded.source.write_text(f"{loaded.source.read_text()}outputs: {{qcow2: true, vhd: true, zst: false}}\n")
    plan = planned(load_recipe(loaded.source), tmp_path)
    of_image = {"the image", "the qcow2", "the VHD"}
    assert {each.what for each in amounts(plan) if each.most} & {*of_image, "the compressed image"} == of_image
    whole = {each.what: each.most for each in amounts(plan)}
    assert whole["the qcow2"] == whole["the VHD"] == whole["the image"]
    in_parts = amounts(replace(plan, host=replace(plan.host, split=True)))
    assert {each.what for each in in_parts} & of_image <= {"the image"}


def amounts(plan: SizePlan) -> list[Amount]:
    return [each for disk in plan.disks() for store in disk.stores for each in store.amounts]


def test_kolibri_without_channels_is_planned_as_it_is_laid_out(
    drive: tuple[Path, Channel, Channel], tmp_path: Path
) -> None:
    loaded = school(tmp_path, drive[0])
    needed = geometry(measure(Source(path=laid(tmp_path, drive[0], ()))), read_only=True)
    assert needed_bytes(loaded.recipe, ())["content"] == needed


def test_a_part_of_a_channel_is_planned_as_it_is_laid_out(drive: tuple[Path, Channel, Channel], tmp_path: Path) -> None:
    content, first, _ = drive
    swahili = topics_of(database_path(content, first.id), first)[2]
    part = read_channel(database_path(content, first.id), Choice(include=(swahili.id,)))
    assert part.resources == swahili.resources == 6
    mount = laid(tmp_path, content, [part])
    assert measure_files(will_lie("kolibri", [part])) == measure(Source(path=mount))


def test_a_channel_known_from_its_lock_alone_is_never_planned_too_small(
    drive: tuple[Path, Channel, Channel], tmp_path: Path
) -> None:
    loaded = school(tmp_path, drive[0])
    exact = planned(loaded, tmp_path)
    found = find_locked(loaded, offline=False, reporter=Reporter())
    for channel in found.channels:
        Pool().path(channel.sha256).unlink()
    rough = plan_sizes(loaded, found.channels, room=tmp_path, dist=tmp_path, offline=True, reporter=Reporter())
    assert (exact.exact, rough.exact) == (True, False)
    shared = sum(file.size for file in drive[1].files) + sum(file.size for file in drive[2].files)
    shared -= sum(file.size for file in all_files(drive[1:]))
    more = (
        needed_bytes(loaded.recipe, rough.channels)["content"] - needed_bytes(loaded.recipe, exact.channels)["content"]
    )
    assert shared <= more < shared + 4096 * (sum(len(channel.files) for channel in drive[1:]) + 256)


def test_a_file_that_two_channels_need_counts_once(drive: tuple[Path, Channel, Channel]) -> None:
    _, first, second = drive
    whole = totals([first, second])
    assert whole.files == len({*first.files, *second.files}) < len(first.files) + len(second.files)
    assert whole.size_bytes < first.size + second.size
    assert (whole.languages, whole.licences) == (("en", "fr", "sw"), ("CC BY",))
    assert whole.resources == 12 + 16


def test_what_leaving_out_frees_is_what_the_next_plan_finds(
    drive: tuple[Path, Channel, Channel], tmp_path: Path
) -> None:
    """The advice is taken, word for word, and the recipe fits."""
    loaded = school(tmp_path, drive[0], ids=drive[1].id)
    needed = needed_bytes(loaded.recipe, [drive[1]])["content"]
    small = f"{{partitions: [{{name: content, size: {needed - 4096}}}]}}"
    (shortage,) = shortages(planned(school(tmp_path, drive[0], ids=drive[1].id, disk=small), tmp_path))
    assert shortage.over_bytes == 4096
    topics = [each for each in shortage.advice.single if each.topics]
    assert [topic.title for each in topics for topic in each.topics] == ["Lessons in English", "Masomo kwa Kiswahili"]
    text = loaded.source.read_text()
    for shed in topics:
        (line,) = recipe_lines(planned(loaded, tmp_path), [shed])
        loaded.source.write_text(text.replace("sources:", f"{line.removeprefix('content[0]: ')}, sources:"))
        changed = planned(load_recipe(loaded.source), tmp_path)
        assert changed.sizes().partition("content").needed_bytes == needed - shed.frees


def test_a_topic_whose_files_another_channel_needs_frees_next_to_nothing(
    drive: tuple[Path, Channel, Channel], tmp_path: Path
) -> None:
    plan = planned(school(tmp_path, drive[0]), tmp_path)

    def over(channels: Sequence[Channel]) -> int:
        return sum(file.size for file in all_files(channels)) - sum(file.size for file in all_files(drive[1:])) + 1

    advice = advise(plan.portions, over)
    # The first three lessons in English are in both channels; only the second has a fourth.
    english = [each for each in advice.single for topic in each.topics if topic.title == "Lessons in English"]
    assert [each.portion.channel.id for each in english] == [drive[2].id]
    assert english[0].frees < english[0].topics[0].size / 2


def test_when_nothing_alone_is_enough_the_largest_go_together(
    drive: tuple[Path, Channel, Channel], tmp_path: Path
) -> None:
    plan = planned(school(tmp_path, drive[0]), tmp_path)
    advice = advise(plan.portions, len)
    assert advice.single == ()
    assert [each.portion.channel.id for each in advice.together] == [drive[2].id, drive[1].id]
    assert [each.enough for each in advice.together] == [False, True]
    assert recipe_lines(plan, advice.together) == ("take content[0] out of `content`",)


def test_several_topics_are_named_when_none_alone_is_enough(tmp_path: Path) -> None:
    channel = make_demo_channel(tmp_path / "usb", languages=("en", "fr", "es", "sw"), lessons=2)
    plan = planned(school(tmp_path, tmp_path / "usb", ids=channel.id), tmp_path)
    (portion,) = plan.portions
    sizes = sorted((topic.size for topic in topics_of(portion.database or Path(), channel, depth=1)[1:]), reverse=True)
    room = channel.size - sum(sizes[:2]) + sizes[1] // 4

    def over(channels: Sequence[Channel]) -> int:
        return sum(each.size for each in channels) - room

    best, whole = advise(plan.portions, over).single
    # Two look large enough, but the languages share their pictures.
    assert [len(best.topics), len(whole.topics)] == [3, 0]
    assert over([channel]) <= best.frees < whole.frees
    excluded = ", ".join(topic.id for topic in best.topics)
    assert recipe_lines(plan, [best]) == (f"content[0]: exclude: [{excluded}]",)


def test_a_channel_that_is_taken_twice_is_refused(drive: tuple[Path, Channel, Channel], tmp_path: Path) -> None:
    loaded = school(tmp_path, drive[0])
    again = f"  - channels: {{ids: [{drive[1].id}], sources: [{{drive: {drive[0]}}}]}}\n"
    loaded.source.write_text(loaded.source.read_text() + again)
    with pytest.raises(PlanError, match=r"school\.yml:8:5: content\[1\]: the channel .* is taken by content\[0\]"):
        planned(load_recipe(loaded.source), tmp_path)


def large(drive: tuple[Path, Channel, Channel], tmp_path: Path) -> Path:
    """A copy of the drive's first database whose sheets have a terabyte each."""
    copy = tmp_path / "large"
    (copy / "databases").mkdir(parents=True)
    (copy / "storage").mkdir()
    target = database_path(copy, drive[1].id)
    target.write_bytes(database_path(drive[0], drive[1].id).read_bytes())
    with closing(sqlite3.connect(target)) as database, database:
        database.execute("UPDATE content_localfile SET file_size = ? WHERE extension = 'pdf'", (10**12,))
    return copy


def test_disks_of_this_machine_that_cannot_hold_a_build_are_named(
    drive: tuple[Path, Channel, Channel], tmp_path: Path
) -> None:
    plan = planned(school(tmp_path, large(drive, tmp_path), disk="{card: 100 TB}"), tmp_path)
    (shortage,) = shortages(plan)
    assert isinstance(shortage, Shortage)
    assert shortage.error is HostError
    assert str(tmp_path / "cache") in shortage.message
    assert "SATCHEL_CACHE" in shortage.hint


def test_what_is_in_the_pool_need_not_be_fetched(drive: tuple[Path, Channel, Channel], tmp_path: Path) -> None:
    loaded = school(tmp_path, drive[0], ids=drive[1].id)

    def brought() -> int:
        stores = [store for disk in planned(loaded, tmp_path).disks() for store in disk.stores]
        return sum(each.least for store in stores for each in store.amounts if each.what == "content to bring")

    files = sorted(drive[1].files)
    assert brought() == sum(file.size for file in files)
    DirectorySource(directory=drive[0]).bring(files[1:], ContentPool(), advance=lambda _size: None)
    assert brought() == files[0].size


def test_content_that_lies_ready_is_not_counted_again(drive: tuple[Path, Channel, Channel], tmp_path: Path) -> None:
    plan = planned(school(tmp_path, drive[0]), tmp_path)
    ready = replace(plan, host=replace(plan.host, content_made=True))
    whole, rest = (sum(disk.least for disk in each.disks()) for each in (plan, ready))
    assert whole - rest == sum(file.size for file in all_files(drive[1:]))


@pytest.mark.parametrize("beside", [True, False], ids=["lock beside the recipe", "lock of a bundle"])
def test_a_build_refuses_before_anything_but_databases_is_fetched(
    drive: tuple[Path, Channel, Channel], tmp_path: Path, cache: Path, *, beside: bool
) -> None:
    loaded = school(tmp_path, drive[0], disk="{partitions: [{name: content, size: 1MiB}]}")
    channels = find_locked(loaded, offline=False, reporter=Reporter()).channels
    for channel in channels:
        Pool().path(channel.sha256).unlink()
    package = deb("base-files")
    locked = a_lock(base=(package,), inputs=inputs_of(loaded)).model_copy(update={"channels": channels})
    write_lock(lock_path(loaded), locked)
    fixed = FixedSupply(loaded=loaded, lock=locked, offline=False, reporter=Reporter())
    supply = RecipeSupply(loaded=loaded, locked=True, offline=False, reporter=Reporter()) if beside else fixed
    with pytest.raises(PlanError, match=r"school\.yml:\d+:5: content\[0\]: the content needs .* too much"):
        build_image(loaded, supply, dist=tmp_path / "dist", reporter=Reporter())
    assert Pool().missing([*channels, package]) == (package,), "only the databases were fetched"
    assert not (cache / "content/storage").exists()
    assert list((tmp_path / "dist").iterdir()) == [], "nothing half-made is left"


def test_a_build_refuses_what_the_disks_of_this_machine_cannot_hold(
    drive: tuple[Path, Channel, Channel], tmp_path: Path, cache: Path
) -> None:
    loaded = school(tmp_path, large(drive, tmp_path), disk="{card: 100 TB}")
    channels = find_locked(loaded, offline=False, reporter=Reporter()).channels
    locked = a_lock().model_copy(update={"channels": channels})
    supply = FixedSupply(loaded=loaded, lock=locked, offline=False, reporter=Reporter())
    with pytest.raises(HostError, match="but the build writes at least"):
        build_image(loaded, supply, dist=tmp_path / "dist", reporter=Reporter())
    assert not (cache / "content/storage").exists()

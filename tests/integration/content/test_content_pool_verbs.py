"""Channels into the pool, kept whole, and out of it again, as a person does it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder.content.pool.pool import ContentPool
from builder.host.holding import release
from builder.host.store import Store
from builder.kolibri.channels import ContentFile
from builder.kolibri.demo.channel import make_demo_channel
from builder.progress import Reporter

from .school import School, retitle, sql

PARTIES = "Ψυχή 👩🏽‍🔬 المدرسة\nশিক্ষা"


def _flip(path: Path) -> None:
    """Change a byte and nothing else that a look would see."""
    facts = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _pooled(school: School, file: ContentFile) -> Path:
    return ContentPool(school.cache / "content").path(file)


def test_the_list_says_what_is_here_and_what_is_not(school: School) -> None:
    before = school.satchel("content", "list")
    assert (before.status, before.stderr) == (0, "")
    assert f"  {school.channel.id}  version 1\n" in before.stdout
    assert "  missing: 10 files, 952.7 KiB\n  used by school.yml\npool: 0 files, 0 B\n" in before.stdout
    assert school.satchel("content", "fetch", "school.yml").status == 0
    (row,) = school.satchel("content", "list", "--json").json
    assert (row["missing"], row["recipes"], row["partial"]) == ({"files": 0, "bytes": 0}, ["school.yml"], False)
    assert (row["files"], row["bytes"], row["resources"]) == (10, 975530, 8)
    _pooled(school, school.channel.files[0]).unlink()
    (row,) = school.satchel("content", "list", "school.yml", "--json").json
    assert row["missing"] == {"files": 1, "bytes": school.channel.files[0].size}


def test_what_two_channels_share_is_told(school: School) -> None:
    make_demo_channel(school.directory / "second" / "content", languages=("en",), lessons=2)
    school.recipe("both", "  - channels: {sources: [{drive: drive}]}\n  - channels: {sources: [{drive: second}]}\n")
    school.lock("both")
    rows = school.satchel("content", "list", "both.yml", "--json").json
    assert len(rows) == 2
    common = {file.md5: file.size for file in school.channel.files}
    assert {row["shared_bytes"] for row in rows} == {578133}
    assert sum(common.values()) > 578133


def test_a_lock_of_another_program_and_a_damaged_one_do_not_hide_the_rest(school: School) -> None:
    (school.directory / "poetry.lock").write_text("[[package]]\n")
    (school.directory / "torn.lock").write_bytes((school.directory / "school.lock").read_bytes()[:-70])
    said = school.satchel("content", "list")
    assert said.status == 0
    assert school.channel.id in said.stdout
    assert said.stderr == "note: torn.lock was changed by hand (it has no checksum)\n"
    # But nobody knows what the damaged one needs.
    refused = school.satchel("content", "gc")
    assert refused.status == 10
    assert "torn.lock was changed by hand" in refused.stderr


def test_names_of_every_script_keep_to_their_line(school: School) -> None:
    retitle(school, PARTIES)
    strange = school.directory / "🚌 سوق" / "ຄຣິບ\u2028"
    strange.parent.mkdir()
    school.drive.rename(strange)
    said = school.satchel("content", "list", strange)
    assert said.stdout.splitlines()[0] == PARTIES.replace("\n", " ").replace("\u200d", " ")
    assert said.stdout.splitlines()[1].startswith(f"  {school.channel.id}")
    (row,) = school.satchel("content", "list", strange, "--json").json
    assert row["id"] == school.channel.id


def test_an_archive_is_listed_as_what_is_in_it(school: School) -> None:
    archive = shutil.make_archive(str(school.directory / "packed"), "zip", school.drive)
    (row,) = school.satchel("content", "list", archive, "--json").json
    (unpacked,) = school.satchel("content", "list", "./drive", "--json").json
    assert row == unpacked


def test_a_source_that_is_none_is_refused_in_words(school: School) -> None:
    for word, status, words in (
        ("nowhere", 2, "there is no recipe nowhere"),
        ("./nowhere", 3, "there is no ./nowhere"),
        ("ftp://host/x", 3, "ftp://host/x is no address of channels"),
        (str(school.cache.parent / "cache"), 3, "holds no Kolibri content"),
    ):
        said = school.satchel("content", "list", word)
        assert (said.status, words in said.stderr) == (status, True), said.stderr
        assert "Traceback" not in said.stderr


def test_a_channel_that_cannot_be_read_does_not_hide_the_others(school: School) -> None:
    other = make_demo_channel(school.drive / "content", languages=("fr",), lessons=1)
    database = school.drive / "content" / "databases" / f"{other.id}.sqlite3"
    sql(database, "UPDATE content_channelmetadata SET min_schema_version = '9'")
    said = school.satchel("content", "list", "./drive")
    assert (said.status, school.channel.id in said.stdout) == (0, True), said.stderr
    assert "is written for content schema 9" in said.stdout


def test_a_fetch_says_what_came_from_where_and_goes_on(school: School) -> None:
    make_demo_channel(school.directory / "good" / "content", languages=("en", "sw"), lessons=2)
    (school.directory / "school.lock").unlink()
    school.recipe("school", "  - channels: {sources: [{drive: drive}, {drive: good}]}\n")
    school.lock("school")
    first, second = school.channel.files[:2]
    _flip(school.drive / "content" / first.path)
    (school.drive / "content" / second.path).unlink()
    said = school.satchel("content", "fetch", "school.yml")
    assert said.status == 0, said.stderr
    assert f"from drive {school.drive}\n" in said.stdout
    spoilt = first.size + second.size
    assert f"  2 files, {spoilt / 1024:.1f} KiB from drive {school.directory / 'good'}\n" in said.stdout
    _pooled(school, first).unlink()
    (told,) = school.satchel("content", "fetch", "school.yml", "--json").json
    assert told["came"] == [{"from": f"drive {school.directory / 'good'}", "files": 1, "bytes": first.size}]
    assert school.satchel("content", "fetch", "school.yml").stdout.endswith("  all of it was here\n")
    assert school.pooled() == sorted(file.name for file in school.channel.files)


def test_what_no_source_has_is_named_and_the_rest_stays(school: School) -> None:
    lost = school.channel.files[3]
    (school.drive / "content" / lost.path).unlink()
    said = school.satchel("content", "fetch", "school.yml")
    assert said.status == 3
    assert f"{lost.name}: drive {school.drive}: No such file or directory" in said.stderr
    assert "  1 file did not arrive\n" in said.stdout
    assert len(school.pooled()) == 9
    offline = school.satchel("content", "fetch", "school.yml", "--offline")
    assert offline.status == 3
    assert "the network may not be used" in offline.stderr


def test_another_version_than_the_locked_one_is_named(school: School) -> None:
    for file in (school.cache / "pool").glob("*/*"):
        file.unlink()
    (database,) = (school.drive / "content" / "databases").glob("*.sqlite3")
    sql(database, "UPDATE content_channelmetadata SET version = 7")
    said = school.satchel("content", "fetch", "school.yml")
    assert said.status == 3
    assert "no source has Satchel: first lessons in version 1, which the lock names" in said.stderr
    assert ": version 7" in said.stderr


def test_damage_is_named_with_its_origin_and_thrown_away(school: School) -> None:
    school.satchel("content", "fetch", "school.yml")
    file = school.channel.files[4]
    _flip(_pooled(school, file))
    dry = school.satchel("content", "verify", "--dry-run")
    assert (dry.status, _pooled(school, file).exists()) == (10, True)
    said = school.satchel("content", "verify")
    assert said.status == 10
    assert said.stdout.startswith(f"{file.name}: MD5 ")
    assert (
        f"; it came from drive {school.drive}\n10 files, 952.7 KiB read; 1 file damaged and thrown away\n"
        in said.stdout
    )
    assert not _pooled(school, file).exists()
    assert school.satchel("content", "verify").status == 0


def test_other_bytes_with_the_same_md5_would_be_found(school: School) -> None:
    school.satchel("content", "fetch", "school.yml")
    file = school.channel.files[4]
    sql(school.cache / "content" / "index.sqlite3", "UPDATE file SET sha256 = ? WHERE name = ?", "0" * 64, file.name)
    (told,) = school.satchel("content", "verify", "--json").json["damaged"]
    assert (told["file"], told["from"]) == (file.name, f"drive {school.drive}")
    assert told["what"].startswith("SHA-256 ")


def test_a_recipe_is_mended_from_its_sources(school: School) -> None:
    school.satchel("content", "fetch", "school.yml")
    damaged, short, missing = school.channel.files[:3]
    _flip(_pooled(school, damaged))
    _pooled(school, short).chmod(0o644)
    os.truncate(_pooled(school, short), 5)
    _pooled(school, missing).unlink()
    said = school.satchel("content", "verify", "school.yml", "--fix")
    assert said.status == 0, said.stderr
    assert f"{short.name}: 5 bytes instead of {short.size}" in said.stdout
    assert "2 files damaged and thrown away" in said.stdout
    assert "3 files fetched again\n" in said.stdout
    assert school.satchel("content", "verify", "school.yml").status == 0
    assert school.satchel("content", "verify", "--fix").status == 64


def test_a_layer_that_shares_a_damaged_file_is_thrown_away(school: School) -> None:
    school.satchel("content", "fetch", "school.yml")
    shared, alone = school.channel.files[:2]
    store = Store("layers", root=school.cache)

    def has(file: ContentFile, directory: Path) -> None:
        target = directory / "tree" / "srv" / "content" / file.path
        target.parent.mkdir(parents=True)
        os.link(_pooled(school, file), target)

    for key, file in (("a" * 64, shared), ("b" * 64, alone)):
        entry = store.obtain(
            key,
            name="content",
            parts={},
            build=lambda room, file=file: has(file, room),
            reporter=Reporter(),
            linked=True,
        )
        release(entry.path)
    _flip(_pooled(school, shared))
    said = school.satchel("content", "verify")
    assert "1 layer of the cache had them, too, and will be made again\n" in said.stdout
    assert [path.name for path in (school.cache / "layers").iterdir()] == ["b" * 64]


def test_collection_keeps_what_any_lock_needs(school: School) -> None:
    other = make_demo_channel(school.directory / "other" / "content", languages=("fr",), lessons=2)
    elsewhere = school.directory / "far" / "away"
    elsewhere.mkdir(parents=True)
    school.recipe("far/away/third", "  - channels: {sources: [{drive: ../../other}]}\n")
    school.lock("far/away/third")
    for name in ("school.yml", "far/away/third.yml"):
        assert school.satchel("content", "fetch", name).status == 0
    everything = school.pooled()
    kept = school.satchel("content", "gc", "--keep", "far/away/third.yml")
    assert kept.stdout.startswith("0 files, 0 B removed\n"), kept.stderr
    only_other = {file.name for file in other.files} - {file.name for file in school.channel.files}
    dry = school.satchel("content", "gc", "--dry-run", "--json").json
    assert set(dry["removed"]) == only_other
    assert school.pooled() == everything
    done = school.satchel("content", "gc")
    assert done.stdout.startswith(f"{len(only_other)} files, ")
    assert school.pooled() == sorted(file.name for file in school.channel.files)
    assert set(ContentPool(school.cache / "content").known()) == set(school.pooled())


def test_collection_takes_old_halves_and_leaves_new_ones(school: School) -> None:
    arriving = school.cache / "content" / "arriving"
    arriving.mkdir(parents=True)
    for name, age_s in (("old.png", 25 * 3600), ("new.png", 3600)):
        (arriving / name).write_bytes(b"half")
        os.utime(arriving / name, (time.time() - age_s,) * 2)
    said = school.satchel("content", "gc")
    assert "1 file, 4 B that arrived in part removed\n" in said.stdout
    assert [path.name for path in arriving.iterdir()] == ["new.png"]


def test_collection_waits_for_nobody_and_takes_nothing_from_a_build(school: School) -> None:
    school.satchel("content", "fetch", "school.yml")
    (school.directory / "school.lock").unlink()
    pool = school.cache / "content"
    use = "from builder.content.pool.pool import ContentPool\nfrom pathlib import Path\n"
    use += f"ContentPool(Path({str(pool)!r})).missing(())\n"
    command = [sys.executable, "-c", f"{use}print('held', flush=True)\ninput()\n"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline() == "held\n"
        said = school.satchel("content", "gc")
        builder.communicate("\n")
    assert (said.status, "in use by a build or a fetch" in said.stderr) == (4, True)
    assert len(school.pooled()) == 10
    assert school.satchel("content", "gc").stdout.startswith("10 files, ")


def test_collection_refuses_when_nobody_knows_what_a_lock_needs(school: School) -> None:
    school.satchel("content", "fetch", "school.yml")
    for file in (school.cache / "pool").glob("*/*"):
        file.unlink()
    said = school.satchel("content", "gc")
    assert said.status == 3
    assert "Satchel: first lessons, of school.yml" in said.stderr
    assert len(school.pooled()) == 10


def test_why_knows_the_place_the_use_and_the_origin_of_a_file(school: School) -> None:
    school.satchel("content", "fetch", "school.yml")
    file = next(file for file in school.channel.files if file.name.endswith(".zip"))
    facts = school.satchel("content", "why", f"storage/{file.path.parts[1]}/{file.name}", "--json").json
    (kept,) = facts["files"]
    assert (kept["file"], kept["bytes"], kept["from"]) == (file.name, file.size, f"drive {school.drive}")
    (channel,) = facts["channels"]
    (place,) = channel["places"]
    assert (channel["recipes"], place["presets"], place["licence"]) == (["school.yml"], ["html5_zip"], "CC BY")
    assert place["path"][:2] == ["Satchel: first lessons", "Lessons in English"]
    node = school.satchel("content", "why", place["node"]).stdout
    assert f"  {' > '.join(place['path'])}\n    {place['node']}  html5, " in node
    topic = school.satchel("content", "why", school.channel.id, "school.yml").stdout
    assert f"    {school.channel.root_id}  topic, 10 files, 952.7 KiB\n" in topic


def test_why_tells_what_a_lock_leaves_out(school: School) -> None:
    topics = school.satchel("content", "list", "./drive", "--nodes", "--json").json[0]["topics"]
    english, swahili = topics[1]["id"], topics[2]["id"]
    ids = f"ids: [{school.channel.id}], sources: [{{drive: drive}}], include: [{english}]"
    school.recipe("school", f"  - channels: {{{ids}}}\n")
    school.lock("school")
    (row,) = school.satchel("content", "list", "school.yml", "--nodes", "--json").json
    assert (row["resources"], row["partial"]) == (4, True)
    assert [topic["resources"] for topic in row["topics"]] == [4, 4]
    assert "needed by school.yml" in school.satchel("content", "why", english).stdout
    assert "what is taken of it does not need it" in school.satchel("content", "why", swahili).stdout


def test_why_refuses_what_it_does_not_know(school: School) -> None:
    assert school.satchel("content", "why", "hello").status == 64
    said = school.satchel("content", "why", "0" * 32)
    assert (said.status, said.stdout) == (2, "")
    assert "no known channel has" in said.stderr


@pytest.mark.in_namespace
def test_a_full_disk_ends_a_fetch_and_the_next_goes_on(tmp_path: Path) -> None:
    from .school import make_school

    school = make_school(tmp_path)
    content = school.cache / "content"
    content.mkdir()
    # Bytes enough, so that nobody refuses beforehand, but no room for more names.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m,nr_inodes=20", "tmpfs", content], check=True)
    said = school.satchel("content", "fetch", "school.yml")
    assert said.status == 4, said.stderr
    assert "No space left on device" in said.stderr
    assert "Traceback" not in said.stderr
    there = school.pooled()
    assert 0 < len(there) < 10
    subprocess.run(["mount", "-o", "remount,nr_inodes=500", content], check=True)
    again = school.satchel("content", "fetch", "school.yml", "--json")
    assert again.status == 0, again.stderr
    assert 0 < sum(each["files"] for each in again.json[0]["came"]) < 10
    assert school.satchel("content", "verify", "school.yml").status == 0
    assert json.loads(school.satchel("content", "list", "--json").stdout)[0]["missing"]["files"] == 0

"""Trees of plain files: what is taken of them, what is refused, and what is known before they lie there."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
import zstandard

from builder.audit.described import declared_facts
from builder.audit.facts import this_host
from builder.compare.owners import owners_of
from builder.content.pool.pool import DATE_S, ContentPool
from builder.content.sizes.plan import tree_will_lie
from builder.content.trees import hashes
from builder.content.trees.listing import parse_listing
from builder.content.trees.tree import TreeSource, look_at, marks_of
from builder.disk.ext4_size import measure, measure_files
from builder.disk.source import Source
from builder.errors import ArtifactError, PlanError
from builder.host.places import RECIPES
from builder.layers.files import lay_files
from builder.manifest import portable
from builder.recipe.content import ContentSource, Files
from builder.recipe.load import load_recipe

NAMES = ("Ψυχή.pdf", "المدرسة", "শিক্ষা 📚👩🏽‍🔬", "two\nlines", "tab\tand 'quotes' \"\\", " spaces ", "u\u2028v", "-rf")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SATCHEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Names of every script, links, an empty directory, and twins: in two places, and under two endings."""
    top = tmp_path / "library"
    for name in NAMES:
        (top / name).mkdir(parents=True)
        (top / name / name).write_text(name * 1000)
    (top / "empty" / "inside").mkdir(parents=True)
    (top / "nothing.txt").touch()
    for twin in ("a.bin", "b.TXT", "empty/a.bin", "c.tar.gz", "d.no ending"):
        (top / twin).write_bytes(b"twin" * 5000)
    (top / "up").symlink_to("empty")
    (top / "empty" / "back").symlink_to("../Ψυχή.pdf/Ψυχή.pdf")
    (top / "far").symlink_to("no" * 60)
    return top


def everything(top: Path) -> dict[str, object]:
    """What a person sees of a tree."""
    return {
        path.relative_to(top).as_posix(): (
            str(path.readlink()) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        )
        for path in top.rglob("*")
    }


def laid(place: Path, tmp_path: Path) -> Path:
    """A directory or an archive, as the layer has it."""
    listing = look_at(place)
    pool = ContentPool()
    source = TreeSource(place=place, listing=parse_listing(listing.text()))
    assert source.bring(tuple(sorted(set(listing.pooled.values()))), pool, advance=lambda _size: None) == {}
    lay_files(tmp_path / "laid", listing, pool)
    return tmp_path / "laid"


def test_a_tree_is_laid_out_as_it_was(tree: Path, tmp_path: Path) -> None:
    there = laid(tree, tmp_path)
    assert everything(there) == everything(tree)
    facts = [path.lstat() for path in (there, *there.rglob("*")) if not path.is_symlink()]
    assert {(oct(each.st_mode), int(each.st_mtime)) for each in facts} == {("0o40755", DATE_S), ("0o100444", DATE_S)}
    assert {int(path.lstat().st_mtime) for path in there.rglob("*")} == {DATE_S}


@pytest.mark.parametrize("form", ["tar", "gz", "zst"])
def test_an_archive_is_the_tree_that_was_packed(tree: Path, tmp_path: Path, form: str) -> None:
    # A tar names it as the same file as the first.
    os.link(tree / "a.bin", tree / "linked.other")
    with tarfile.open(tmp_path / "library.tar", "w:gz" if form == "gz" else "w") as archive:
        archive.add(tree, ".")
    if form == "zst":
        plain = (tmp_path / "library.tar").read_bytes()
        (tmp_path / "library.tar").write_bytes(zstandard.compress(plain))
    assert look_at(tmp_path / "library.tar").text() == look_at(tree).text()
    assert everything(laid(tmp_path / "library.tar", tmp_path)) == everything(tree)


def test_a_zip_is_the_tree_that_was_packed(tree: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "library.zip", "w") as archive:
        for path in sorted(tree.rglob("*")):
            name = path.relative_to(tree).as_posix()
            if path.is_symlink():
                link = zipfile.ZipInfo(name)
                link.create_system, link.external_attr = 3, 0o120777 << 16
                archive.writestr(link, str(path.readlink()))
            else:
                archive.write(path, name)
    assert look_at(tmp_path / "library.zip").text() == look_at(tree).text()
    assert everything(laid(tmp_path / "library.zip", tmp_path)) == everything(tree)


def test_what_is_planned_is_what_the_build_measures(tree: Path, tmp_path: Path) -> None:
    there = laid(tree, tmp_path)
    mount = tmp_path / "mount"
    mount.mkdir()
    there.rename(mount / "books")
    assert measure_files(tree_will_lie("books", look_at(tree))) == measure(Source(path=mount))


def test_a_tree_that_is_the_whole_partition_is_planned_so(tree: Path, tmp_path: Path) -> None:
    assert measure_files(tree_will_lie(".", look_at(tree))) == measure(Source(path=laid(tree, tmp_path)))


def test_a_listing_is_read_as_it_was_written(tree: Path) -> None:
    listing = look_at(tree)
    assert parse_listing(listing.text()) == listing
    assert set(NAMES) <= listing.directories


@pytest.mark.parametrize("path", ["../up", "/top", "a//b", "a/./b", ""])
def test_a_listing_that_leads_out_is_refused(path: str) -> None:
    line = f'{{"directory": "{path}"}}\n'.encode()
    with pytest.raises(ArtifactError, match="no listing"):
        parse_listing(line)


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "empty/../../outside", "up/../../outside", "empty/back/../../.."]
)
def test_a_link_that_leads_out_is_refused(tree: Path, target: str) -> None:
    (tree / "way out").symlink_to(target)
    with pytest.raises(PlanError, match="way out is a link that leads out of it"):
        look_at(tree)


def test_what_is_no_file_is_refused_with_its_path(tree: Path) -> None:
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(str(tree / "empty" / "socket"))
    with pytest.raises(PlanError, match=r"library: empty/socket is neither a file nor a directory"):
        look_at(tree)


def test_a_name_that_is_not_utf8_is_refused_readably(tree: Path) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/caf\xe9")).touch()
    with pytest.raises(PlanError, match=r"library: caf\\xe9 has a name that is not UTF-8") as caught:
        look_at(tree)
    caught.value.message.encode()


def test_a_tree_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bare" / "directory").mkdir(parents=True)
    with pytest.raises(PlanError, match="holds no file"):
        look_at(tmp_path / "bare")


def packed(tmp_path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(tmp_path / "made.tar", "w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return tmp_path / "made.tar"


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([(tarfile.TarInfo("../a"), b"x")], "a leads out of it"),
        ([(tarfile.TarInfo("/a"), b"x")], "/a leads out of it"),
        ([(tarfile.TarInfo("n" * 256), b"x")], "more than 255 bytes"),
        ([(tarfile.TarInfo("d/f"), b"x"), (link("d", "."), b"")], "d is a file, and a directory, too"),
        ([(tarfile.TarInfo("f"), b"x"), (link("l", "f/../.."), b"")], "l is a link that leads out"),
    ],
)
def test_an_archive_cannot_lead_out(tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        look_at(packed(tmp_path, *members))


def test_an_archive_that_was_cut_is_refused(tree: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "whole.tar", "w") as archive:
        archive.add(tree, ".")
    (tmp_path / "cut.tar").write_bytes((tmp_path / "whole.tar").read_bytes()[:-30_000])
    with pytest.raises(PlanError, match="cannot be read to its end"):
        look_at(tmp_path / "cut.tar")


def test_a_manifest_does_not_say_where_a_tree_lay() -> None:
    loaded = load_recipe(RECIPES / "kolibri-pc.yml")
    files = ContentSource(files=Files(tree="../../home/teacher/library", to="/srv/content/library"))
    told = portable(loaded.recipe.model_copy(update={"content": (files,)}))
    assert told.content == (ContentSource(files=Files(tree="library", to="/srv/content/library")),)


def test_a_tree_is_known_as_content_to_whoever_looks_at_the_image() -> None:
    recipe = load_recipe(RECIPES / "kolibri-pc.yml").recipe
    recipe = recipe.model_copy(update={"content": (ContentSource(files=Files(tree="x", to="/srv/content/x")),)})
    host = this_host(Path("/nowhere"))
    facts = declared_facts(recipe, host)
    assert (facts.bulk, facts.files) == (("/srv/content/kolibri/storage",), ("/srv/content/x",))
    owners = owners_of(recipe, packages={}, overlays=RECIPES)
    assert owners.of("/srv/content/x/a") == "content in /srv/content/x"


def test_what_did_not_change_is_not_read_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "_SETTLED_NS", -1)
    first, changed = look_at(tree), tree / "a.bin"
    with monkeypatch.context() as unreadable:
        unreadable.setattr(hashes, "hash_blocks", lambda *_, **__: pytest.fail("it was read"))
        assert look_at(tree) == first
    times = changed.stat()
    changed.write_bytes(b"niwt" * 5000)
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert look_at(tree).files["a.bin"].md5 != first.files["a.bin"].md5, "its time was set back, and nobody is fooled"


def test_a_file_that_may_change_again_unseen_is_not_remembered(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    monkeypatch.setattr(hashes.time, "time_ns", lambda: now)
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, ns=(now, now))
    look_at(tree)
    with hashes.Hashes() as known:
        (number,) = known._database.execute("SELECT count(*) FROM file").fetchone()
    assert number == 0


def test_the_marks_tell_a_change_without_reading(tree: Path) -> None:
    before = marks_of(tree)
    assert marks_of(tree) == before
    (tree / "new").touch()
    assert marks_of(tree) != before
    assert marks_of(tree / "not there") == ""

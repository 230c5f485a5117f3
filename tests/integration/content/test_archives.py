"""Archives of drives, as people pack them: every format, every name, and damaged ones."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import subprocess
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from builder.content.source.archive import ArchiveSource
from builder.errors import PlanError
from builder.kolibri.channels import read_channel
from builder.kolibri.selection import Choice

AROUND = "Vifaa vya 🎒/المحتوى/里 \n'\"/KOLIBRI_DATA"

EVIL = ("../../evil", "/tmp/evil", f"{AROUND}/content/databases/../../../../evil")


def pack(path: Path, top: Path, *, around: str = AROUND, extra: tuple[str, ...] = ()) -> Path:
    """Everything below `top` below `around`, and files of other names."""
    files = [
        (f"{around}/{file.relative_to(top)}", file.read_bytes()) for file in sorted(top.rglob("*")) if file.is_file()
    ]
    files += [(name, b"evil") for name in extra]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in files:
                archive.writestr(name, body)
        return path
    packed = io.BytesIO()
    kind = path.name.rpartition(".tar")[2].lstrip(".")
    with tarfile.open(fileobj=packed, mode="w:" if kind == "zst" else f"w:{kind}") as archive:
        for name, body in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
        link = tarfile.TarInfo(f"{around}/content/databases/{'e' * 32}.sqlite3")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    body = packed.getvalue()
    path.write_bytes(zstandard.compress(body) if kind == "zst" else body)
    return path


@pytest.fixture
def copy(drive, tmp_path):
    """A copy of the drive, to be changed."""
    shutil.copytree(drive[0], tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.tar.zst", "a.zip"])
def test_a_channel_comes_whole_out_of_an_archive(drive, pool, tmp_path, name):
    directory, channel = drive
    before = set(tmp_path.rglob("*"))
    source = ArchiveSource(pack(tmp_path / name, directory, extra=EVIL))
    assert [listed.id for listed in source.channels()] == [channel.id]
    assert source.identify(channel.id) == channel.id
    assert source.identify("abcde-fghij") is None
    assert source.database(channel.id, tmp_path / "database") is None
    assert read_channel(tmp_path / "database", Choice(), named=channel.id) == channel
    told = []
    assert source.bring(channel.files, pool, advance=told.append) == {}
    assert sum(told) == sum(file.size for file in channel.files)
    for file in channel.files:
        assert pool.path(file).read_bytes() == (directory / "content" / file.path).read_bytes()
    made = {path for path in tmp_path.rglob("*") if path not in before and not path.is_relative_to(pool.root)}
    assert {path.name for path in made} == {name, "database"}
    assert not Path("/tmp/evil").exists()


def test_what_tar_itself_packs_is_read(drive, pool, tmp_path):
    directory, channel = drive
    subprocess.run(["tar", "-czf", tmp_path / "a.tgz", "-C", directory.parent, directory.name], check=True)
    source = ArchiveSource(tmp_path / "a.tgz")
    (pool.root / "arriving").mkdir(parents=True)
    for number, file in enumerate(channel.files):
        body = (directory / "content" / file.path).read_bytes()
        (pool.root / "arriving" / file.name).write_bytes(b"wrong" if number % 2 else body[:100])
    assert source.database(channel.id, tmp_path / "database") is None
    assert source.bring(channel.files, pool, advance=lambda _: None) == {}


def test_names_with_backslashes_are_those_of_windows(drive, pool, tmp_path):
    directory, channel = drive
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in sorted(path for path in directory.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(file.relative_to(directory)).replace("/", "\\"))
            entry.create_system = 0
            archive.writestr(entry, file.read_bytes())
    assert ArchiveSource(tmp_path / "a.zip").bring(channel.files, pool, advance=lambda _: None) == {}


def test_an_archive_with_a_part_offers_that_part(drive, copy, pool, tmp_path):
    channel = drive[1]
    gone = max(channel.files, key=lambda file: file.name.endswith(".pdf"))
    (copy / "content" / gone.path).unlink()
    source = ArchiveSource(pack(tmp_path / "a.tar", copy))
    offered = source.database(channel.id, tmp_path / "database")
    part = read_channel(tmp_path / "database", Choice(), offered=offered, named=channel.id)
    assert part.resources == channel.resources - 1
    assert source.bring(part.files, pool, advance=lambda _: None) == {}
    assert source.bring([gone], pool, advance=lambda _: None) == {gone: "the archive does not hold it"}

    (copy / "content" / gone.path).write_bytes((drive[0] / "content" / gone.path).read_bytes())
    for thumbnail in (copy / "content" / "storage").rglob("*.png"):
        thumbnail.unlink()
    assert ArchiveSource(pack(tmp_path / "c.tar", copy)).database(channel.id, tmp_path / "database") is None

    shutil.rmtree(copy / "content" / "storage")
    with pytest.raises(PlanError, match="has nothing of it"):
        ArchiveSource(pack(tmp_path / "b.tar", copy)).database(channel.id, tmp_path / "database")


def test_a_manifest_says_what_is_offered(drive, copy, tmp_path):
    channel = drive[1]
    with closing(sqlite3.connect(copy / "content" / "databases" / f"{channel.id}.sqlite3")) as database:
        (topic,) = database.execute(
            "SELECT id FROM content_contentnode WHERE lang_id = 'sw' AND kind = 'topic'"
        ).fetchone()
    offer = {"channels": [{"id": channel.id, "version": 1, "include_node_ids": [topic]}]}
    (copy / "content" / "manifest.json").write_text(json.dumps(offer))
    (copy / "manifest.json").write_text("{}")
    assert ArchiveSource(pack(tmp_path / "a.zip", copy)).database(channel.id, tmp_path / "x") == {topic}


def test_a_damaged_file_in_an_archive_is_never_installed(drive, copy, pool, tmp_path):
    channel = drive[1]
    bad, long, short = channel.files[:3]
    (copy / "content" / bad.path).write_bytes(bytes(bad.size))
    (copy / "content" / long.path).write_bytes((copy / "content" / long.path).read_bytes() + b"x")
    (copy / "content" / short.path).write_bytes(b"x")
    failed = ArchiveSource(pack(tmp_path / "a.tar.gz", copy)).bring(channel.files, pool, advance=lambda _: None)
    assert set(failed) == {bad, long, short} == set(pool.missing(channel.files))
    assert failed[bad].startswith("MD5 ")
    assert failed[long] == f"{long.size + 1} bytes instead of {long.size}"
    assert failed[short] == f"1 bytes instead of {short.size}"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.xz", "a.tar.zst", "a.zip"])
def test_an_archive_that_was_cut_is_not_taken_for_a_small_one(drive, pool, tmp_path, name):
    directory, channel = drive
    path = pack(tmp_path / name, directory)
    whole = path.read_bytes()
    for cut in (len(whole) - 10_240, len(whole) // 2, 1000, 100, 0):
        path.write_bytes(whole[:cut])
        with pytest.raises(PlanError, match=r"archive .* cannot be read to its end"):
            ArchiveSource(path).database(channel.id, tmp_path / "database")
    path.write_bytes(whole[: len(whole) // 2])
    failed = ArchiveSource(path).bring(channel.files, pool, advance=lambda _: None)
    assert failed
    assert set(failed) == set(pool.missing(channel.files))
    assert all(reason.startswith("the archive cannot be read to its end: ") for reason in failed.values())


def test_an_archive_cut_between_two_files_is_not_whole(drive, tmp_path):
    path = pack(tmp_path / "a.tar", drive[0])
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
    with path.open("r+b") as file:
        file.truncate(last.offset)
    with pytest.raises(PlanError, match="cannot be read to its end"):
        ArchiveSource(path).channels()


def test_what_is_no_archive_of_content_is_said(drive, tmp_path):
    (tmp_path / "a.tar").write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(PlanError, match="cannot be read to its end"):
        ArchiveSource(tmp_path / "a.tar").channels()
    with pytest.raises(PlanError, match="No such file"):
        ArchiveSource(tmp_path / "none.tar").channels()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/readme").write_text("x")
    with pytest.raises(PlanError, match="holds no Kolibri content"):
        ArchiveSource(pack(tmp_path / "b.tar", tmp_path / "empty")).channels()
    for name in ("one", "two"):
        shutil.copytree(drive[0], tmp_path / "both" / name)
    with pytest.raises(PlanError, match="several content directories") as caught:
        ArchiveSource(pack(tmp_path / "c.zip", tmp_path / "both", around="x")).channels()
    assert "x/one/content/\n  x/two/content/" in str(caught.value)


def test_a_zip_with_a_password_is_said(drive, pool, tmp_path):
    path = pack(tmp_path / "a.zip", drive[0])
    body = bytearray(path.read_bytes())
    at = 0
    while (at := body.find(b"PK\1\2", at + 1)) > 0:
        body[at + 8] |= 1
    path.write_bytes(body)
    with pytest.raises(PlanError, match="wants a password"):
        ArchiveSource(path).channels()
    failed = ArchiveSource(path).bring(drive[1].files, pool, advance=lambda _: None)
    assert set(failed.values()) == {"the archive wants a password"}

"""The demonstration channel: the same bytes every time, and files that other programs accept."""

import hashlib
import io
import json
import sqlite3
import struct
import zipfile
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from builder.kolibri.channels import find_channels, missing_files
from builder.kolibri.demo.channel import make_demo_channel
from builder.kolibri.demo.picture import Canvas
from builder.kolibri.demo.texts import DATA, LESSONS, load_language
from tests.damaged import damaged_files

LANGUAGES = ("en", "fr", "es", "sw")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    target = tmp_path_factory.mktemp("demo")
    return target, make_demo_channel(target, languages=LANGUAGES, lessons=14)


def tree_digest(directory: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(directory)}\n".encode() + path.read_bytes())
    return total.hexdigest()


def bodies(directory: Path, suffix: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(directory.rglob(f"*.{suffix}"))]


def test_same_arguments_give_same_bytes(tmp_path):
    for name in ("one", "two"):
        make_demo_channel(tmp_path / name, languages=("en", "sw"), lessons=2)
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")


def test_bytes_are_known(tmp_path):
    """The digest of a small channel on every machine; when it changes, so must VERSION."""
    make_demo_channel(tmp_path, languages=("fr",), lessons=1)
    assert tree_digest(tmp_path) == "74cb09b34ac29ba3a7125c7cc8b7847404f94726cc8b11015cea45f5926ef532"


def test_other_arguments_give_another_channel(tmp_path, demo):
    other = make_demo_channel(tmp_path, languages=("en",), lessons=1)
    assert other.id != demo[1].id


def test_describes_itself(demo):
    target, channel = demo
    assert channel.resources == len(LANGUAGES) * 14 * 2
    assert channel.languages == tuple(sorted(LANGUAGES))
    assert channel.licences == ("CC BY",)
    assert not channel.partial
    assert missing_files(target, channel) == ()
    assert damaged_files(target, channel) == []
    assert find_channels(target) == (channel,)


def test_default_size_is_a_few_megabytes(tmp_path):
    channel = make_demo_channel(tmp_path, languages=("en", "fr"), lessons=12)
    assert 3_000_000 < channel.size < 7_000_000


def test_nested_sets_are_consistent(demo):
    target, channel = demo
    with closing(sqlite3.connect(target / "databases" / f"{channel.id}.sqlite3")) as database:
        rows = database.execute("SELECT id, parent_id, lft, rght, level, kind FROM content_contentnode").fetchall()
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    places = {row[0]: row for row in rows}
    assert sorted(number for row in rows for number in row[2:4]) == list(range(1, 2 * len(rows) + 1))
    for _, parent, left, right, level, kind in rows:
        if parent is None:
            assert (left, level) == (1, 0)
        else:
            above = places[parent]
            assert above[2] < left < right < above[3]
            assert level == above[4] + 1
            assert above[5] == "topic"
        assert (right - left == 1) == (kind != "topic")


def test_database_forgets_the_sqlite_that_wrote_it(demo):
    target, channel = demo
    header = (target / "databases" / f"{channel.id}.sqlite3").read_bytes()[:100]
    assert struct.unpack(">I", header[96:100]) == (3_040_001,)


def test_apps_are_whole_and_need_no_network(demo):
    for body in bodies(demo[0], "zip"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert archive.testzip() is None
            files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
            assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert set(files) == {"index.html", "content.js", "lesson.css", "lesson.js", "picture.png"}
        for name, text in files.items():
            assert name.endswith(".png") or b"://" not in text
        content = json.loads(files["content.js"].decode().removeprefix("const LESSON = ").rstrip(";\n"))
        assert content["text"]
        assert content["quiz"]
        assert content["activity"] != "order" or content["steps"]
        assert content["activity"] != "match" or len(content["words"]) > 2


def test_sheets_are_pdf_with_right_offsets(demo):
    for body in bodies(demo[0], "pdf"):
        assert body.startswith(b"%PDF-1.4\n")
        assert body.endswith(b"%%EOF\n")
        start = int(body.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
        lines = body[start:].split(b"\n")
        assert lines[0] == b"xref"
        for number, line in enumerate(lines[3 : 2 + int(lines[1].split()[1])], 1):
            assert body[int(line[:10]) :].startswith(b"%d 0 obj" % number)


def test_png_is_a_png():
    canvas = Canvas("sky")
    canvas.disc(10, 10, 5, "red")
    body = canvas.picture().png()
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    place, kinds, data = 8, [], b""
    while place < len(body):
        length, kind = struct.unpack(">I4s", body[place : place + 8])
        content = body[place + 8 : place + 8 + length]
        assert struct.unpack(">I", body[place + 8 + length : place + 12 + length]) == (zlib.crc32(kind + content),)
        kinds.append(kind)
        data += content if kind == b"IDAT" else b""
        place += 12 + length
    assert kinds == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert len(zlib.decompress(data)) == 225 * 401


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_says_everything(code):
    language, english = load_language(code), load_language("en")
    assert set(language.words) == set(english.words)
    assert [lesson.key for lesson in language.written] == list(LESSONS)
    for lesson, original in zip(language.written, english.written, strict=True):
        assert len(lesson.text) == len(original.text)
        assert len(lesson.words) == len(original.words)
        assert len(lesson.steps) == len(original.steps)
        assert len(lesson.title) <= 80
        for question in lesson.quiz:
            assert len({question.right, *question.wrong}) == 3
    lesson_texts = (DATA / f"{code}.toml").read_text()
    lesson_texts.encode("cp1252")


def test_practice_knows_its_answers():
    for lesson in list(load_language("en").lessons(500))[12:]:
        for question in lesson.quiz:
            left, sign, right, *_ = question.ask.split()
            result = int(left) + int(right) if sign == "+" else int(left) - int(right)
            assert question.right == str(result)
            assert len({question.right, *question.wrong}) == 3
            assert 0 <= result <= lesson.limit

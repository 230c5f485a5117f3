"""Files on their way into the pool: left half done, brought by two at once, and not what their names say."""

from __future__ import annotations

import hashlib
from threading import Thread

import pytest

from builder.content.pool.pool import ContentPool, Spoilt
from builder.kolibri.channels import ContentFile

BODY = bytes(range(256)) * 40
FILE = ContentFile(name=f"{hashlib.md5(BODY).hexdigest()}.pdf", size=len(BODY))

# Two blocks with the same MD5 (Wang, Feng, Lai, Yu: Collisions for Hash Functions, 2004).
TWINS = (
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f8955ad340609f4b30283e488832571415a"
    "085125e8f7cdc99fd91dbdf280373c5bd8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70",
    "d131dd02c5e6eec4693d9a0698aff95c2fcab50712467eab4004583eb8fb7f8955ad340609f4b30283e4888325f1415a"
    "085125e8f7cdc99fd91dbd7280373c5bd8823e3156348f5bae6dacd436c919c6dd53e23487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080280d1ec69821bcb6a8839396f965ab6ff72a70",
)


def arrive(pool, body, file=FILE):
    with pool.arriving(file, origin="test") as arrival:
        assert arrival is not None
        arrival.write(body[arrival.offset :])


def test_a_wrong_beginning_that_another_source_left_is_replaced(pool, tmp_path):
    (pool.root / "arriving").mkdir(parents=True)
    (pool.root / "arriving" / FILE.name).write_bytes(b"wrong")
    (tmp_path / "right").write_bytes(BODY)
    pool.take(tmp_path / "right", FILE, origin="drive", advance=lambda _: None)
    assert pool.path(FILE).read_bytes() == BODY
    (tmp_path / "wrong").write_bytes(BODY[::-1])
    pool.discard([FILE.name])
    with pytest.raises(Spoilt):
        pool.take(tmp_path / "wrong", FILE, origin="drive", advance=lambda _: None)


@pytest.mark.parametrize("good", [True, False])
def test_who_waited_for_another_has_the_file_or_brings_it(pool, good):
    """The second waits for the first; when that one spoils the file, the second must not take it for brought."""
    seen = []

    def second():
        with pool.arriving(FILE, origin="second") as arrival:
            seen.append(arrival)
            if arrival is not None:
                arrival.write(BODY)

    waiting = Thread(target=second)
    try:
        with pool.arriving(FILE, origin="first") as arrival:
            waiting.start()
            arrival.write(BODY if good else BODY[::-1])
            waiting.join(0.2)
            assert not seen
    except Spoilt:
        assert not good
    waiting.join()
    assert (seen == [None]) == good
    assert pool.missing([FILE]) == ()
    assert pool.known()[FILE.name].origin == ("first" if good else "second")


def test_other_bytes_of_the_same_md5_are_refused(pool):
    one, other = map(bytes.fromhex, TWINS)
    file = ContentFile(name=f"{hashlib.md5(one).hexdigest()}.zip", size=len(one))
    assert file.md5 == hashlib.md5(other).hexdigest()
    arrive(pool, one, file)
    pool.settle()
    pool.path(file).unlink()
    with pytest.raises(Spoilt, match=f"SHA-256 {hashlib.sha256(other).hexdigest()}, but under this name"):
        arrive(pool, other, file)
    arrive(pool, one, file)
    assert pool.path(file).read_bytes() == one


def test_files_that_were_never_written_down_are_read_once_more(pool):
    arrive(pool, BODY)
    other = ContentPool(pool.root)
    assert other.missing([FILE]) == ()
    assert other.known()[FILE.name].origin == "found in the pool"
    path = other.path(FILE)
    path.chmod(0o644)
    path.write_bytes(BODY[::-1])
    assert other.missing([FILE]) == (FILE,)
    assert not path.exists()


def test_a_file_is_not_thrown_away_because_a_channel_has_its_size_wrong(pool):
    arrive(pool, BODY)
    lie = ContentFile(name=FILE.name, size=FILE.size + 1)
    assert pool.missing([lie]) == (lie,)
    assert pool.missing([FILE]) == ()

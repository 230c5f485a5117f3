import hashlib
import os
import threading
from pathlib import Path

import pytest

from builder.errors import ArtifactError
from builder.host.holding import alone, release
from builder.host.pool import Pool
from builder.lock.model import Deb

DATA = b"a package" * 1000
WANTED = Deb(
    name="nano",
    version="1",
    architecture="amd64",
    size_bytes=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    file="pool/main/n/nano/nano_1_amd64.deb",
)


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path / "cache" / "pool")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "nano.deb"
    path.write_bytes(DATA)
    return path


def test_what_is_added_is_there_and_the_source_stays(pool: Pool, source: Path) -> None:
    assert pool.missing([WANTED, WANTED]) == (WANTED,)
    pool.add(source, WANTED)
    assert pool.missing([WANTED]) == ()
    assert pool.verified(WANTED).read_bytes() == DATA
    assert source.read_bytes() == DATA
    assert not source.samefile(pool.path(WANTED.sha256)), "a change of the source must not reach the pool"


def test_another_file_is_refused_and_leaves_nothing(pool: Pool, source: Path, tmp_path: Path) -> None:
    source.write_bytes(DATA[:-1] + b"?")
    with pytest.raises(ArtifactError, match=r"nano_1_amd64.deb is not the file that the lock names") as raised:
        pool.add(source, WANTED)
    assert f"instead of {WANTED.sha256}" in str(raised.value)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("damage", [DATA[:-1] + b"?", DATA[:100], b""])
def test_a_damaged_file_is_thrown_away(pool: Pool, source: Path, damage: bytes) -> None:
    pool.add(source, WANTED)
    pool.path(WANTED.sha256).write_bytes(damage)
    with pytest.raises(ArtifactError, match="was damaged in the pool"):
        pool.verified(WANTED)
    assert pool.missing([WANTED]) == (WANTED,)


def test_a_truncated_file_is_missing_before_it_is_read(pool: Pool, source: Path) -> None:
    pool.add(source, WANTED)
    os.truncate(pool.path(WANTED.sha256), 10)
    assert pool.missing([WANTED]) == (WANTED,)
    pool.add(source, WANTED)
    assert pool.verified(WANTED).read_bytes() == DATA


def test_a_missing_file_says_what_to_do(pool: Pool) -> None:
    with pytest.raises(ArtifactError, match="is not in the pool") as raised:
        pool.verified(WANTED)
    assert raised.value.hint == "build again with network"


def test_use_is_remembered(pool: Pool, source: Path) -> None:
    pool.add(source, WANTED)
    os.utime(pool.path(WANTED.sha256), (1, 1))
    pool.verified(WANTED)
    assert pool.path(WANTED.sha256).stat().st_mtime > 1


def test_what_is_there_is_held_while_it_may_be_used(pool: Pool, source: Path) -> None:
    pool.add(source, WANTED)
    root = pool.path(WANTED.sha256).parents[1]
    release(root)
    with alone(root) as free:
        assert free
    pool.missing([WANTED])
    with alone(root) as free:
        assert not free
    release(root)


def test_many_writers_of_one_file_all_end_well(pool: Pool, source: Path) -> None:
    failures: list[Exception] = []

    def add() -> None:
        try:
            for _ in range(10):
                pool.add(source, WANTED)
                pool.verified(WANTED)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert pool.verified(WANTED).read_bytes() == DATA

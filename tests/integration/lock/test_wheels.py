"""Which wheel of a package is locked, and how exactly that one comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import HostError
from builder.host.pool import Pool
from builder.lock.pip import download_wheels, resolve_wheels
from builder.progress import Reporter

from .conftest import make_wheel


def test_the_wheel_that_runs_on_the_device_is_locked_and_found_again(tmp_path: Path, wheels: Path) -> None:
    tags = ("cp313-cp313-manylinux_2_34_x86_64", "cp313-cp313-win_amd64", "cp39-cp39-manylinux_2_34_x86_64")
    hashes = {tag: make_wheel(wheels, "Some_Thing", tag, text=tag) for tag in tags}
    pure = make_wheel(wheels, "pure", "py3-none-any")
    allowed = " ".join(f"--hash=sha256:{digest}" for digest in hashes.values())
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"some-thing==1 {allowed}\npure==1 --hash=sha256:{pure}\n")

    pool = Pool(tmp_path / "pool")
    found = resolve_wheels("/opt/some", requirements, pool=pool, reporter=Reporter())
    assert [(wheel.venv, wheel.name, wheel.version) for wheel in found] == [
        ("/opt/some", "pure", "1"),
        ("/opt/some", "some-thing", "1"),
    ]
    assert found[1].file == f"Some_Thing-1-{tags[0]}.whl"
    assert found[1].sha256 == hashes[tags[0]]
    assert pool.missing(found) == ()

    empty = Pool(tmp_path / "another" / "pool")
    done: list[int] = []
    download_wheels(found, pool=empty, advance=done.append)
    assert empty.missing(found) == ()
    assert sum(done) == sum(wheel.size_bytes for wheel in found)


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "pure", "py3-none-any", text="tampered with")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"pure==1 --hash=sha256:{'0' * 64}\n")
    pool = Pool(tmp_path / "cache" / "pool")
    with pytest.raises(HostError, match="Python packages cannot be downloaded") as raised:
        resolve_wheels("/opt/some", requirements, pool=pool, reporter=Reporter())
    assert "HASHES" in str(raised.value)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []

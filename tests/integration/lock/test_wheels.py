"""Which wheel of a package is locked, and how exactly that one comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import HostError
from builder.host.pool import Pool
from builder.lock.pip import NoWheel, download_wheels, resolve_wheels
from builder.progress import Reporter
from builder.recipe.software import Architecture

from .conftest import make_wheel


def test_the_wheel_that_runs_on_the_device_is_locked_and_found_again(tmp_path: Path, wheels: Path) -> None:
    own = "cp313-cp313-manylinux_2_34_x86_64"
    other = "cp313-cp313-manylinux_2_34_aarch64"
    tags = (own, other, "cp313-cp313-win_amd64", "cp39-cp39-manylinux_2_34_x86_64")
    hashes = {tag: make_wheel(wheels, "Some_Thing", tag, text=tag) for tag in tags}
    pure = make_wheel(wheels, "pure", "py3-none-any")
    allowed = " ".join(f"--hash=sha256:{digest}" for digest in hashes.values())
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"some-thing==1 {allowed}\npure==1 --hash=sha256:{pure}\n")

    pool = Pool(tmp_path / "pool")
    found = resolve_wheels("/opt/some", requirements, Architecture.AMD64, pool=pool, reporter=Reporter())
    assert [(wheel.venv, wheel.name, wheel.version) for wheel in found] == [
        ("/opt/some", "pure", "1"),
        ("/opt/some", "some-thing", "1"),
    ]
    assert found[1].file == f"Some_Thing-1-{tags[0]}.whl"
    assert found[1].sha256 == hashes[tags[0]]
    assert pool.missing(found) == ()

    arm = resolve_wheels("/opt/some", requirements, Architecture.ARM64, pool=pool, reporter=Reporter())
    assert [wheel.file for wheel in arm] == ["pure-1-py3-none-any.whl", f"Some_Thing-1-{other}.whl"]

    for wheels_of_one in (found, arm):
        empty = Pool(tmp_path / wheels_of_one[1].file / "pool")
        done: list[int] = []
        download_wheels(wheels_of_one, pool=empty, advance=done.append)
        assert empty.missing(wheels_of_one) == ()
        assert sum(done) == sum(wheel.size_bytes for wheel in wheels_of_one)


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "pure", "py3-none-any", text="tampered with")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"pure==1 --hash=sha256:{'0' * 64}\n")
    pool = Pool(tmp_path / "cache" / "pool")
    with pytest.raises(HostError, match="Python packages cannot be downloaded") as raised:
        resolve_wheels("/opt/some", requirements, Architecture.AMD64, pool=pool, reporter=Reporter())
    assert "HASHES" in str(raised.value)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_package_that_only_other_processors_have_is_named(tmp_path: Path, wheels: Path) -> None:
    digest = make_wheel(wheels, "fast", "cp313-cp313-manylinux_2_34_x86_64")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"fast==1 --hash=sha256:{digest}\n")
    pool = Pool(tmp_path / "pool")
    with pytest.raises(NoWheel, match=r"fast==1 has no wheel that runs on arm64 with Python 3\.13"):
        resolve_wheels("/opt/some", requirements, Architecture.ARM64, pool=pool, reporter=Reporter())
    assert resolve_wheels("/opt/some", requirements, Architecture.AMD64, pool=pool, reporter=Reporter())

"""A repository from the pool: what apt will find there."""

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from debian.deb822 import Packages

from builder.errors import ArtifactError
from builder.host.pool import Pool
from builder.host.repository import INDEX, make_repository, source_line


@dataclass(frozen=True)
class File:
    file: str
    sha256: str
    size_bytes: int


def package(control: str) -> bytes:
    """The smallest Debian package: an `ar` with a version, a control file and no data."""
    members = {"debian-binary": b"2.0\n", "control.tar.gz": tar({"./control": control}), "data.tar.gz": tar({})}
    out = b"!<arch>\n"
    for name, data in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        out += data + b"\n" * (len(data) % 2)
    return out


def tar(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def pooled(pool: Pool, data: bytes, *, file: str, scratch: Path) -> File:
    wanted = File(file=file, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    (scratch / "download").write_bytes(data)
    pool.add(scratch / "download", wanted)
    return wanted


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path / "pool")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "debs").mkdir()
    return tmp_path / "debs"


CONTROL = "Package: {}\nVersion: 1:2.0\nArchitecture: all\nDepends: libc6\nDescription: a trial\n Über alles.\n"


def test_packages_lie_in_it_with_their_own_descriptions(pool: Pool, place: Path, tmp_path: Path) -> None:
    names = ("zebra", "ant")
    files = [
        pooled(pool, package(CONTROL.format(name)), file=f"pool/{name}_2.0_all.deb", scratch=tmp_path) for name in names
    ]
    make_repository(files, pool, place)
    with (place / INDEX).open("rb") as index:
        entries = list(Packages.iter_paragraphs(index, use_apt_pkg=False))
    assert [entry["Package"] for entry in entries] == ["ant", "zebra"], "the order does not depend on the caller"
    assert entries[1]["Filename"] == "./zebra_2.0_all.deb"
    assert entries[1]["SHA256"] == files[0].sha256
    assert entries[1]["Depends"] == "libc6"
    assert "Über" in entries[1]["Description"]
    assert (place / "zebra_2.0_all.deb").samefile(pool.path(files[0].sha256)), "linked, not copied"


def test_what_the_pool_lacks_is_told(pool: Pool, place: Path) -> None:
    with pytest.raises(ArtifactError, match=r"gone_1_all\.deb is not in the pool"):
        make_repository([File(file="pool/gone_1_all.deb", sha256="0" * 64, size_bytes=1)], pool, place)


def test_what_is_no_package_is_told(pool: Pool, place: Path, tmp_path: Path) -> None:
    wrong = pooled(pool, b"<html>not found</html>", file="pool/wrong_1_all.deb", scratch=tmp_path)
    with pytest.raises(ArtifactError, match=r"wrong_1_all\.deb is not a Debian package"):
        make_repository([wrong], pool, place)


def test_the_source_is_trusted_because_the_lock_was_checked() -> None:
    assert source_line("/job/debs") == "deb [trusted=yes] copy:/job/debs ./"

"""A bundle: written from a recipe, its lock and the pool; read on a machine that has neither."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.bundle import Opened, open_bundle, write_bundle
from builder.errors import ArtifactError
from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.lock.model import Deb, Lock
from builder.progress import Reporter
from builder.recipe.load import load_recipe

PACKAGE = b"the bytes of a package" * 1000


@pytest.fixture
def lock() -> Lock:
    sha256 = hashlib.sha256(PACKAGE).hexdigest()
    deb = Deb(name="a", version="1", architecture="all", size_bytes=len(PACKAGE), sha256=sha256, file="pool/a.deb")
    return Lock(
        recipe="kolibri-pc",
        date=1_700_000_000,
        inputs={"base": "x"},
        tools=(deb,),
        base=(deb,),
        apt=(),
        wheels=(),
        content=(),
    )


@pytest.fixture
def bundle(tmp_path: Path, lock: Lock) -> Path:
    out = tmp_path / "out.tar"
    write(out, lock, tmp_path / "pool")
    return out


def write(out: Path, lock: Lock, pool: Path) -> None:
    package = pool.parent / "package"
    package.write_bytes(PACKAGE)
    Pool(pool).add(package, lock.tools[0])
    loaded = load_recipe(RECIPES / "kolibri-pc.yml", settings={"language": "sw-tz"})
    write_bundle(loaded, lock, settings={"language": "sw-tz"}, pool=Pool(pool), out=out, reporter=Reporter())


def opened(bundle: Path, into: Path) -> Opened:
    return open_bundle(bundle, pool=Pool(into / "pool"), into=into / "files", reporter=Reporter())


def rewritten(bundle: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]) -> Path:
    """The bundle with each member changed, or left out."""
    out = bundle.with_name("changed.tar")
    with tarfile.open(bundle) as before, tarfile.open(out, "w") as after:
        for member in before:
            source = before.extractfile(member) if member.isreg() else None
            kept = change(member, source.read() if source else b"")
            if kept is not None:
                kept[0].size = len(kept[1])
                after.addfile(kept[0], io.BytesIO(kept[1]))
    return out


def test_what_was_written_is_read(bundle: Path, lock: Lock, tmp_path: Path) -> None:
    there = opened(bundle, tmp_path / "elsewhere")
    assert there.lock == lock
    assert there.loaded.params["language"] == "sw-tz", "the settings are those it was written with"
    assert there.loaded.recipe == load_recipe(RECIPES / "kolibri-pc.yml", settings={"language": "sw-tz"}).recipe
    assert there.loaded.source.is_relative_to(tmp_path / "elsewhere")
    assert Pool(tmp_path / "elsewhere/pool").verified(lock.tools[0]).read_bytes() == PACKAGE
    names = {path.name for path in there.overlays.iterdir()}
    assert names == {overlay.name for overlay in there.loaded.recipe.overlays}
    assert there.same_satchel


def test_overlays_keep_their_links(bundle: Path, tmp_path: Path) -> None:
    from builder.host.places import OVERLAYS

    there = opened(bundle, tmp_path / "elsewhere").overlays
    links = [path.relative_to(OVERLAYS) for path in OVERLAYS.rglob("*") if path.is_symlink()]
    assert links
    assert [(there / path).readlink() for path in links] == [(OVERLAYS / path).readlink() for path in links]


def test_the_same_inputs_make_the_same_bundle(bundle: Path, lock: Lock, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    write(again / "out.tar", lock, again / "pool")
    assert (again / "out.tar").read_bytes() == bundle.read_bytes()


def test_a_changed_package_is_refused(bundle: Path, tmp_path: Path) -> None:
    changed = rewritten(bundle, lambda m, data: (m, b"x" + data[1:] if m.name.startswith("pool/") else data))
    with pytest.raises(ArtifactError, match=r"pool/a\.deb is not the file that the lock names"):
        opened(changed, tmp_path / "elsewhere")
    assert not list((tmp_path / "elsewhere/pool").rglob("*/*")), "nothing wrong gets into the pool"


def test_a_changed_recipe_is_refused(bundle: Path, tmp_path: Path) -> None:
    changed = rewritten(bundle, lambda m, data: (m, data + b"\n" if m.name.endswith("kolibri-pc.yml") else data))
    with pytest.raises(ArtifactError, match="is not the file that the index names"):
        opened(changed, tmp_path / "elsewhere")


def test_a_missing_input_is_named(bundle: Path, tmp_path: Path) -> None:
    changed = rewritten(bundle, lambda m, data: None if m.name.startswith("pool/") else (m, data))
    with pytest.raises(ArtifactError, match="is not whole: pool/"):
        opened(changed, tmp_path / "elsewhere")


def test_what_the_index_does_not_name_is_refused(bundle: Path, tmp_path: Path) -> None:
    def renamed(member: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if member.name.startswith("pool/"):
            member.name = "files/../../escaped"
        return member, data

    with pytest.raises(ArtifactError, match="which its index does not name"):
        opened(rewritten(bundle, renamed), tmp_path / "elsewhere")
    assert not (tmp_path / "escaped").exists()


def test_a_cut_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar"
    cut.write_bytes(bundle.read_bytes()[:200_000])
    with pytest.raises(ArtifactError, match=r"cut\.tar"):
        opened(cut, tmp_path / "elsewhere")


@pytest.mark.parametrize("content", [b"", b"not a tar at all" * 100, None])
def test_what_is_no_bundle_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "no.tar"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"no\.tar"):
        opened(path, tmp_path / "elsewhere")


def test_a_damaged_pool_writes_no_bundle(tmp_path: Path, lock: Lock) -> None:
    write(tmp_path / "out.tar", lock, tmp_path / "pool")
    (tmp_path / "out.tar").unlink()
    Pool(tmp_path / "pool").path(lock.tools[0].sha256).write_bytes(b"other")
    loaded = load_recipe(RECIPES / "kolibri-pc.yml")
    with pytest.raises(ArtifactError, match="was damaged in the pool"):
        write_bundle(
            loaded, lock, settings={}, pool=Pool(tmp_path / "pool"), out=tmp_path / "out.tar", reporter=Reporter()
        )
    assert not list(tmp_path.glob("*out.tar*"))

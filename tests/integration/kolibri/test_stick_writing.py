"""Sticks as the builder writes them, into directories and image files, from sources that are whole or not."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from builder.content.stick.keys import make_key, public_key, sign
from builder.content.stick.manifest import FILES, MANIFEST, SIGNATURE
from builder.content.stick.writing import Order, write_stick
from builder.errors import ArtifactError, PlanError, UsageError
from builder.host.places import REPOSITORY
from builder.kolibri.channels import Channel, find_channels
from builder.progress import Reporter
from tests.damaged import damaged_files


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "stick.pem"
    make_key(path)
    return path


def order(drive: Path, key: Path) -> Order:
    return Order(source=drive, only=(), products=(), serial=1, key=key)


def satchel(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    argv = (sys.executable, "-m", "builder", "content", *arguments)
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


def test_a_key_is_its_owners_alone_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "stick.pem"
    public = make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_key(path) == public
    assert len(public) == 60
    with pytest.raises(UsageError, match="there already"):
        make_key(path)
    assert public_key(path) == public


@pytest.mark.parametrize("algorithm", ["none", "EC", "locked"])
def test_what_is_no_key_for_sticks_is_refused(tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "key.pem"
    if algorithm == "none":
        path.write_text("-----BEGIN PRIVATE KEY-----\n")
    else:
        chosen = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256") if algorithm == "EC" else ("ed25519", "-aes256")
        argv = ("openssl", "genpkey", "-out", path, "-pass", "pass:secret", "-algorithm", *chosen)
        subprocess.run(argv, check=True, capture_output=True)
    with pytest.raises(ArtifactError, match="no private Ed25519 key"):
        public_key(path)
    if algorithm != "EC":
        with pytest.raises(ArtifactError, match="no private Ed25519 key"):
            sign(b"text", path)


def test_what_is_there_and_right_is_not_written_again(drive: tuple[Path, Channel], key: Path, tmp_path: Path) -> None:
    write_stick(order(drive[0], key), tmp_path, Reporter())
    files = sorted((tmp_path / "content" / "storage").rglob("*.*"))
    cut, spoiled, *others = files
    cut.write_bytes(cut.read_bytes()[:-1])
    spoiled.write_bytes(bytes(spoiled.stat().st_size))
    inodes = [path.stat().st_ino for path in others]
    write_stick(order(drive[0], key), tmp_path, Reporter())
    assert damaged_files(tmp_path, drive[1]) == []
    assert [path.stat().st_ino for path in others] == inodes
    assert [path.name for path in tmp_path.rglob(".*")] == []


def test_a_drive_becomes_a_stick_where_it_is(drive: tuple[Path, Channel], key: Path, tmp_path: Path) -> None:
    own = tmp_path / "drive"
    shutil.copytree(drive[0], own)
    before = {path: path.stat().st_ino for path in own.rglob("*.*")}
    write_stick(order(own, key), own, Reporter())
    assert {path: path.stat().st_ino for path in before} == before
    assert (own / SIGNATURE).stat().st_size == 64
    assert find_channels(own) == (drive[1],)


def test_a_damaged_source_is_named_file_by_file_and_leaves_no_manifest(
    drive: tuple[Path, Channel], key: Path, tmp_path: Path
) -> None:
    own, stick = tmp_path / "drive", tmp_path / "stick"
    stick.mkdir()
    shutil.copytree(drive[0], own)
    write_stick(order(own, key), stick, Reporter())
    shutil.rmtree(stick / "content")
    spoiled = [file for file in drive[1].files if file.name.endswith(".pdf")][:2]
    for file in spoiled:
        path = own / "content" / file.path
        path.write_bytes(b"X" + path.read_bytes()[1:])
    with pytest.raises(ArtifactError, match="is damaged") as failure:
        write_stick(order(own, key), stick, Reporter())
    assert all(file.name in str(failure.value.details) for file in spoiled)
    assert not any((stick / name).exists() for name in (MANIFEST, SIGNATURE, FILES))
    assert not any((stick / "content" / file.path).exists() for file in spoiled)
    (own / "content" / spoiled[0].path).unlink()
    with pytest.raises(ArtifactError, match="is damaged") as failure:
        write_stick(order(own, key), stick, Reporter())
    assert "is missing" in str(failure.value.details)


@pytest.mark.in_namespace
def test_a_stick_that_is_too_small_is_refused_before_anything_is_written(
    drive: tuple[Path, Channel], key: Path, tmp_path: Path
) -> None:
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=512k", "none", tmp_path), check=True)
    with pytest.raises(PlanError, match="do not fit"):
        write_stick(order(drive[0], key), tmp_path, Reporter())
    assert list(tmp_path.iterdir()) == []


def test_an_image_holds_a_sound_file_system_with_everything(
    drive: tuple[Path, Channel], key: Path, tmp_path: Path
) -> None:
    image = tmp_path / "stick.img"
    done = satchel("stick", drive[0], "--to", image, "--key", key, "--json", "--progress", "none")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"] == len(drive[1].files)
    assert [path.name for path in tmp_path.iterdir()] == ["stick.img"]
    (partition,) = json.loads(_said("sfdisk", "--json", image))["partitiontable"]["partitions"]
    inside = tmp_path / "partition"
    with image.open("rb") as whole:
        whole.seek(partition["start"] * 512)
        inside.write_bytes(whole.read(partition["size"] * 512))
    subprocess.run(("e2fsck", "-fn", inside), check=True, capture_output=True)
    assert _said("blkid", "-p", "-o", "value", "-s", "LABEL", inside).strip() == "SATCHELCONT"
    subprocess.run(("debugfs", "-R", f"rdump / {tmp_path}", inside), check=True, capture_output=True)
    assert find_channels(tmp_path) == (drive[1],)
    assert damaged_files(tmp_path, drive[1]) == []
    assert (tmp_path / SIGNATURE).stat().st_size == 64
    again = satchel("stick", drive[0], "--to", image, "--key", key)
    assert again.returncode == 10, again.stderr


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        (("--to", "/dev/no-such-disk"), (64, "no device")),
        (("--to", "{loop}"), (64, "satchel flash")),
        (("--to", "{room}", "--only", "f" * 32), (3, "does not hold channel")),
        (("--to", "{room}", "--for", "../x"), (64, "no name of a recipe")),
        (("--to", "{room}", "--serial", "-1"), (64, "--serial")),
        (("--to", "{room}/none/stick.img"), (10, "cannot be written")),
    ],
)
def test_options_that_make_no_sense_have_a_clear_word(
    drive: tuple[Path, Channel], key: Path, tmp_path: Path, arguments: tuple[str, ...], outcome: tuple[int, str]
) -> None:
    loop = next((str(path) for path in sorted(Path("/dev").iterdir()) if path.is_block_device()), "/dev/none")
    given = [text.format(loop=loop, room=tmp_path) for text in arguments]
    done = satchel("stick", drive[0], "--key", key, *given)
    status, words = outcome
    assert done.returncode == status, done.stderr
    assert words in done.stderr or loop == "/dev/none"
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def _said(*argv: str | Path) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

"""Finished images: read whole without a mount, and audited on every partition, seen or unseen by the device."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from builder.audit.device_tree import DeviceTree, read_device_tree
from builder.audit.facts import BuildHost, Facts
from builder.audit.finding import Finding
from builder.audit.image import Auditor
from builder.audit.partition import ImagePartition
from builder.audit.reader import cut, read_file
from builder.errors import ArtifactError, CommandFailed
from builder.progress import Reporter
from builder.units import MIB

from .conftest import CONTENT, ESP, PARTITIONS, ROOT, Workshop

pytestmark = pytest.mark.in_namespace

ID = "0123456789abcdef0123456789abcdef"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEAx0Zq7mQ1o2Yl0m9N6dX1c4bq0c2cV8yq8m7a1b2c3d4e5f60\n"
FACTS = Facts(build_host=BuildHost(name="forge-7"), bulk=("/srv/content/kolibri/storage",))

PLANTED: Mapping[str, tuple[str, str, str]] = {
    "esp/loader/random-seed": ("random-seed", "/boot/efi/loader/random-seed", "seed"),
    "esp/satchel-report.txt": ("first-boot-state", "/boot/efi/satchel-report.txt", "Facility"),
    "root/@/etc/machine-id": ("machine-id", "/etc/machine-id", ID),
    "root/@/etc/ssh/ssh_host_ed25519_key": ("ssh-host-keys", "/etc/ssh/ssh_host_ed25519_key", KEY),
    "root/@/etc/shadow": ("passwords", "/etc/shadow", "root:$y$j9T$a$b:1:::::\n"),
    "root/@/etc/resolv.conf": ("resolver", "/etc/resolv.conf", "nameserver 192.168.1.1\n"),
    "root/@/opt/app/key.pem": ("private-keys", "/opt/app/key.pem", KEY),
    "root/@/home/ada/.python_history": ("histories", "[below /home]/home/ada/.python_history", "import os\n"),
    "root/@home/ada/.bash_history": ("histories", "/home/ada/.bash_history", "ls\n"),
    "root/@log/wtmp": ("journals", "/var/log/wtmp", "login"),
    "root/@old/etc/machine-id": ("machine-id", "[root]/@old/etc/machine-id", ID),
    "content/notes/hosts": ("build-host", "/srv/content/notes/hosts", "copied on forge-7"),
}


def small_trees(directory: Path) -> dict[str, Path]:
    """The least that an image holds, without any identity."""
    trees = {name: directory / "trees" / name for name in ("esp", "root", "content")}
    for place in ("esp/satchel", "root/@/etc", "root/@home", "root/@log", "content/kolibri/storage/a", "content/notes"):
        (directory / "trees" / place).mkdir(parents=True)
    (trees["esp"] / "satchel/recipe.json").write_text('{"name": "try"}')
    (trees["root"] / "@/etc/machine-id").write_text("uninitialized\n")
    (trees["content"] / "kolibri/storage/a/bulk").write_text(KEY)
    return trees


def hard_tree(top: Path) -> None:
    """Files that are hard to read right: compressed in many extents, sparse, linked, owned by others, oddly named."""
    (top / "deep/deeper").mkdir(parents=True)
    words = b"".join(hashlib.sha256(str(number).encode()).hexdigest().encode() for number in range(16_000))
    (top / "compressible").write_bytes(words * 40)
    (top / "random").write_bytes(os.urandom(3 * MIB))
    (top / "small").write_text("inline")
    (top / "empty").touch()
    (top / "link").symlink_to("/deep/../small")
    (top / "dangling").symlink_to("/".join(["far"] * 60))
    (top / "a \"b' ü ☃").write_text("odd")
    os.link(top / "small", top / "deep/same")
    with (top / "sparse").open("wb") as file:
        file.truncate(20 * MIB)
        file.seek(9 * MIB)
        file.write(b"island" * 1000)
    for path, owner, group, mode in (("small", 107, 33, 0o640), ("deep", 998, 998, 0o2750), ("empty", 0, 5, 0o604)):
        os.chown(top / path, owner, group)
        (top / path).chmod(mode)


def described(top: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a directory that an audit may rely on: kind, mode, owner, content or target."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(top.rglob("*")):
        status = path.lstat()
        # Readers change the owner last, which clears the set-ID bits.
        mode = status.st_mode & ~0o6000
        content = str(path.readlink()) if path.is_symlink() else None
        if stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(top))] = (oct(mode), status.st_uid, status.st_gid, content)
    return found


def read_whole(workshop: Workshop, trees: Mapping[str, Path], **wanted: tuple[str, ...]) -> DeviceTree:
    """Make the image, and read it again."""
    out = workshop.directory / "read"
    out.mkdir()
    image = workshop.image(trees)
    return read_device_tree(workshop.tools, image, PARTITIONS, out=out, reporter=Reporter(), **wanted)


def audit_image(
    workshop: Workshop, image: Path, partitions: tuple[ImagePartition, ...], facts: Facts = FACTS
) -> tuple[Finding, ...]:
    auditor = Auditor(tools=workshop.tools, facts=facts, reporter=Reporter())
    return auditor.described(image, partitions).findings


def test_what_was_written_is_read(workshop: Workshop) -> None:
    trees = small_trees(workshop.directory)
    hard_tree(trees["root"] / "@/usr")
    hard_tree(trees["root"] / "@home/ada")
    hard_tree(trees["content"] / "hard")
    device = read_whole(workshop, trees)
    assert described(device.shown / "usr") == described(trees["root"] / "@/usr")
    assert described(device.shown / "home") == described(trees["root"] / "@home")
    assert described(device.shown / "srv/content/hard") == described(trees["content"] / "hard")
    assert (device.shown / "boot/efi/satchel/recipe.json").read_text() == '{"name": "try"}'
    assert device.unseen == ()


def test_bulk_is_not_read(workshop: Workshop) -> None:
    trees = small_trees(workshop.directory)
    (trees["root"] / "@/usr/share/big").mkdir(parents=True)
    (trees["root"] / "@/usr/share/big/file").write_text("left out")
    (trees["root"] / "@/usr/share/bigger").write_text("read")
    (trees["content"] / "kolibri/databases").mkdir()
    (trees["content"] / "kolibri/databases/a.sqlite3").write_text("read")
    (trees["content"] / "kolibri/link").symlink_to("storage")
    device = read_whole(workshop, trees, leave_out=("/srv/content/kolibri/storage", "/usr/share/big"))
    assert sorted(path.name for path in (device.shown / "srv/content/kolibri").rglob("*")) == [
        "a.sqlite3",
        "databases",
        "link",
    ]
    assert [path.name for path in (device.shown / "usr/share").iterdir()] == ["bigger"]


def test_a_clean_image_has_no_findings(workshop: Workshop) -> None:
    image = workshop.image(small_trees(workshop.directory))
    assert audit_image(workshop, image, PARTITIONS) == ()


def test_every_planted_identity_is_found_where_the_device_has_it(workshop: Workshop) -> None:
    trees = small_trees(workshop.directory)
    for place, (_rule, _path, content) in PLANTED.items():
        file = workshop.directory / "trees" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    image = workshop.image(trees)
    findings = audit_image(workshop, image, PARTITIONS)
    found = sorted((finding.rule, finding.path) for finding in findings)
    assert found == sorted((rule, path) for rule, path, _content in PLANTED.values())


def test_single_files_are_read_from_every_file_system(workshop: Workshop) -> None:
    image = workshop.image(small_trees(workshop.directory))
    wanted = {ESP: "satchel/recipe.json", ROOT: "@/etc/machine-id", CONTENT: "kolibri/storage/a/bulk"}
    read = [read_file(workshop.tools, image, partition, path) for partition, path in wanted.items()]
    assert read == [b'{"name": "try"}', b"uninitialized\n", KEY.encode()]
    for partition in PARTITIONS:
        with pytest.raises(ArtifactError, match=f"no file nothing/here in partition {partition.name}"):
            read_file(workshop.tools, image, partition, "nothing/here")


def test_a_partition_is_cut_out_with_its_holes(workshop: Workshop) -> None:
    image, out = workshop.image(small_trees(workshop.directory)), workshop.directory / "cut"
    cut(image, ROOT, out)
    with image.open("rb") as whole:
        whole.seek(ROOT.start_bytes)
        assert whole.read(ROOT.size_bytes) == out.read_bytes()
    assert out.stat().st_blocks * 512 < ROOT.size_bytes / 4


def test_a_place_without_its_file_system_is_a_failure(workshop: Workshop) -> None:
    image = workshop.image(small_trees(workshop.directory))
    for partition in PARTITIONS:
        elsewhere = ImagePartition(
            name="gone", start_bytes=360 * MIB, size_bytes=4 * MIB, filesystem=partition.filesystem, mount="/"
        )
        with pytest.raises(CommandFailed, match="gone"):
            audit_image(workshop, image, (elsewhere,))


def test_a_damaged_ext4_is_not_taken_for_an_empty_one(workshop: Workshop) -> None:
    image = workshop.image(small_trees(workshop.directory))
    partition = workshop.directory / "content/part.img"
    directory = partition.read_bytes().index(b"\x07\x02kolibri") // 1024 * 1024
    with image.open("r+b") as file:
        file.seek(CONTENT.start_bytes + directory)
        file.write(b"\xff" * 1024)
    with pytest.raises(ArtifactError, match="content"):
        audit_image(workshop, image, (CONTENT,), Facts())

"""Seeds are given to cards: found, written, read back, and seen by readers that are not ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from seed import code, document, places
from seed.document import Seed

from builder.disk.vfat import first_file_at
from builder.errors import ArtifactError
from builder.host.sandbox import Mount
from builder.identity.place import find_place
from builder.identity.writing import write_place
from builder.units import ALIGNMENT
from tests.integration.disk.disk_bench import Bench

from .seed_cards import esp_of, make_card

CODE = f"K7M3-Q2X{code.check_symbol('K7M3Q2X')}"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def satchel(*argv: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "builder", *map(str, argv))
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def other_bytes(image: Path) -> bytes:
    """Everything but the seed's place."""
    place, data = find_place(image), image.read_bytes()
    return data[: place.offset_bytes] + data[place.offset_bytes + place.size_bytes :]


def report(image: Path, state: str) -> None:
    """Write the report's file as a device does; it lies behind the seed and the text for people."""
    with image.open("r+b") as file:
        file.seek(find_place(image).offset_bytes + document.ROOM + places.REPORT_ROOM)
        file.write(places.filled(json.dumps({"state": state}), places.REPORT_ROOM))


@pytest.mark.in_namespace
@pytest.mark.parametrize("esp", ["32MiB", "64MiB", "300MiB"])
def test_reserved_files_lie_first_and_side_by_side(bench: Bench, esp: str) -> None:
    image, manifest = make_card(bench, esp=esp)
    place = find_place(image)
    assert place.is_where(manifest)
    assert len(place.runs) == 1
    reserved = b"".join(places.reserved().values())
    assert image.read_bytes()[place.offset_bytes :][: len(reserved)] == reserved
    part = esp_of(image)
    bench.look("fsck.vfat", "-n", "/job/at", at=part)
    for name, data in places.reserved().items():
        bench.look("mcopy", "-i", "/job/at", f"::/{name}", f"/job/out/{name}", at=part)
        assert (bench.directory / "out" / name).read_bytes() == data


@pytest.mark.in_namespace
def test_a_vfat_without_reserved_files_has_its_first_file_there_too(bench: Bench) -> None:
    image, _ = make_card(bench)
    partition = bench.partition(name="esp", type="esp", filesystem="vfat", size="64MiB")
    assert first_file_at(bench.tools, partition, scratch=bench.directory) % 512 == 0
    assert find_place(image).recipe == "kolibri-pc"


@pytest.mark.in_namespace
def test_a_seed_is_written_shown_and_cleared_and_nothing_else_changes(bench: Bench) -> None:
    image, manifest = make_card(bench)
    before, whole = other_bytes(image), image.read_bytes()
    (bench.directory / "manifest.json").write_text(manifest.to_json())
    values = ("--set", "facility.name=École du Lac", "--set", f"site.code={CODE.lower()}")
    secret = ("--set", "secrets.admin_password=lusab-babad")
    checked = satchel("seed", "write", image, *values, *secret, "--dry-run")
    assert checked.returncode == 0, checked.stderr
    assert "nothing was written" in checked.stdout
    assert image.read_bytes() == whole
    done = satchel(
        *("seed", "write", image, *values, *secret, "--manifest", bench.directory / "manifest.json", "--json")
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["code"] == CODE
    assert "lusab" not in done.stdout
    assert other_bytes(image) == before
    bench.look("mcopy", "-i", "/job/at", "::/satchel-seed.txt", "/job/out/", at=esp_of(image))
    seen = document.parse((bench.directory / "out/satchel-seed.txt").read_bytes())
    assert seen is not None
    assert (seen.image, seen.code, seen.facility.name) == ("kolibri-pc", CODE, "École du Lac")
    assert seen.admin_password == "lusab-babad"
    shown = satchel("seed", "show", image)
    assert "École du Lac" in shown.stdout
    assert "lusab" not in shown.stdout
    assert "lusab" in satchel("seed", "show", image, "--secrets").stdout
    assert json.loads(satchel("seed", "show", image, "--json").stdout)["seed"]["code"] == CODE
    assert satchel("seed", "clear", image).returncode == 0
    assert image.read_bytes() == whole
    assert "there is no seed" in satchel("seed", "show", image).stdout


@pytest.mark.in_namespace
def test_what_must_not_be_written_is_refused(bench: Bench) -> None:
    image, manifest = make_card(bench)
    whole = image.read_bytes()
    moved = manifest.model_copy(update={"seed": manifest.seed.model_copy(update={"offset_bytes": 512})})
    (bench.directory / "other.json").write_text(moved.to_json())
    refused = satchel("seed", "write", image, "--manifest", bench.directory / "other.json")
    assert (refused.returncode, "does not lie where" in refused.stderr) == (10, True)

    (bench.directory / "SHA256SUMS").write_text(f"{'0' * 64}  card.img\n")
    refused = satchel("seed", "write", image, "--set", "site.hostname=h")
    assert (refused.returncode, "SHA256SUMS" in refused.stderr) == (64, True)
    assert "cp --sparse=always" in refused.stderr
    assert image.read_bytes() == whole
    assert satchel("seed", "write", image, "--set", "site.hostname=h", "--in-place").returncode == 0
    (bench.directory / "SHA256SUMS").unlink()

    write_place(find_place(image), document.render(document.without_secrets(Seed(code=CODE))))
    refused = satchel("seed", "write", image, "--set", "site.hostname=h")
    assert (refused.returncode, f"taken by a device already: {CODE}" in refused.stderr) == (64, True)
    assert satchel("seed", "write", image, "--set", "site.hostname=h", "--again").returncode == 0
    assert "taken" not in satchel("seed", "show", image).stdout

    report(image, places.READY)
    refused = satchel("seed", "write", image, "--set", "site.hostname=h")
    assert (refused.returncode, "has had its first start" in refused.stderr) == (64, True)
    report(image, "failed")

    wrong = satchel("seed", "write", image, "--set", "facility.preset=club", "--set", "site.colour=red")
    assert wrong.returncode == 64
    assert "facility.preset: it is none of" in wrong.stderr
    assert "there is no value" not in wrong.stderr
    (bench.directory / "other.txt").write_bytes(document.render(Seed(image="kobo", hostname="h")))
    refused = satchel("seed", "write", image, "--from", bench.directory / "other.txt")
    assert (refused.returncode, "is for the image kobo" in refused.stderr) == (64, True)
    (bench.directory / "zero.img").write_bytes(b"\0" * (1 << 20))
    assert satchel("seed", "show", bench.directory / "zero.img").returncode == 10
    assert satchel("seed", "show", bench.directory / "nothing.img").returncode == 10


@pytest.mark.in_namespace
def test_a_seed_that_an_editor_moved_is_still_found_and_written_where_it_lies(bench: Bench) -> None:
    image, manifest = make_card(bench)
    part = esp_of(image)
    text = bench.directory / "edited.txt"
    text.write_text(
        "\r\n".join(document.render(Seed(hostname="edited", extra={"note": "n" * 99})).decode().rstrip().splitlines())
        + "\r\n"
    )
    mounts = (Mount(target="/job/at", source=part, writable=True), Mount(target="/job/text", source=text))
    steps = (
        "mcopy -i /job/at /job/text ::/new",
        "mdel -i /job/at ::/satchel-seed.txt",
        "mren -i /job/at ::/new ::/satchel-seed.txt",
    )
    bench.lab.sandbox(*mounts).run(("sh", "-c", " && ".join(steps)), why="edit")
    with image.open("r+b") as card, part.open("rb") as edited:
        card.seek(ALIGNMENT)
        card.write(edited.read())
    place = find_place(image)
    assert not place.is_where(manifest)
    assert "edited" in satchel("seed", "show", image).stdout
    size = place.size_bytes
    done = satchel("seed", "write", image, "--set", "site.hostname=later")
    assert done.returncode == 0, done.stderr
    assert find_place(image).size_bytes == size
    assert "later" in satchel("seed", "show", image).stdout
    bench.look("fsck.vfat", "-n", "/job/at", at=esp_of(image))
    long = satchel("seed", "write", image, "--set", f"extra.a={'x' * 500}")
    assert (long.returncode, "has only" in long.stderr) == (1, True)


@pytest.mark.in_namespace
def test_an_edited_text_is_checked_with_all_its_problems(bench: Bench) -> None:
    text = bench.directory / "seed.txt"
    text.write_text('version = 1\n[site]\ntimezone = "Kisumu!"\n[facility]\npreset = "club"\n[end]\ncomplete = true\n')
    found = satchel("seed", "check", "seed.txt", cwd=bench.directory)
    assert found.returncode == 11
    assert [line.split(": ", 1)[0] for line in found.stderr.splitlines()[:2]] == ["seed.txt:3:1", "seed.txt:5:1"]
    assert "2 problems found" in found.stderr
    text.write_bytes(document.render(Seed(hostname="h")))
    assert satchel("seed", "check", text).returncode == 0
    text.write_bytes(document.render(Seed(hostname="h")).rstrip()[:-8])
    assert "half written" in satchel("seed", "check", text).stderr


@pytest.mark.in_namespace
def test_a_seed_disk_is_read_by_others(bench: Bench) -> None:
    out = bench.directory / "seed.iso"
    done = satchel("seed", "iso", out, "--set", "site.hostname=h7", "--set", "secrets.admin_password=lusab-babad")
    assert done.returncode == 0, done.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    sandbox = bench.tools.sandbox(Mount(target="/job/at", source=out))
    for name in (document.FILE, "meta-data", "user-data"):
        # GRUB reads ISO 9660 with its own code.
        seen = sandbox.run(("grub-fstest", "/job/at", "cat", f"(loop0)/{name}"), why="read it")
        if name == document.FILE:
            told = document.parse(seen.encode())
            assert told is not None
            assert (told.hostname, told.admin_password) == ("h7", "lusab-babad")
    # By what udev asks, and so names the link that the device looks for.
    assert bench.look("blkid", "-p", "-o", "value", "-s", "LABEL", "/job/at", at=out) == "cidata"
    assert "h7" in satchel("seed", "show", out).stdout


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_seed_disk_takes_a_public_key_and_never_a_private_one(kind: str, tmp_path: Path) -> None:
    key, out = tmp_path / "key", tmp_path / "seed.iso"
    subprocess.run(("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key), check=True)
    refused = satchel("seed", "iso", out, "--ssh-key", key)
    assert (refused.returncode, out.exists()) == (10, False)
    assert "is a private key" in refused.stderr
    assert satchel("seed", "iso", out, "--ssh-key", f"{key}.pub").returncode == 0
    assert (tmp_path / "key.pub").read_text().strip() in out.read_bytes().decode("latin-1")


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/loop-control").exists(), reason="needs root and loop devices")
def test_a_real_block_device_is_written_and_one_in_use_is_not(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    child = os.fork()
    if child == 0:
        from builder.host import namespace

        namespace.enter()
        made, _ = make_card(Bench(tmp_path))
        os._exit(0 if made == image else 1)
    assert os.waitpid(child, 0)[1] == 0
    attach = subprocess.run(("losetup", "--find", "--show", image), capture_output=True, text=True, check=True)
    device = Path(attach.stdout.strip())
    try:
        write_place(find_place(device), document.render(Seed(hostname="on-a-device")))
        assert "on-a-device" in image.read_bytes()[: 8 << 20].decode("latin-1")
        # What a mount does: it claims the device for itself.
        holder = os.open(device, os.O_RDWR | os.O_EXCL)
        try:
            with pytest.raises(ArtifactError, match="in use"):
                write_place(find_place(device), document.empty())
        finally:
            os.close(holder)
        assert "on-a-device" in image.read_bytes()[: 8 << 20].decode("latin-1")
    finally:
        subprocess.run(("losetup", "--detach", device), check=True)


@pytest.mark.in_namespace
def test_a_row_of_a_site_list_becomes_the_seed_of_a_card(bench: Bench) -> None:
    image, _ = make_card(bench)
    sites = bench.directory / "sites.csv"
    sites.write_text(
        f"code,facility,location,timezone,hostname,slot,x_room\n"
        f"{CODE},École du Lac,Kisumu,Africa/Nairobi,ecole-{{code}},3,12\n",
        encoding="utf-8",
    )
    for chosen in (("--code", CODE.lower()), ("--row", 2), ("--slot", 3)):
        done = satchel("seed", "write", image, "--sites", sites, *chosen)
        assert done.returncode == 0, done.stderr
        seen = json.loads(satchel("seed", "show", image, "--json").stdout)["seed"]
        assert (seen["code"], seen["hostname"], seen["image"]) == (CODE, f"ecole-{CODE.lower()}", "kolibri-pc")
        assert (seen["facility"]["location"], seen["extra"]) == ("Kisumu", {"room": "12"})
    assert satchel("seed", "write", image, "--sites", sites).returncode == 64
    assert satchel("seed", "write", image, "--sites", sites, "--row", 9).returncode == 11
    assert satchel("seed", "write", image, "--row", 2).returncode == 64
    # A device that the list does not know chooses for itself.
    assert satchel("seed", "write", image, "--sites", sites, "--slot", 4).returncode == 0
    assert json.loads(satchel("seed", "show", image, "--json").stdout)["seed"]["code"] is None

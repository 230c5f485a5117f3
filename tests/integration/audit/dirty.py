"""Five images as they are found in the field, each clean or with its dirt, made from plain files by the lab's own mkfs.

Run as a program, it writes all five into a directory: `python -m tests.integration.audit.dirty DIRECTORY [VENV]`, where
VENV is a virtual environment with Kolibri.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from builder.host.namespace import enter
from builder.host.sandbox import Mount
from builder.host.tools import WORK, ensure_lab
from builder.manifest import ON_ESP
from builder.progress import Reporter
from builder.recipe.model import Recipe
from builder.units import MIB
from tests.unit.finished_image import MANIFEST

ID = "0123456789abcdef0123456789abcdef"
BODY = "MIIEpAIBAAKCAQEAx0Zq7mQ1o2Yl0m9N6dX1c4bq0c2cV8yq8m7a1b2c3d4e5f60\n"
PEM = f"-----BEGIN PRIVATE KEY-----\n{BODY}-----END PRIVATE KEY-----\n"
RASPBERRY = "$1$saltsalt$Gan9glI3ghan.hsfDW8RM1"
LEARNER = "Amina Wanjiru Okello"

Files = Mapping[str, str]

SYSTEM: Files = {
    "etc/os-release": "ID=debian\n",
    "etc/machine-id": "",
    "etc/hostname": "localhost\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000::/home/pi:/bin/bash\n",
    "etc/shadow": "root:*:20778:0:99999:7:::\npi:!:20778:0:99999:7:::\n",
    "etc/ssl/private/.keep": "",
    "etc/apt/sources.list.d/debian.sources": "URIs: https://deb.example.org/debian\n",
    "var/log/.keep": "",
    "home/pi/.profile": "umask 022\n",
}
"""What every system has, with nobody's identity."""

MAKERS = {
    "vfat": 'mkfs.vfat {options} part.img; cd tree; for entry in *; do mcopy -s -i ../part.img "$entry" ::/; done',
    "ext4": "mke2fs -q -t ext4 {options} -d tree part.img",
    "btrfs": "cd tree; mkfs.btrfs -q {options} -r . $(printf -- '--subvol rw:%s ' @*) ../part.img",
    "swap": "mkswap -q part.img",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A partition to be."""

    name: str
    filesystem: str
    files: Files
    size: int = 48
    """In MiB."""
    options: str = ""
    """Of its mkfs."""
    copied: tuple[tuple[str, Path], ...] = ()
    """Directories to copy into it."""


def plant(tree: Path, files: Files) -> None:
    for path, content in files.items():
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)


def make_disk(image: Path, table: str, parts: Sequence[Part]) -> Path:
    """A disk with a table of this kind (as sfdisk calls it), or without one when it is empty. Only in the namespace."""
    tools, scratch = ensure_lab(Reporter()), image.with_suffix(".parts")
    start, lines = 4, [f"label: {table}", *(["label-id: 0x4e639091"] if table == "dos" else [])]
    places = []
    for part in parts:
        room = scratch / part.name
        plant(room / "tree", part.files)
        (room / "tree").mkdir(parents=True, exist_ok=True)
        for target, source in part.copied:
            shutil.copytree(source, room / "tree" / target, symlinks=True)
        with (room / "part.img").open("wb") as file:
            file.truncate(part.size * MIB)
        sandbox = tools.sandbox(Mount(target=f"{WORK}/out", source=room, writable=True))
        script = f"cd {WORK}/out; {MAKERS[part.filesystem].format(options=part.options)}"
        sandbox.run(("bash", "-euc", script), why=f"make {part.name}")
        kind = {("vfat", "dos"): ", type=c", ("vfat", "gpt"): ", type=uefi"}.get((part.filesystem, table), "")
        named = f', name="{part.name}"' if table == "gpt" else ""
        lines.append(f"start={start}MiB, size={part.size}MiB{kind}{named}")
        places.append((start, room / "part.img"))
        start += part.size
    if not table:
        shutil.copyfile(places[0][1], image)
    else:
        with image.open("wb") as file:
            file.truncate((start + 4) * MIB)
        sandbox = tools.sandbox(Mount(target=f"{WORK}/disk.img", source=image, writable=True))
        script = "\n".join(lines).encode()
        sandbox.run(("sfdisk", "--quiet", f"{WORK}/disk.img"), why="write the table", stdin=script)
        with image.open("r+b") as file:
            for at, source in places:
                file.seek(at * MIB)
                file.write(source.read_bytes())
    shutil.rmtree(scratch)
    return image


def iiab(image: Path, *, dirty: bool, home: Path | None = None) -> Path:
    """Internet-in-a-Box: Kolibri was provisioned before the card was imaged."""
    fstab = "PARTUUID=4e639091-01 /boot/firmware vfat defaults 0 2\nPARTUUID=4e639091-02 / ext4 noatime 0 1\n"
    dirt = {"etc/iiab/uuid": "5b1c8f0e-7d4c-4a8e-9d55-1f0d2c3b4a59\n"} if dirty else {}
    root = {**SYSTEM, "etc/fstab": f"{fstab}/dev/sdb1 /media/usb ext4 nofail 0 2\n", "boot/firmware/.keep": "", **dirt}
    copied = (("library/kolibri", home),) if dirty and home else ()
    boot = Part(name="boot", filesystem="vfat", files={"cmdline.txt": "root=PARTUUID=4e639091-02\n"})
    return make_disk(image, "dos", (boot, Part(name="root", filesystem="ext4", files=root, size=200, copied=copied)))


def raspios(image: Path, *, dirty: bool) -> Path:
    """Raspberry Pi OS, copied from a card that was started."""
    on_fat = {
        "userconf.txt": f"pi:{RASPBERRY}\n",
        "wpa_supplicant.conf": 'network={\n\tssid="Home"\n\tpsk="secret"\n}\n',
    }
    in_root = {
        "etc/machine-id": f"{ID}\n",
        "etc/ssh/ssh_host_ed25519_key": PEM,
        "etc/ssh/ssh_host_ed25519_key.pub": "ssh-ed25519 AAAA root@raspberrypi\n",
        "etc/NetworkManager/system-connections/Home.nmconnection": "[wifi-security]\npsk=secret\n",
        "var/lib/NetworkManager/secret_key": "nm-v2:",
        "var/lib/systemd/random-seed": "seed",
        f"var/log/journal/{ID}/system.journal": "LPKSHHRH",
        "home/pi/.bash_history": "sudo passwd pi\n",
    }
    fstab = {"etc/fstab": "PARTUUID=4e639091-01 /boot/firmware vfat defaults 0 2\n/dev/mmcblk0p2 / ext4 noatime 0 1\n"}
    root = {**SYSTEM, **fstab, "boot/firmware/.keep": "", **(in_root if dirty else {})}
    boot = {"config.txt": "arm_64bit=1\n", **(on_fat if dirty else {})}
    parts = (
        Part(name="boot", filesystem="vfat", files=boot),
        Part(name="root", filesystem="ext4", files=root),
    )
    return make_disk(image, "dos", parts)


OURS = Recipe.model_validate(
    {
        "version": 1,
        "name": "try",
        "description": "A trial",
        "disk": {
            "partitions": [
                {"name": "esp", "type": "esp", "size": "48MiB", "filesystem": "vfat", "mount": "/boot/efi"},
                {
                    "name": "root",
                    "size": "200MiB",
                    "filesystem": "btrfs",
                    "subvolumes": [
                        {"name": "@", "mount": "/", "data": "system"},
                        {"name": "@log", "mount": "/var/log", "data": "disposable"},
                    ],
                },
            ]
        },
        "audit": {
            "waivers": [
                {"rule": "logs", "path": "var/log/install.log", "reason": "it tells technicians what was installed"},
                {"rule": "wifi-secrets", "path": "*", "reason": "the network of the whole project"},
            ]
        },
    }
)


def ours(image: Path, *, dirty: bool) -> Path:
    """One of ours: a card was started, a snapshot made, and then the card was copied."""
    on_esp = {
        "satchel-report.txt": "Facility KIPEPEO\n",
        "satchel-seed.txt": "# Who is this device?\nfacility = Kipepeo\n",
    }
    in_root = {
        "@/etc/machine-id": f"{ID}\n",
        "@/etc/ssh/ssh_host_ed25519_key": PEM,
        "@/var/lib/satchel/identity.json": "{}\n",
        "@/var/lib/satchel/admin-password": "tawi-kumi-nane\n",
        "@/var/lib/satchel/journal/hostname.json": "{}\n",
        f"@log/journal/{ID}/system.journal": "LPKSHHRH",
        "@before/etc/os-release": "ID=debian\n",
        "@before/etc/machine-id": f"{ID}\n",
    }
    manifest = MANIFEST.model_copy(update={"recipe": OURS, "content": (), "checks": ()})
    esp = {
        ON_ESP: manifest.to_json(),
        "satchel-seed.txt": "# Who is this device? Take away the # where you write.\n# facility = \n",
        **(on_esp if dirty else {}),
    }
    root = {f"@/{path}": text for path, text in SYSTEM.items()} | {"@log/install.log": "packages\n"}
    parts = (
        Part(name="esp", filesystem="vfat", files=esp),
        Part(name="root", filesystem="btrfs", files={**root, **(in_root if dirty else {})}, size=200),
    )
    return make_disk(image, "gpt", parts)


def cloud(image: Path, *, dirty: bool) -> Path:
    """A machine that was prepared in a cloud, in a container and by a build service."""
    dirt = {
        "var/lib/cloud/instances/i-0a1b/user-data.txt": "#cloud-config\n",
        "var/lib/cloud/data/instance-id": "i-0a1b\n",
        "etc/ssl/private/ssl-cert-snakeoil.key": PEM,
        "etc/docker/key.json": '{"kid": "ABCD"}\n',
        "etc/apt/apt.conf.d/01proxy": 'Acquire::http::Proxy "http://apt-cache.lan:3142";\n',
        "opt/app/direct_url.json": '{"url": "file:///home/runner/work/school/school/wheels/a.whl"}\n',
        "var/lib/dhcp/dhclient.eth0.leases": "lease { fixed-address 10.0.0.7; }\n",
        "etc/udev/rules.d/70-persistent-net.rules": 'ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n',
    }
    fstab = {"etc/fstab": "LABEL=cloudimg-root / ext4 defaults 0 1\nLABEL=UEFI /boot/efi vfat umask=0077 0 1\n"}
    root = {**SYSTEM, **fstab, **(dirt if dirty else {})}
    parts = (
        Part(name="UEFI System", filesystem="vfat", files={"EFI/BOOT/BOOTX64.EFI": "MZ"}, options="-n UEFI"),
        Part(name="swap", filesystem="swap", files={}),
        Part(name="root", filesystem="ext4", files=root, options="-L cloudimg-root"),
    )
    return make_disk(image, "gpt", parts)


def rachel(directory: Path, *, dirty: bool, home: Path | None = None) -> Path:
    """RACHEL: a tree as it is mounted. Kolibri was used, then deprovisioned, and nothing more."""
    plant(directory, {**SYSTEM, "etc/fstab": "/dev/sda1 / ext4 defaults 0 1\n"})
    if dirty and home:
        shutil.copytree(home, directory / "root/.kolibri", symlinks=True)
    return directory


DISKS: Mapping[str, Callable[..., Path]] = {"iiab": iiab, "raspios": raspios, "ours": ours, "cloud": cloud}


def kolibri(venv: Path, home: Path, *arguments: str) -> None:
    """Run `kolibri` on a home."""
    environment = {**os.environ, "KOLIBRI_HOME": str(home), "KOLIBRI_DISABLE_PING": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        (venv / "bin/kolibri", *arguments), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def provisioned_home(venv: Path, home: Path) -> Path:
    """A home as Internet-in-a-Box makes it during its build."""
    home.parent.mkdir(parents=True, exist_ok=True)
    kolibri(
        venv, home, "manage", "provisiondevice", "--noinput", "--facility", "Kolibri-in-a-Box", "--preset", "formal",
        "--language_id", "en", "--superusername", "Admin", "--superuserpassword", "changeme",
    )  # fmt: skip
    content = home / "content"
    plant(content, {"databases/.keep": "", f"storage/0/1/{ID}.html": f"{PEM} {LEARNER}"})
    return home


USE = f"""
from kolibri.core.auth.models import Facility, FacilityUser
from kolibri.core.device.models import DeviceAppKey
learner = FacilityUser.objects.create(username="amina_7", full_name="{LEARNER}", facility=Facility.objects.get())
learner.set_password("hunter2hunter2"); learner.save()
DeviceAppKey.get_app_key()
"""


def deprovisioned_home(venv: Path, home: Path) -> Path:
    """A home that a school has used, after Kolibri's own `deprovision`."""
    provisioned_home(venv, home)
    kolibri(venv, home, "manage", "shell", "-c", USE)
    plant(home, {"media/log_export/content_session_logs.csv": f"{LEARNER},amina_7\n"})
    with closing(sqlite3.connect(home / "sessions.sqlite3")) as database, database:
        database.execute(
            "INSERT INTO kolibriauth_session (session_key, session_data, expire_date, user_id) "
            "VALUES ('k', 'amina_7', '2030-01-01', ?)",
            (ID,),
        )
    kolibri(venv, home, "manage", "deprovision", "--destroy-all-user-data", "--permanent-irrevocable-data-loss")
    return home


def main(out: Path, venv: Path) -> None:
    """Write all five, dirty."""
    out.mkdir(parents=True, exist_ok=True)
    used = provisioned_home(venv, out / "homes/provisioned")
    left = deprovisioned_home(venv, out / "homes/deprovisioned")
    rachel(out / "rachel", dirty=True, home=left)
    enter()
    for name, make in DISKS.items():
        make(out / f"{name}.img", dirty=True, **({"home": used} if name == "iiab" else {}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())

"""Why a path is there: a small tree of all layers of the default recipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from builder.compare.origin import Tree
from builder.compare.stack import Level, Stack
from builder.errors import SatchelError
from builder.host.places import OVERLAYS, RECIPES
from builder.recipe.load import load_recipe

STATUS = """\
Package: bash
Status: install ok installed
Version: 5.2

Package: openssh-server
Status: install ok installed
Version: 1:10.0
Depends: libwrap0, bash

Package: libwrap0
Status: install ok installed
Version: 7.6
"""
PACKAGES = "opt/kolibri/lib/python3.13/site-packages"
FILES: dict[str, dict[str, str]] = {
    "base": {
        "var/lib/dpkg/info/bash.list": "/.\n/bin/bash\n/usr/bin\n/etc/fstab\n",
        "usr/bin/bash": "#!",
        "etc/fstab": "",
        "etc/hostname": "builder",
        "tmp/x": "",
    },
    "apt": {
        "var/lib/dpkg/status": STATUS,
        "var/lib/dpkg/info/openssh-server.list": "/.\n/usr/sbin/sshd\n/usr/bin\n/usr/lib/systemd/system/ssh.service\n",
        "var/lib/dpkg/info/libwrap0:amd64.list": "/.\n/usr/lib/libwrap.so\n",
        "usr/sbin/sshd": "sshd",
        "usr/lib/libwrap.so": "",
        "usr/lib/systemd/system/ssh.service": "",
        "etc/generated": "",
    },
    "initramfs": {"boot/initrd.img-6": ""},
    "users": {"etc/passwd": "", "srv/data/technician/.profile": ""},
    "pip /opt/kolibri": {
        f"{PACKAGES}/kolibri/main.py": "",
        f"{PACKAGES}/kolibri/__pycache__/main.cpython-313.pyc": "",
        f"{PACKAGES}/kolibri-0.19.5.dist-info/RECORD": "kolibri/main.py,sha256=x,0\n",
        "opt/kolibri/pyvenv.cfg": "",
    },
    "content": {"srv/content/kolibri/storage/1": ""},
    "kolibri": {"srv/data/kolibri/db.sqlite3": "", "usr/share/satchel/sealed-home/db.sqlite3": ""},
    "overlay local-disks": {},
    "overlay pc": {},
    "overlay firstboot": {},
    "units": {},
    "system": {"etc/fstab": "UUID", "etc/machine-id": ""},
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    top = tmp_path_factory.mktemp("layers")
    levels = [Level(name=layer, tree=top / layer.replace("/", "_")) for layer in FILES]
    for level in levels:
        level.tree.mkdir()
        for path, text in FILES[level.name].items():
            (level.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (level.tree / path).write_text(text)
    (top / "base/bin").symlink_to("usr/bin")
    wants = top / "apt/etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "ssh.service").symlink_to("/usr/lib/systemd/system/ssh.service")
    masked = top / "units/etc/systemd/system"
    masked.mkdir(parents=True)
    (masked / "sshd-keygen.service").symlink_to("/dev/null")
    overlaid = next(path for path in sorted((OVERLAYS / "pc").rglob("*")) if path.is_file()).relative_to(
        OVERLAYS / "pc"
    )
    (top / "overlay pc" / overlaid).parent.mkdir(parents=True)
    (top / "overlay pc" / overlaid).write_text("")
    (top / "system/boot/efi").mkdir(parents=True)
    if os.geteuid() == 0:
        os.mknod(top / "system/etc/hostname", stat.S_IFCHR, os.makedev(0, 0))
    return Tree(load_recipe(RECIPES / "kolibri-pc.yml"), Stack(levels), overlays=OVERLAYS)


def line(file: str, text: str) -> str:
    """The line of a recipe file that holds a text, as people see it."""
    lines = (RECIPES / file).read_text().splitlines()
    number = next(number for number, found in enumerate(lines, start=1) if text in found)
    place = RECIPES / file
    shown = place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place
    return f"{shown}:{number}"


DEBIAN, KOLIBRI, PRODUCT = "lib/debian.yml", "lib/kolibri.yml", "kolibri-pc.yml"


@pytest.mark.parametrize(
    ("path", "reason", "layer"),
    [
        ("/usr/sbin/sshd", f"package openssh-server 1:10.0 ({line(DEBIAN, '- openssh-server')})", "apt"),
        (
            "/usr/lib/libwrap.so",
            f"package libwrap0 7.6 (needed by openssh-server, {line(DEBIAN, '- openssh-server')})",
            "apt",
        ),
        ("/usr/bin/bash", f"package bash 5.2 (of the minimal Debian, {line(DEBIAN, 'distribution:')})", "base"),
        (
            "/usr/bin",
            "shared by 2 packages, the first of them package bash 5.2"
            f" (of the minimal Debian, {line(DEBIAN, 'distribution:')})",
            "base",
        ),
        ("/etc/generated", "made by the scripts of packages while layer apt was made", "apt"),
        (
            "/etc/systemd/system/multi-user.target.wants/ssh.service",
            "made by the scripts of packages while layer apt was made,"
            f" leading to a file of package openssh-server 1:10.0 ({line(DEBIAN, '- openssh-server')});"
            f" also by units.enable: ssh.service ({line(DEBIAN, '- ssh.service')})",
            "apt",
        ),
        (
            "/etc/systemd/system/sshd-keygen.service",
            f"units.mask: sshd-keygen.service ({line(DEBIAN, '- sshd-keygen.service')})",
            "units",
        ),
        ("/boot/initrd.img-6", "the initramfs, made from what the layers below it brought", "initramfs"),
        (
            "/etc/passwd",
            f"written when the accounts were made: technician ({line(PRODUCT, 'name: technician')}),"
            f" kolibri ({line(KOLIBRI, '{name: kolibri, system')})",
            "users",
        ),
        ("/srv/data/technician/.profile", f"the home of technician ({line(PRODUCT, 'name: technician')})", "users"),
        (
            f"/{PACKAGES}/kolibri/main.py",
            f"Python package kolibri 0.19.5 in application /opt/kolibri ({line(KOLIBRI, 'venv: /opt/kolibri')})",
            "pip /opt/kolibri",
        ),
        (
            f"/{PACKAGES}/kolibri/__pycache__/main.cpython-313.pyc",
            f"Python package kolibri 0.19.5 in application /opt/kolibri ({line(KOLIBRI, 'venv: /opt/kolibri')})",
            "pip /opt/kolibri",
        ),
        ("/opt/kolibri/pyvenv.cfg", f"application /opt/kolibri ({line(KOLIBRI, 'venv: /opt')})", "pip /opt/kolibri"),
        ("/srv/content/kolibri/storage/1", f"preloaded content ({line(KOLIBRI, '- demo:')})", "content"),
        (
            "/usr/share/satchel/sealed-home/db.sqlite3",
            f"Kolibri's home, told of the channels and sealed ({line(KOLIBRI, '  venv: /opt')})",
            "kolibri",
        ),
        ("/boot/efi", f"the mount point of partition esp ({line('lib/disk-pc.yml', '- name: esp')})", "system"),
        (
            "/etc/machine-id",
            "emptied or replaced, because only one machine may have it, or nobody needs it",
            "system",
        ),
    ],
)
def test_why(tree: Tree, path: str, reason: str, layer: str) -> None:
    found = tree.why(path)
    assert (found.path, found.reason, found.layer) == (path, reason, layer)


def test_what_a_layer_changed_tells_who_was_there_before(tree: Tree) -> None:
    found = tree.why("/etc/fstab")
    assert found.reason.startswith("the mount table of disk.partitions (")
    assert "(before that: package bash 5.2 (of the minimal Debian" in found.reason
    assert "made by layer base, then changed by layer system" in found.text()
    assert f"on partition root ({line(PRODUCT, '- name: root')})" in found.text()


def test_an_overlay_names_its_source(tree: Tree) -> None:
    source = next(path for path in sorted((OVERLAYS / "pc").rglob("*")) if path.is_file())
    path = "/" + source.relative_to(OVERLAYS / "pc").as_posix()
    assert tree.why(path.removesuffix(".j2")).reason == f"overlays/pc{path} ({line(DEBIAN, '- name: pc')})"


def test_links_on_the_way_and_untidy_paths(tree: Tree) -> None:
    found = tree.why("bin/../bin//bash")
    assert (found.asked, found.path) == ("/bin/bash", "/usr/bin/bash")
    assert found.text().startswith("/bin/bash is /usr/bin/bash: package bash")


def test_what_is_not_in_the_tree_but_on_the_device(tree: Tree) -> None:
    assert tree.why("/proc/self").reason.startswith("/proc is empty in the image")
    kernel = tree.why("/boot/efi/satchel/vmlinuz")
    assert kernel.reason.startswith("a copy of the newest /boot/vmlinuz-*; on partition esp (")
    assert tree.why("/boot/efi/satchel/manifest.json").reason.startswith("what the image says of itself")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_what_was_removed(tree: Tree) -> None:
    found = tree.why("/etc/hostname")
    assert found.reason == (
        "removed by layer system: only one machine may have it, or nobody needs it"
        " (before that: made by the scripts of packages while layer base was made)"
    )
    assert found.layer is None


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/usr/sbin/shd", "did you mean /usr/sbin/sshd?"),
        ("sshd", "did you mean /usr/sbin/sshd?"),
        ("/srv/data/technicain/x", "did you mean /srv/data/technician?"),
        ("/boot/zzz", "/boot has efi, initrd.img-6"),
    ],
)
def test_no_such_path(tree: Tree, path: str, hint: str) -> None:
    with pytest.raises(SatchelError, match="there is no /") as error:
        tree.why(path)
    assert error.value.hint == hint

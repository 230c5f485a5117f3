"""A finished image as its manifest and its lock describe it: the default recipe, with few packages."""

from __future__ import annotations

import hashlib
from uuid import UUID

from builder.host.places import RECIPES
from builder.lock.model import Content, Deb, Lock, Wheel
from builder.manifest import ChannelRecord, DiskRecord, FileRecord, Manifest, Package, PartitionRecord
from builder.recipe.disk import DataClass, FileSystem
from builder.recipe.load import load_recipe
from builder.units import GIB, MIB

DATE = 1_795_268_684


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def partition(number: int, name: str, start: int, size: int, **facts: object) -> PartitionRecord:
    common = {
        "type": "linux",
        "guid": digest(name)[:32],
        "filesystem": FileSystem.EXT4,
        "filesystem_uuid": None,
        "label": name,
        "mount": f"/{name}",
        "options": (),
        "data": DataClass.SYSTEM,
        "grow": False,
        "subvolumes": (),
    }
    place = {"number": number, "name": name, "start_bytes": start, "size_bytes": size}
    return PartitionRecord.model_validate({**common, **place, **facts})


MANIFEST = Manifest(
    satchel="0.1.0",
    key=digest("image"),
    recipe=load_recipe(RECIPES / "kolibri-pc.yml").recipe,
    params={"language": "en"},
    lock=digest("lock"),
    date=DATE,
    packages=(
        Package(name="libc6", version="2.41-12", kind="deb"),
        Package(name="vim", version="2:9.1.1230-2", kind="deb"),
        Package(name="Kolibri", version="0.19.5", kind="wheel", where="/opt/kolibri"),
        Package(name="pip", version="25.1.1", kind="wheel", where="/opt/kolibri"),
    ),
    disk=DiskRecord(
        table="gpt",
        guid=digest("disk")[:32],
        size_bytes=4 * GIB,
        partitions=(
            partition(1, "bios", 4 * MIB, 4 * MIB, filesystem=None, mount=None),
            partition(2, "root", 8 * MIB, 3 * GIB, filesystem=FileSystem.BTRFS, filesystem_uuid=str(UUID(int=2))),
            partition(3, "content", 8 * MIB + 3 * GIB, 512 * MIB, data=DataClass.CONTENT, options=("ro",)),
            partition(4, "data", 520 * MIB + 3 * GIB, 500 * MIB, data=DataClass.VALUABLE, grow=True),
        ),
    ),
    boot=("uefi", "bios"),
    checks=load_recipe(RECIPES / "kolibri-pc.yml").recipe.checks,
    content=(ChannelRecord(id=digest("channel")[:32], name="First lessons", version=3, resources=48, bytes=6 * MIB),),
    digests={"kolibri-pc.img": FileRecord(sha256=digest("img"), size_bytes=4 * GIB)},
)


def deb(name: str, version: str, *, architecture: str = "amd64", source: str = "") -> Deb:
    file = f"pool/main/{(source or name)[0]}/{source or name}/{name}_{version}_{architecture}.deb"
    return Deb(name=name, version=version, architecture=architecture, size_bytes=1000, sha256=digest(name), file=file)


LOCK = Lock(
    recipe="kolibri-pc",
    date=DATE,
    inputs={},
    tools=(deb("qemu", "1"),),
    base=(deb("libc6", "2.41-12", source="glibc"),),
    apt=(deb("vim", "2:9.1.1230-2", architecture="all"),),
    wheels=(
        Wheel(
            venv="/opt/kolibri",
            name="kolibri",
            version="0.19.5",
            size_bytes=2000,
            sha256=digest("kolibri"),
            file="kolibri-0.19.5-py2.py3-none-any.whl",
        ),
    ),
    content=(Content(source=0, digest=digest("content"), description="the demonstration channel"),),
)

"""Finding an image and hearing from itself what it is: the way in for audit, boot test, inspect and flash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from builder.audit.partition import esp_of
from builder.audit.reader import read_file
from builder.boot.subject import Firmware, Gift, Grown, Subject
from builder.disk.image import DESCRIPTOR
from builder.disk.read import Table
from builder.errors import ArtifactError
from builder.host.tools import Tools
from builder.identity.shared import makers_of
from builder.identity.trial_seed import common_seed, trial_seed
from builder.manifest import ON_ESP, Manifest, PartitionRecord, parse_manifest
from builder.recipe.model import Check, HttpCheck, Recipe
from builder.units import MIB

_SSH = 22


def find_image(name: str, *, dist: Path) -> Path:
    """The image that a person means: a path, or the name of a recipe that was built into `dist`, whole or split.

    Raises:
        ArtifactError: there is no such file.
    """
    path = Path(name)
    if path.is_file():
        return path
    built = dist / name / f"{name}.img"
    split = built.with_suffix(DESCRIPTOR)
    for found in (built, split):
        if found.is_file():
            return found
    if path.is_dir():
        raise ArtifactError(f"{path} is a directory, not an image", hint=f"give an image file: {path}/NAME.img")
    plain_name = PurePosixPath(name).name == name and not path.suffix
    hint = f"build it first: satchel build {name}" if plain_name else "give the path of an image file"
    raise ArtifactError(f"there is no image {name}", details=f"no file {built}" if plain_name else None, hint=hint)


def read_embedded_manifest(tools: Tools, image: Path, table: Table) -> Manifest:
    """The manifest that an image carries on its EFI system partition. Must run inside the namespace.

    Raises:
        ArtifactError: the image has none: it is not one of ours.
    """
    esp = esp_of(table)
    if esp is None:
        raise ArtifactError(
            f"{image} has no EFI system partition, so it is not an image made by Satchel",
            hint="`satchel inspect` shows the partitions of any image",
        )
    return parse_manifest(read_file(tools, image, esp, ON_ESP), source=f"{image} ({ON_ESP} on its ESP)")


def subject_of(image: Path, manifest: Manifest) -> Subject:
    """What the boot test has to prove about an image."""
    recipe = manifest.recipe
    grown = next((record for record in manifest.disk.partitions if record.grow), None)
    shared = {name: make() for name, make in makers_of(recipe).items()}
    return Subject(
        image=image,
        recipe=recipe.name,
        # A Raspberry Pi is the slowest machine that QEMU has, and has no clock that could be kept.
        firmware=tuple(sorted(map(Firmware, manifest.boot), key=lambda each: each is Firmware.RASPBERRY_PI)),
        checks=manifest.checks,
        channels=_channel_claims(manifest),
        kolibri=recipe.kolibri is not None,
        ports=ports_of(manifest),
        grown=None if grown is None else _grown(grown),
        disk_ids=_disk_ids(manifest) if recipe.disk.own_ids else {},
        card_bytes=max(recipe.disk.card // MIB * MIB, manifest.disk.size_bytes),
        gift=None if manifest.seed is None else _gift(recipe, manifest.seed.offset_bytes, shared),
        common=_common(recipe, manifest.seed.offset_bytes, shared) if manifest.seed and shared else None,
    )


def _channel_claims(manifest: Manifest) -> tuple[Check, ...]:
    """Every preloaded channel is served with all of its resources, and no other one is."""
    kolibri = manifest.recipe.kolibri
    if kolibri is None:
        return ()
    address = f"http://127.0.0.1:{kolibri.port}/api/public/v1/channels"
    claims = [
        Check(
            name=f"{channel.name[:40]} has all of its {channel.resources} resources",
            http=HttpCheck(
                url=f"{address}/lookup/{channel.id}",
                json_contains={
                    "0.id": channel.id,
                    "0.version": channel.version,
                    "0.total_resource_count": channel.resources,
                },
            ),
        )
        for channel in manifest.content
    ]
    beyond = HttpCheck(url=f"{address}/", json_contains={str(len(manifest.content)): None})
    return (*claims, Check(name="no other channel is listed", http=beyond))


def _gift(recipe: Recipe, offset_bytes: int, shared: Mapping[str, str]) -> Gift:
    trial = trial_seed(recipe, shared)
    secret = hashlib.sha256(trial.admin_password.encode()).hexdigest()
    expected = {"facility_code": trial.code, "hostname": trial.hostname, "admin_password": f"sha256:{secret}"}
    return Gift(offset_bytes=offset_bytes, data=trial.data, expected=expected, secrets=trial.secrets)


def _common(recipe: Recipe, offset_bytes: int, shared: Mapping[str, str]) -> Gift:
    data = common_seed(recipe, shared)
    return Gift(offset_bytes=offset_bytes, data=data, expected={}, secrets=tuple(shared.values()))


def _disk_ids(manifest: Manifest) -> dict[str, str]:
    """The ids in the image, by the fields in which a device reports its own."""
    disk = manifest.disk
    return {
        "disk_guid": disk.guid,
        **{f"partition_guids.{record.name}": record.guid for record in disk.partitions},
        **{f"filesystem_uuids.{each.name}": each.filesystem_uuid for each in disk.partitions if each.filesystem_uuid},
    }


def _grown(record: PartitionRecord) -> Grown:
    return Grown(mount=record.mount or "/", start_bytes=record.start_bytes, size_bytes=record.size_bytes)


def ports_of(manifest: Manifest) -> tuple[int, ...]:
    """The TCP ports that the recipe claims to be open, and that of Kolibri's pages."""
    listens = [check.listen for check in manifest.checks if check.listen is not None]
    pages = {manifest.recipe.kolibri.port} if manifest.recipe.kolibri else set()
    return tuple(sorted({listen.port for listen in listens if listen.protocol == "tcp"} | pages | {_SSH}))

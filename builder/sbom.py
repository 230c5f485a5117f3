"""The software bill of materials that stands beside an image: what is in it, for people who watch for weaknesses.

CycloneDX, by the library of its own project: it knows every field and carries the official schemas, and scanners
(Trivy, Grype, OWASP Dependency-Track) read Debian and Python packages from it by their purl (package-url.org). SPDX
says the same at several times the length, and for lawyers first. No licences are listed: the image keeps no copyright
files to read them from, and a guess would be worse than nothing.

The same image gives the same text: nothing here asks the clock or a random number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final
from uuid import uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from builder.lock.model import Deb, Lock, LockedImage, Wheel
from builder.manifest import ChannelRecord, Manifest, Package
from builder.plan.keys import seed_of

SUFFIX: Final = ".cdx.json"
"""What the name of the file ends with; CycloneDX asks for it."""

_VERSION: Final = SchemaVersion.V1_6
"""The version of CycloneDX that is ECMA-424."""

_RELEASES: Final = {"trixie": "13"}
"""Numbers of suites: scanners choose Debian's advisories by number."""


def sbom(manifest: Manifest, lock: Lock) -> str:
    """The text of NAME.cdx.json.

    Args:
        manifest: The image; its SHA-256 is the hash of the root component and makes the serial number. One
            without it, as a split image is, is known by its lock.
        lock: The files that its packages came from; a package that the lock does not name is listed without a hash.
    """
    image = _image(manifest, lock)
    components = [
        _system(manifest),
        *_packages(manifest, lock),
        *map(_channel, manifest.content),
        *map(_container, lock.images),
    ]
    bom = Bom(
        serial_number=uuid5(seed_of(manifest.recipe.name), _image_digest(manifest) or manifest.lock),
        metadata=BomMetaData(
            timestamp=datetime.fromtimestamp(lock.date, UTC),
            tools=ToolRepository(components=[_satchel(manifest)]),
            component=image,
        ),
        components=components,
    )
    bom.register_dependency(image, components)
    return make_outputter(bom, OutputFormat.JSON, _VERSION).output_as_string(indent=1) + "\n"


def _image(manifest: Manifest, lock: Lock) -> Component:
    recipe = manifest.recipe
    facts = {
        "lock": manifest.lock,
        "architecture": recipe.base.architecture,
        **{f"content:{content.source}": content.digest for content in lock.content},
        **{f"content:{tree.source}": tree.sha256 for tree in lock.trees},
    }
    return Component(
        name=manifest.image,
        version=manifest.lock[:12],
        type=ComponentType.FILE,
        bom_ref="image",
        description=recipe.description,
        hashes=_hashes(_image_digest(manifest)),
        properties=_properties(facts),
    )


def _image_digest(manifest: Manifest) -> str | None:
    """Of a whole image; the parts of a split one have their own."""
    record = manifest.digests.get(f"{manifest.recipe.name}.img")
    return record.sha256 if record else None


def _system(manifest: Manifest) -> Component:
    """The one operating system in it. Trivy takes Debian's packages for nothing without it, and refuses two."""
    base = manifest.recipe.base
    return Component(
        name=base.distribution, version=_RELEASES[base.suite], type=ComponentType.OPERATING_SYSTEM, bom_ref="system"
    )


def _satchel(manifest: Manifest) -> Component:
    return Component(name="satchel", version=manifest.satchel, type=ComponentType.APPLICATION, bom_ref="satchel")


def _packages(manifest: Manifest, lock: Lock) -> Iterable[Component]:
    debs = {(deb.name, deb.version): deb for deb in (*lock.base, *lock.apt)}
    wheels = {(wheel.venv, _normalised(wheel.name), wheel.version): wheel for wheel in lock.wheels}
    for package in manifest.packages:
        match package.kind:
            case "deb":
                yield _deb(package, debs.get((package.name, package.version)), manifest)
            case "wheel":
                key = (package.where, _normalised(package.name), package.version)
                yield _wheel(package, wheels.get(key))


def _deb(package: Package, locked: Deb | None, manifest: Manifest) -> Component:
    base = manifest.recipe.base
    qualifiers = {"arch": base.architecture, "distro": f"{base.distribution}-{_RELEASES[base.suite]}"}
    if locked:
        qualifiers["arch"] = locked.architecture
        # Advisories name source packages; a mirror keeps what was built from one in a directory of its name.
        source = PurePosixPath(locked.file).parent.name
        if source not in {"", package.name}:
            qualifiers["upstream"] = source
    purl = PackageURL("deb", base.distribution, package.name, package.version, qualifiers)
    return _component(package, purl, str(purl), locked)


def _wheel(package: Package, locked: Wheel | None) -> Component:
    purl = PackageURL("pypi", None, package.name, package.version)
    return _component(package, purl, f"{purl}#{package.where}", locked, venv=package.where)


def _component(
    package: Package,
    purl: PackageURL,
    reference: str,
    locked: Deb | Wheel | None,
    **facts: str,
) -> Component:
    lock_facts = {"file": locked.file, "size_bytes": str(locked.size_bytes)} if locked else {}
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=reference,
        purl=purl,
        hashes=_hashes(locked.sha256 if locked else None),
        properties=_properties({**lock_facts, **facts}),
    )


def _container(image: LockedImage) -> Component:
    """What it is made of stands in a bill of its own, if whoever made it wrote one."""
    name, _, tag = image.name.rpartition(":")
    purl = PackageURL("oci", None, name.rpartition("/")[2], image.digest, {"repository_url": name, "tag": tag})
    return Component(
        name=name,
        version=tag,
        type=ComponentType.CONTAINER,
        bom_ref=str(purl),
        purl=purl,
        hashes=_hashes(image.sha256),
    )


def _channel(channel: ChannelRecord) -> Component:
    facts = {"resources": str(channel.resources), "size_bytes": str(channel.bytes)}
    return Component(
        name=channel.name,
        version=str(channel.version),
        type=ComponentType.DATA,
        bom_ref=f"channel:{channel.id}",
        properties=_properties({"channel": channel.id, **facts}),
    )


def _hashes(sha256: str | None) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else []


def _properties(facts: Mapping[str, str]) -> list[Property]:
    return [Property(name=f"satchel:{name}", value=value) for name, value in facts.items() if value]


def _normalised(name: str) -> str:
    """The one spelling of a Python package's name (PEP 503); a wheel and its metadata may use others."""
    return re.sub(r"[-_.]+", "-", name).lower()

"""The bill of materials: what it says, that it is valid, and that it is the same every time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from builder.manifest import FileRecord, Package
from builder.sbom import sbom

from .finished_image import DATE, LOCK, MANIFEST, digest

BOM: dict[str, Any] = json.loads(sbom(MANIFEST, LOCK))
COMPONENTS = {component["bom-ref"]: component for component in BOM["components"]}


def test_the_official_schema_accepts_it() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom(MANIFEST, LOCK)) is None


def test_the_image_is_its_root() -> None:
    root = BOM["metadata"]["component"]
    assert root["name"] == "kolibri-pc.img"
    assert root["hashes"] == [{"alg": "SHA-256", "content": digest("img")}]
    edges = {edge["ref"]: edge.get("dependsOn", []) for edge in BOM["dependencies"]}
    assert edges[root["bom-ref"]] == sorted(COMPONENTS)
    assert [tool["name"] for tool in BOM["metadata"]["tools"]["components"]] == ["satchel"]


@pytest.mark.parametrize(
    ("purl", "reference", "sha256"),
    [
        ("pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc", None, digest("libc6")),
        ("pkg:deb/debian/vim@2:9.1.1230-2?arch=all&distro=debian-13", None, digest("vim")),
        ("pkg:pypi/kolibri@0.19.5", "pkg:pypi/kolibri@0.19.5#/opt/kolibri", digest("kolibri")),
    ],
)
def test_packages_bear_purl_and_hash_of_their_file(purl: str, reference: str | None, sha256: str) -> None:
    component = COMPONENTS[reference or purl]
    assert component["purl"] == purl
    assert component["hashes"] == [{"alg": "SHA-256", "content": sha256}]


def test_scanners_learn_which_debian_it_is() -> None:
    systems = [component for component in BOM["components"] if component["type"] == "operating-system"]
    assert [(system["name"], system["version"]) for system in systems] == [("debian", "13")]
    assert BOM["metadata"]["component"]["type"] == "file"


def test_what_the_lock_does_not_name_has_no_hash() -> None:
    assert "hashes" not in COMPONENTS["pkg:pypi/pip@25.1.1#/opt/kolibri"]


def test_channels_are_data() -> None:
    assert COMPONENTS[f"channel:{digest('channel')[:32]}"]["type"] == "data"


def test_one_wheel_in_two_environments_is_two_components() -> None:
    twin = Package(name="Kolibri", version="0.19.5", kind="wheel", where="/opt/other")
    both = MANIFEST.model_copy(update={"packages": (*MANIFEST.packages, twin)})
    references = [component["bom-ref"] for component in json.loads(sbom(both, LOCK))["components"]]
    assert {"pkg:pypi/kolibri@0.19.5#/opt/kolibri", "pkg:pypi/kolibri@0.19.5#/opt/other"} <= set(references)


def test_nothing_in_it_comes_from_the_clock_or_from_chance() -> None:
    assert BOM["metadata"]["timestamp"] == "2026-11-21T13:44:44+00:00"
    later = json.loads(sbom(MANIFEST, LOCK.model_copy(update={"date": DATE + 1})))
    assert later["metadata"]["timestamp"] == "2026-11-21T13:44:45+00:00"
    digests = {"kolibri-pc.img": FileRecord(sha256=digest("other"), size_bytes=1)}
    other = json.loads(sbom(MANIFEST.model_copy(update={"digests": digests}), LOCK))
    assert later["serialNumber"] == BOM["serialNumber"] != other["serialNumber"]
    backwards = MANIFEST.model_copy(update={"packages": MANIFEST.packages[::-1]})
    assert sbom(backwards, LOCK) == sbom(MANIFEST, LOCK)

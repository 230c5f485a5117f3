"""Where an image is asked for: registries.conf as podman understands it."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import HostError
from builder.oci.mirrors import Mirrors, host_mirrors, read_mirrors

NAME = "docker.io/kobotoolbox/kpi"


def mirrors(tmp_path: Path, text: str) -> Mirrors:
    path = tmp_path / "registries.conf"
    path.write_text(text)
    return read_mirrors(path)


def places(tmp_path: Path, text: str, name: str = NAME) -> list[str]:
    found = mirrors(tmp_path, text).places(name)
    return [f"{'insecure ' if place.insecure else ''}{place}" for place in found]


def test_without_mirrors_an_image_is_at_its_registry() -> None:
    (place,) = Mirrors().places(NAME)
    assert str(place) == NAME
    assert place.address == "https://registry-1.docker.io"


def test_a_location_stands_in_the_place_of_a_prefix(tmp_path: Path) -> None:
    text = '[[registry]]\nprefix = "docker.io"\nlocation = "127.0.0.1:5000/hub"\ninsecure = true\n'
    assert places(tmp_path, text) == ["insecure 127.0.0.1:5000/hub/kobotoolbox/kpi"]


def test_mirrors_are_asked_before_the_registry(tmp_path: Path) -> None:
    text = '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "near.lan"\ninsecure = true\n'
    assert places(tmp_path, text) == ["insecure near.lan/kobotoolbox/kpi", NAME]


def test_the_longest_prefix_counts(tmp_path: Path) -> None:
    text = (
        '[[registry]]\nprefix = "docker.io"\nlocation = "a.lan"\n'
        '[[registry]]\nprefix = "docker.io/kobotoolbox"\nlocation = "b.lan/kobo"\n'
    )
    assert places(tmp_path, text) == ["b.lan/kobo/kpi"]


def test_a_prefix_ends_where_a_name_does(tmp_path: Path) -> None:
    text = '[[registry]]\nprefix = "docker.io/kobo"\nlocation = "a.lan"\n'
    assert places(tmp_path, text) == [NAME]


def test_a_prefix_may_stand_for_the_hosts_of_a_domain(tmp_path: Path) -> None:
    text = '[[registry]]\nprefix = "*.example.org"\n[[registry.mirror]]\nlocation = "near.lan/x"\n'
    assert places(tmp_path, text, "hub.example.org/app")[-1] == "hub.example.org/app"


def test_what_is_blocked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"registries\.conf blocks docker\.io"):
        mirrors(tmp_path, '[[registry]]\nprefix = "docker.io"\nblocked = true\n').places(NAME)


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"is no registries\.conf"):
        mirrors(tmp_path, "registry = 5")


def test_the_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "none.conf"))
    with pytest.raises(HostError, match=r"none\.conf cannot be read"):
        host_mirrors()

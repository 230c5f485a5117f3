"""Who logs in where, as `podman login` keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.errors import HostError
from builder.oci.credentials import login


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    return tmp_path / "auth.json"


def test_nobody_who_did_not_log_in_has_a_login(kept: Path) -> None:
    assert login("docker.io/a/b") is None


def test_the_most_exact_login_counts(kept: Path) -> None:
    kept.write_text(json.dumps({"auths": {"r.lan": {"auth": "one"}, "r.lan/a": {"auth": "two"}, "r.lan/b": {}}}))
    assert (login("r.lan/a/c"), login("r.lan/b"), login("other.lan/a")) == ("two", "one", None)


def test_docker_has_a_name_of_its_own_for_its_registry(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "DOCKER_CONFIG").mkdir()
    text = json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": "three"}}})
    (tmp_path / "DOCKER_CONFIG" / "config.json").write_text(text)
    assert login("docker.io/library/postgres") == "three"


def test_a_file_that_is_none_is_said(kept: Path) -> None:
    kept.write_text("[]")
    with pytest.raises(HostError, match="is not as `podman login` writes it"):
        login("docker.io/a/b")

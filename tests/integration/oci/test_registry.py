"""Images from a real registry: locked by digest, fetched once, gone on with, and refused when they are not right."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from builder.errors import HostError, PlanError
from builder.host.pool import Pool
from builder.oci import registry as registries
from builder.progress import Reporter
from builder.web import Patience
from tests.images import docker_archive, image, oci_archive
from tests.integration.oci.asking import NAME, fetch, held, recipe, resolved
from tests.integration.oci.registry import PASSWORD, Registry, password_file, registry
from tests.integration.oci.tokens import issuer

pytestmark = pytest.mark.in_namespace

ONE = image({"one": "1"}, {"two": "2" * 5000})
LARGE = image({"large": "x" * (24 << 20)}, {"small": "y"})


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = Patience(connect_s=5, silence_s=5, pauses_s=(0.05,))
    monkeypatch.setattr(registries, "Patience", lambda: hasty)


@contextmanager
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Iterator[Registry]:
    """A registry that stands in the place of Docker Hub, by the setting that people use for a mirror."""
    with registry(tmp_path / "registry", **settings) as running:
        mirrors = tmp_path / "registries.conf"
        mirrors.write_text(f'[[registry]]\nprefix = "docker.io"\nlocation = "{running.host}/hub"\ninsecure = true\n')
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(mirrors))
        yield running


def test_an_image_comes_whole_and_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(tmp_path / "pool")
    with hub(tmp_path, monkeypatch) as running:
        running.push(ONE, "hub/school/app", "1")
        loaded = recipe(tmp_path)
        found = resolved(loaded, pool)
        assert (found.image.name, found.image.digest) == (NAME, ONE.digest)
        # Looking at it brings no layer.
        assert {blob.kind for blob in pool.missing(found.blobs)} == {"layer"}
        fetch(loaded, found.blobs, pool)
    assert held(pool, found.blobs) == ONE.blobs()
    # What is there is not asked for again.
    fetch(loaded, found.blobs, pool, offline=True)


def test_the_image_for_the_device_is_chosen_of_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = image({"one": "1"}, architecture="arm64")
    with hub(tmp_path, monkeypatch) as running:
        descriptors = []
        for each, architecture in ((other, "arm64"), (ONE, "amd64")):
            running.push(each, "hub/school/app", architecture)
            descriptors.append(
                {
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "digest": each.digest,
                    "size": len(each.manifest),
                    "platform": {"os": "linux", "architecture": architecture},
                }
            )
        running.put(json.dumps({"schemaVersion": 2, "manifests": descriptors}).encode(), "hub/school/app", "1", "index")
        assert resolved(recipe(tmp_path), Pool(tmp_path / "pool")).image.digest == ONE.digest


def test_an_image_for_another_machine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(tmp_path, monkeypatch) as running:
        running.push(image({"one": "1"}, architecture="arm64"), "hub/school/app", "1")
        with pytest.raises(
            PlanError, match=r"recipe\.yml:1:\d+: .*it is for linux/arm64, and the device is linux/amd64"
        ):
            resolved(recipe(tmp_path), Pool(tmp_path / "pool"))


def test_a_tag_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        hub(tmp_path, monkeypatch) as running,
        pytest.raises(PlanError, match=rf"{running.host}/hub/school/app has no manifest 1"),
    ):
        resolved(recipe(tmp_path), Pool(tmp_path / "pool"))


def test_a_digest_that_the_recipe_names_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(tmp_path, monkeypatch) as running:
        running.push(ONE, "hub/school/app", "1")
        assert resolved(recipe(tmp_path, digest=ONE.digest), Pool(tmp_path / "pool")).image.digest == ONE.digest
        with pytest.raises(PlanError, match="has no manifest sha256"):
            resolved(recipe(tmp_path, digest=f"sha256:{0:064}"), Pool(tmp_path / "pool"))


def test_a_file_that_the_registry_spoilt_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(tmp_path / "pool")
    with hub(tmp_path, monkeypatch) as running:
        running.push(ONE, "hub/school/app", "1")
        loaded = recipe(tmp_path)
        found = resolved(loaded, pool)
        spoilt = running.blob(f"sha256:{found.blobs[-1].sha256}")
        good = spoilt.read_bytes()
        spoilt.write_bytes(good.replace(b"2", b"3"))
        with pytest.raises(PlanError, match="gives something else for a layer of docker"):
            fetch(loaded, found.blobs, pool)
        assert pool.missing(found.blobs) == (found.blobs[-1],)
        spoilt.write_bytes(good)
        fetch(loaded, found.blobs, pool)
    assert held(pool, found.blobs) == ONE.blobs()


class Watcher(Reporter):
    """Told of every step forward."""

    def __init__(self, heard: Any) -> None:
        self._heard = heard

    @contextmanager
    def amount(self, name: str, total: int | None, *, unit: str = "bytes") -> Iterator[Any]:
        yield self._heard


def test_a_registry_that_dies_half_way_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(tmp_path / "pool")
    with hub(tmp_path, monkeypatch) as running:
        running.push(LARGE, "hub/school/app", "1")
        loaded = recipe(tmp_path)
        found = resolved(loaded, pool)
        came = 0

        def pull_the_plug(amount: int) -> None:
            nonlocal came
            came += amount
            if came > 8 << 20:
                running.stop()

        with pytest.raises(HostError, match="cannot be had now") as caught:
            fetch(loaded, found.blobs, pool, reporter=Watcher(pull_the_plug))
        assert "what came is kept" in (caught.value.hint or "")
        large = next(blob for blob in found.blobs if blob.size_bytes > 20 << 20)
        arrived = pool.partial(large).stat().st_size
        assert 8 << 20 <= arrived < large.size_bytes
        running.start()
        steps: list[int] = []
        fetch(loaded, found.blobs, pool, reporter=Watcher(steps.append))
        assert max(steps) == arrived
    assert held(pool, found.blobs) == LARGE.blobs()


def test_who_must_log_in_is_told_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = password_file(tmp_path)
    with hub(tmp_path, monkeypatch, **settings, REGISTRY_AUTH_HTPASSWD_PATH="/job/htpasswd") as running:
        (tmp_path / "htpasswd").rename(running.directory / "htpasswd")
        running.stop()
        running.start()
        logins = tmp_path / "auth.json"
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(logins))
        with pytest.raises(PlanError, match=f"`podman login {running.host}` keeps one"):
            resolved(recipe(tmp_path), Pool(tmp_path / "pool"))
        token = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
        logins.write_text(json.dumps({"auths": {running.host: {"auth": token}}}))
        running.push(ONE, "hub/school/app", "1", login=token)
        assert resolved(recipe(tmp_path), Pool(tmp_path / "pool")).image.digest == ONE.digest


def test_a_token_is_asked_for_where_the_registry_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    logins = tmp_path / "auth.json"
    logins.write_text(json.dumps({"auths": {}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(logins))
    with registry(tmp_path / "filled") as open_to_all:
        open_to_all.push(ONE, "hub/school/app", "1")
        open_to_all.stop()
        with issuer(open_to_all.directory, login) as (tokens, settings):
            open_to_all.settings = settings
            open_to_all.start()
            mirrors = tmp_path / "registries.conf"
            place = f'location = "{open_to_all.host}/hub"\ninsecure = true\n'
            mirrors.write_text(f'[[registry]]\nprefix = "docker.io"\n{place}')
            monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(mirrors))
            pool, loaded = Pool(tmp_path / "pool"), recipe(tmp_path)
            with pytest.raises(PlanError, match=r"gives no token for .* \(HTTP 401\)"):
                resolved(loaded, pool)
            logins.write_text(json.dumps({"auths": {open_to_all.host: {"auth": login}}}))
            found = resolved(loaded, pool)
            fetch(loaded, found.blobs, pool)
    assert held(pool, found.blobs) == ONE.blobs()
    assert any("scope=repository%3Ahub%2Fschool%2Fapp%3Apull" in path for path in tokens.asked)


def test_the_next_mirror_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(tmp_path, monkeypatch) as running:
        running.push(ONE, "hub/school/app", "1")
        mirrors = tmp_path / "registries.conf"
        dead = '[[registry.mirror]]\nlocation = "127.0.0.1:9"\ninsecure = true\n'
        mirrors.write_text(mirrors.read_text() + dead)
        assert resolved(recipe(tmp_path), Pool(tmp_path / "pool")).image.digest == ONE.digest


@pytest.mark.parametrize("save", [oci_archive, docker_archive])
def test_an_archive_is_locked_and_taken_again(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "app.tar", ONE)
    loaded = recipe(tmp_path, archive="app.tar")
    pool = Pool(tmp_path / "pool")
    found = resolved(loaded, pool)
    assert pool.missing(found.blobs) == ()
    empty = Pool(tmp_path / "other")
    fetch(loaded, found.blobs, empty, offline=True)
    assert held(empty, found.blobs) == held(pool, found.blobs)
    save(tmp_path / "app.tar", LARGE)
    with pytest.raises(PlanError, match="another one than the lock names"):
        fetch(loaded, found.blobs, Pool(tmp_path / "third"))


def test_two_images_in_an_archive_are_refused_at_the_line(tmp_path: Path) -> None:
    oci_archive(tmp_path / "two.tar", ONE, LARGE)
    with pytest.raises(PlanError, match=r"recipe\.yml:1:\d+: .*it holds 2 images"):
        resolved(recipe(tmp_path, archive="two.tar"), Pool(tmp_path / "pool"))

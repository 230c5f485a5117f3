"""A facility in one line of text: what was packed comes back, and nothing else is believed."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from seed import born, document
from seed.born import Born


def stored(password: str, iterations: int = 10) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", iterations)
    return f"pbkdf2_sha256${iterations}$salt${base64.b64encode(digest).decode()}"


CHILD = Born(
    kolibri="0.19.5",
    rows={
        "kolibriauth_facilitydataset": {"id": "d1", "location": "", "preset": "formal"},
        "morango_certificate": {"id": "d1", "private_key": "-----BEGIN", "parent_id": None},
        "kolibriauth_collection": {"id": "f1", "dataset_id": "d1", "kind": "facility", "name": "École"},
        "kolibriauth_facilityuser": {
            "id": "u1",
            "dataset_id": "d1",
            "facility_id": "f1",
            "username": "admin",
            "password": stored("lusab-babad"),
        },
        "kolibriauth_role": {"id": "r1", "dataset_id": "d1"},
        "device_devicepermissions": {"user_id": "u1", "is_superuser": 1},
        "device_devicesettings": {"id": 1, "is_provisioned": 1},
    },
)


def packed(value: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


def test_it_comes_back_and_knows_its_password() -> None:
    seen = born.unpack(born.pack(CHILD))
    assert seen == CHILD
    assert (seen.facility_id, seen.dataset_id, seen.facility_name, seen.admin) == ("f1", "d1", "École", "admin")
    assert seen.opens_with("lusab-babad")
    assert not seen.opens_with("lusab-babaf")


@pytest.mark.parametrize("password", ["", "$$$", "md5$1$a$b", "pbkdf2_sha256$x$salt$b", "pbkdf2_sha256$9999999999$s$b"])
def test_a_hash_that_is_none_opens_with_nothing(password: str) -> None:
    user = {**CHILD.rows["kolibriauth_facilityuser"], "password": password}
    assert not replace(CHILD, rows={**CHILD.rows, "kolibriauth_facilityuser": user}).opens_with("lusab-babad")


HOSTILE = {
    "no base64": "not base64!",
    "no zlib": base64.b64encode(b"hello").decode(),
    "cut": born.pack(CHILD)[:200],
    "a bomb": base64.b64encode(zlib.compress(b"[" * 50_000_000, 9)).decode(),
    "deep": packed(json.loads("[" * 500 + "]" * 500)),
    "a list": packed([1]),
    "no rows": packed({"kolibri": "1", "rows": {}}),
    "another table": packed({"kolibri": "1", "rows": {**CHILD.rows, "morango_instanceidmodel": {"id": "x"}}}),
    "a table too few": packed({"kolibri": "1", "rows": {"kolibriauth_role": {"id": "x"}}}),
    "a column of SQL": packed(
        {"kolibri": "1", "rows": {**CHILD.rows, "kolibriauth_role": {'id") VALUES (1); --': "x"}}}
    ),
    "a value in a value": packed({"kolibri": "1", "rows": {**CHILD.rows, "kolibriauth_role": {"id": ["x"]}}}),
    "rows of two facilities": packed(
        {"kolibri": "1", "rows": {**CHILD.rows, "morango_certificate": {"id": "d2", "private_key": "k"}}}
    ),
    "no private key": packed({"kolibri": "1", "rows": {**CHILD.rows, "morango_certificate": {"id": "d1"}}}),
    "not provisioned": packed({"kolibri": "1", "rows": {**CHILD.rows, "device_devicesettings": {"id": 1}}}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_facility_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="it holds no facility"):
        born.unpack(HOSTILE[name])


def test_it_fits_into_a_seed_many_times() -> None:
    real = born.pack(replace(CHILD, rows={**CHILD.rows, "kolibriauth_role": {"id": "x" * 8000}}))
    assert len(document.render(document.Seed(born=real))) == document.ROOM

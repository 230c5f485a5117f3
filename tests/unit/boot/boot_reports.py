"""A report as the agent on a device sends it, to be changed by each test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from builder.boot.answer import GuestReport

Report = Callable[..., GuestReport]


def text_of(**changes: Any) -> str:
    report = {
        "satchel": 1,
        "nonce": "c0ffee",
        "boot_id": "boot-1",
        "system": {"state": "running", "failed": [], "jobs": ""},
        "checks": [{"name": "Kolibri listens", "ok": True, "detail": "port 8080"}],
        "identity": {
            "machine_id": "m1",
            "hostname": "satchel-abc",
            "ssh_host_keys": {"ed25519": "SHA256:one"},
            "facility_code": "ABC",
            "facility_id": "f1",
            "dataset_id": "d1",
            "instance_id": "i1",
            "admin_password": "sha256:1",
        },
        "disk": {"size_bytes": 1000, "grown": {"mount": "/srv/data", "size_bytes": 580}},
        "kernel": "6.12",
        "firmware": "uefi",
    }
    return json.dumps({**report, **changes})

"""Backups in a bucket of a real server that speaks S3, on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.backup.bucket import SWIFT
from tests.integration.backup.school import seen_in

pytestmark = pytest.mark.in_namespace


def test_a_bucket_takes_backups_gives_them_back_and_what_is_wrong_is_said(tmp_path: Path) -> None:
    seen = seen_in(
        SWIFT
        + r"""
server = make_school()
servers = swift()
bucket = {"endpoint": "http://127.0.0.1:8080", "bucket": "school", "region": "us-east-1", "prefix": "satchel-backup",
          "access_key": {"secret": None, "file": "/etc/who"}, "secret_key": {"secret": "bucket-key", "file": None},
          "authorities": None}
configure(targets=[{"name": "s3", "disk": None, "usb": None, "s3": bucket}])
secret_files.write(paths, "bucket-key", "testing")
files.write(Path("/etc/who"), "test:tester\n", mode=0o644)
seen["open key"] = backup("run")
os.chmod("/etc/who", 0o600)
seen["no bucket"] = backup("run")
make_bucket()
secret_files.write(paths, "bucket-key", "wrong")
seen["wrong"] = backup("run")
secret_files.write(paths, "bucket-key", "testing")
seen["made"] = backup("run"), backup("verify")
learn("mer")
seen["restored"] = backup("restore", "latest", "--yes"), pupils()
seen["undone"] = backup("back", "--yes"), pupils()
for _ in range(2):
    time.sleep(1.1)
    assert backup("run")[0] == 0
seen["kept"] = len(names())
for each in servers:
    each.kill()
seen["gone"] = backup("run")
stop(server)
""",
        tmp_path,
        "node",
    )
    for name in ("open key", "no bucket", "wrong", "gone"):
        assert seen[name][0] == 1, name
        assert "Traceback" not in seen[name][1]
    assert "/etc/who" in seen["open key"][1]
    assert [status for status, _ in seen["made"]] == [0, 0], seen["made"]
    assert seen["restored"][0][0] == 0, seen["restored"][0][1]
    assert seen["restored"][1] == [["lac"], ["lac"], ["lac"]]
    assert seen["undone"][1] == [["lac", "mer"], ["lac", "mer"], ["lac", "mer"]]
    assert seen["kept"] == 2

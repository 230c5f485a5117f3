"""The TLS key, made inside the image's own tree by its own Python and openssl."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from builder.host.sandbox import Sandbox
from tests.integration.default_tree import default_tree

PROGRAM = """
import json, os, subprocess, sys
sys.path.insert(0, "/usr/lib/satchel")
from device.paths import Paths
from device import settings
from firstboot.device import Device
from firstboot.steps import tls_key

def public_keys():
    of_certificate = openssl("x509", "-in", str(certificate), "-noout", "-pubkey")
    return {openssl("pkey", "-in", str(key), "-pubout"), of_certificate}

def openssl(*argv):
    return subprocess.run(("openssl", *argv), capture_output=True, text=True, check=True).stdout.strip()

paths = Paths()
# As the file system of an image is made: everything bears the date of the lock.
os.utime(paths.settings, (int(sys.argv[1]),) * 2)
device = Device(paths=paths, settings=settings.load(paths.settings), facts={"hostname": "kolibri-k7"})
key, certificate = paths.tls
facts = [tls_key.run(device), tls_key.run(device)]
seen = {
    "dates": openssl("x509", "-in", str(certificate), "-noout", "-dates"),
    "names": openssl("x509", "-in", str(certificate), "-noout", "-ext", "subjectAltName"),
    "kind": openssl("pkey", "-in", str(key), "-noout", "-text"),
    "fingerprint": openssl("x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"),
    "mode": oct(key.stat().st_mode & 0o777),
    "files": sorted(path.name for path in key.parent.iterdir()),
}
certificate.write_bytes(certificate.read_bytes()[:200])
facts.append(tls_key.run(device))
seen["same key"] = len(public_keys()) == 1
key.write_bytes(key.read_bytes()[:50])
facts.append(tls_key.run(device))
seen["belongs"] = len(public_keys()) == 1
print(json.dumps({**seen, "facts": [fact["tls_fingerprint"] for fact in facts]}))
"""


@pytest.mark.in_namespace
def test_it_is_whole_private_and_valid_from_the_date_of_the_image() -> None:
    with default_tree() as (growth, tree):
        date = growth.lock.date
        argv = ("python3", "-I", "-c", PROGRAM, str(date))
        text = Sandbox(root=tree, writable=True).run(argv, why="make a TLS key")
    seen: dict[str, Any] = json.loads(text)
    begin = datetime.fromtimestamp(date, UTC)
    assert f"notBefore={begin:%b} {begin.day:2} {begin:%H:%M:%S %Y} GMT" in seen["dates"]
    assert f"{begin.year + 20} GMT" in seen["dates"].splitlines()[1]
    assert "DNS:kolibri-k7, DNS:kolibri-k7.local" in seen["names"]
    assert "P-256" in seen["kind"]
    assert (seen["mode"], seen["files"]) == ("0o600", ["certificate.pem", "key.pem"])
    first, again, after_damage, with_new_key = seen["facts"]
    assert seen["fingerprint"].endswith(first)
    assert first == again != after_damage != with_new_key
    assert seen["same key"]
    assert seen["belongs"]

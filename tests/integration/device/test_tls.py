"""An authority at first boot, and all that can happen to a certificate, by the image's own Python and openssl."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builder.host.places import OVERLAYS
from builder.host.sandbox import Mount, Sandbox
from tests.integration.default_tree import default_tree

PROGRAM = """
import json, os, re, subprocess, sys
sys.path.insert(0, "/usr/lib/satchel")
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from device import certificates, secret_files, settings, tls
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Tls
from seed.makers import MAKERS
from tls import supplied

DATE = datetime(2026, 1, 1, tzinfo=UTC)
seen, here = {}, {}

def openssl(*argv, stdin=""):
    return subprocess.run(("openssl", *argv), capture_output=True, text=True, check=True, input=stdin).stdout.strip()

def device(name, secret):
    paths = Paths(root=Path("/tmp", name))
    paths.settings.parent.mkdir(parents=True)
    paths.settings.touch()
    os.utime(paths.settings, (DATE.timestamp(),) * 2)
    secret_files.settle(paths, keep=None)
    secret_files.write(paths, "authority", secret)
    wanted = Tls(authority="authority", names=("{hostname}.example.org",), group="ssl-cert", reload=())
    return paths, replace(settings.load(Paths().settings), tls=wanted)

def settle(name="one", hostname="box", now=None):
    paths, known = here[name]
    return tls.settle(paths, known, hostname=hostname, now=now)

def said(name="one"):
    found = certificates.read(here[name][0].tls[1])
    by = re.sub("[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}$", "...", found.issuer)
    return [list(found.names), by, f"{found.begin:%F}", f"{found.end:%F}"]

def refused(certificate, key, now=DATE):
    paths, known = here["one"]
    try:
        supplied.install(paths, known, Path(certificate), Path(key), now=now)
    except DeviceError as error:
        return error.reason
    return "taken"

subprocess.run(("groupadd", "--system", "ssl-cert"), check=False)
here["one"] = device("one", MAKERS["p256-key"]())
seen["first"] = [settle(), settle(), said()]
key, certificate = here["one"][0].tls
seen["modes"] = [oct(key.stat().st_mode & 0o777), key.group(), oct(certificate.stat().st_mode & 0o777)]
authority = here["one"][0].tls_authority
seen["authority"] = openssl("x509", "-in", authority, "-noout", "-subject", "-ext", "basicConstraints,keyUsage")

# What a clock says.
seen["clock of 1970"] = settle(now=datetime(1970, 1, 1, tzinfo=UTC))
seen["not yet"] = settle(now=DATE + timedelta(days=500))
seen["due"] = [settle(now=DATE + timedelta(days=600)), said()[2:]]
seen["begins in the future"] = [settle(now=DATE + timedelta(days=30)), said()[2:]]
trusted = authority.read_text()
seen["another name"] = [settle(hostname="new"), said()[0], settle(), authority.read_text() == trusted]

# Two devices of a site.
shared = MAKERS["p256-key"]()
for name in ("a", "b"):
    here[name] = device(name, shared)
    settle(name, hostname=name)
crossed = certificates.is_of(here["b"][0].tls[1], here["a"][0].tls_authority)
foreign = certificates.is_of(here["b"][0].tls[1], authority)
seen["site"] = [crossed, foreign]

# An operator's.
os.chdir("/tmp")
openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
        "-out", "ca.pem", "-subj", "/CN=Public CA")
def bought(name, *dates):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.pem", "-subj", "/CN=school.example.org", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-addext", "subjectAltName=DNS:school.example.org", *dates)
bought("good", "-not_before", "20260101000000Z", "-not_after", "20270101000000Z")
bought("other", "-not_before", "20260101000000Z", "-not_after", "20270101000000Z")
Path("chain.pem").write_text(Path("good.pem").read_text() + Path("ca.pem").read_text())
Path("broken.pem").write_text(Path("good.pem").read_text()[:200])
own = said()
seen["refused"] = [
    refused("good.pem", "other.key"), refused("broken.pem", "good.key"), refused("good.pem", "ca.pem"),
    refused("ca.pem", "ca.key"), refused("good.pem", "good.key", now=DATE + timedelta(days=400)),
]
seen["untouched"] = said() == own
seen["taken"] = [refused("chain.pem", "good.key"), said()[:2], tls.is_supplied(here["one"][0])]
seen["stays"] = [settle(now=DATE + timedelta(days=700)), said()[1], oct(key.stat().st_mode & 0o777)]
supplied.remove(here["one"][0])
seen["own again"] = [settle(), said()[:2]]
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened, by the image's own programs."""
    from tests.integration.conftest import _run_inside

    out = tmp_path_factory.mktemp("tls") / "seen.json"

    def look() -> None:
        with default_tree() as (_, tree):
            mount = Mount(target="/usr/lib/satchel/tls", source=OVERLAYS / "tls/usr/lib/satchel/tls")
            (tree / "usr/lib/satchel/tls").mkdir()
            inside = Sandbox(root=tree, writable=True, mounts=(mount,))
            out.write_text(inside.run(("python3", "-BI", "-c", PROGRAM), why="try certificates"))

    _run_inside(look)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_an_authority_vouches_for_the_device(seen: dict[str, Any]) -> None:
    names = ["box", "box.local", "box.example.org"]
    assert seen["first"] == [True, False, [names, "CN=Satchel authority ...", "2026-01-01", "2028-04-05"]]
    assert "CA:TRUE, pathlen:0" in seen["authority"]
    assert "Certificate Sign" in seen["authority"]
    assert seen["modes"] == ["0o640", "ssl-cert", "0o644"]


def test_it_is_renewed_by_a_clock_that_can_be_right(seen: dict[str, Any]) -> None:
    assert not seen["clock of 1970"]
    assert not seen["not yet"]
    assert seen["due"] == [True, ["2027-08-23", "2029-11-25"]]
    assert seen["begins in the future"] == [True, ["2026-01-30", "2028-05-04"]]


def test_it_has_the_name_that_the_device_has(seen: dict[str, Any]) -> None:
    made, names, and_back, trusted = seen["another name"]
    assert (made, names[0], and_back) == (True, "new", True)
    assert trusted, "whoever trusts the device must not learn of another authority"


def test_devices_of_a_site_trust_one_another(seen: dict[str, Any]) -> None:
    assert seen["site"] == [True, False]


def test_what_an_operator_brings_is_looked_at(seen: dict[str, Any]) -> None:
    said = (
        "is for another key",
        "is no certificate",
        "is no private key",
        "is signed by itself",
        "ended on 2027-01-01",
    )
    assert all(words in reason for words, reason in zip(said, seen["refused"], strict=True)), seen["refused"]
    assert seen["untouched"]


def test_what_an_operator_brought_stays(seen: dict[str, Any]) -> None:
    assert seen["taken"] == ["taken", [["school.example.org"], "CN=Public CA"], True]
    assert seen["stays"] == [False, "CN=Public CA", "0o640"]
    assert seen["own again"] == [True, [["box", "box.local", "box.example.org"], "CN=Satchel authority ..."]]

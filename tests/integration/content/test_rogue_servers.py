"""Servers that break the protocol: what arrives is right or is not there, and nobody waits for ever."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
from threading import Event

import pytest

from builder.content.source.server import ServerSource
from builder.errors import HostError, PlanError
from builder.host.places import REPOSITORY
from builder.kolibri.channels import ContentFile
from builder.web import Patience

from .rogue import reply, rogue

HASTY = Patience(connect_s=2, silence_s=0.5, crawl_s=1, crawl_bytes=4096, pauses_s=(0.02, 0.02))
BODY = os.urandom(3 << 20)
FILE = ContentFile(name=f"{hashlib.md5(BODY).hexdigest()}.mp4", size=len(BODY))


def bring(address, pool, files=(FILE,), advance=lambda _: None):
    return ServerSource(address, patience=HASTY).bring(files, pool, advance=advance)


def begin(pool, size):
    (pool.root / "arriving").mkdir(parents=True)
    (pool.root / "arriving" / FILE.name).write_bytes(BODY[:size])


def test_without_ranges_it_comes_from_the_beginning(pool):
    begin(pool, 1000)
    asked = []

    def behave(handler):
        asked.append(handler.path)
        reply(handler, 200, BODY)

    with rogue(behave) as address:
        told = []
        assert bring(address, pool, advance=told.append) == {}
    assert pool.path(FILE).read_bytes() == BODY
    assert sum(told) == FILE.size
    assert len(asked) == 2, "once with a range, and once without"


@pytest.mark.parametrize("content_range", [f"bytes 0-9/{FILE.size}", "bytes 1000-1009/5000", "nonsense", ""])
def test_a_range_that_was_not_asked_for_is_not_taken(pool, content_range):
    begin(pool, 1000)

    def behave(handler):
        if "Range" in handler.headers:
            reply(handler, 206, b"0123456789", Content_Range=content_range)
        else:
            reply(handler, 200, BODY)

    with rogue(behave) as address:
        assert bring(address, pool) == {}
    assert pool.path(FILE).read_bytes() == BODY


def test_a_range_beyond_the_end_begins_anew(pool):
    begin(pool, 1000)
    with rogue(lambda at: reply(at, 416, b"") if "Range" in at.headers else reply(at, 200, BODY)) as address:
        assert bring(address, pool) == {}
    assert pool.path(FILE).read_bytes() == BODY


def test_a_connection_that_breaks_is_gone_on_with(pool):
    """Each answer brings only a third more, and then ends."""
    asked = []

    def behave(handler):
        offset = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        asked.append(offset)
        handler.send_response(206 if offset else 200)
        handler.send_header("Content-Length", str(FILE.size - offset))
        if offset:
            handler.send_header("Content-Range", f"bytes {offset}-{FILE.size - 1}/{FILE.size}")
        handler.end_headers()
        handler.wfile.write(BODY[offset : offset + (1 << 20)])
        handler.close_connection = True

    with rogue(behave) as address:
        told = []
        assert bring(address, pool, advance=told.append) == {}
    assert sum(told) == FILE.size
    assert asked == [0, 1 << 20, 2 << 20]
    assert pool.path(FILE).read_bytes() == BODY


def test_an_overloaded_server_is_asked_again(pool):
    failures = [503, 500]

    def behave(handler):
        reply(handler, failures.pop(), b"wait") if failures else reply(handler, 200, BODY)

    with rogue(behave) as address:
        assert bring(address, pool) == {}
    assert pool.missing([FILE]) == ()


def test_an_interruption_by_an_error_keeps_what_is_there(pool):
    begin(pool, 1000)
    with rogue(lambda handler: reply(handler, 503, b"down for repairs")) as address:
        assert bring(address, pool) == {FILE: "the server went away: it answers with HTTP 503"}
    assert (pool.root / "arriving" / FILE.name).stat().st_size == 1000


def test_a_server_that_is_given_up_is_asked_no_more(pool):
    """What another connection waits for ends, too, and the hundreds of files that are left are not tried one by one."""
    asked, freed, done = [], [], Event()
    others = [ContentFile(name=f"{number:032x}.png", size=1) for number in range(200)]

    def behave(handler):
        asked.append(handler.path)
        if FILE.name not in handler.path:
            reply(handler, 503, b"")
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(FILE.size))
        handler.end_headers()
        handler.wfile.write(BODY[:1000])
        freed.append(done.wait(20))
        handler.wfile.write(BODY[1000:])

    with rogue(behave) as address:
        patience = Patience(silence_s=60, pauses_s=(0.02, 0.02))
        source = ServerSource(address, connections=3, patience=patience)
        failed = source.bring([FILE, *others], pool, advance=lambda _: None)
        done.set()
    assert failed == dict.fromkeys([FILE, *others], "the server went away: it answers with HTTP 503")
    assert len(asked) < 20
    assert freed == [True], "nobody waited for the file that did not come"


def test_silence_and_crawling_end(pool):
    done = Event()

    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(FILE.size))
        handler.end_headers()
        for at in range(600):
            if done.wait(0.1):
                return
            handler.wfile.write(BODY[at : at + 1])

    def silent(handler):
        reply(handler, 200, b"", Content_Length=str(FILE.size))
        done.wait(60)

    for behave, reason in ((drip, "bytes came in 1 s"), (silent, "silent for 0.5 s")):
        with rogue(behave) as address:
            (sentence,) = bring(address, pool).values()
            done.set()
        done.clear()
        assert sentence.startswith("the server went away: ")
        assert sentence.endswith(reason)
        assert not pool.path(FILE).exists()


def test_more_than_a_file_is_not_kept(pool):
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(BODY)

    with rogue(endless) as address:
        assert bring(address, pool) == {FILE: f"more than {FILE.size} bytes"}
    assert (pool.root / "arriving" / FILE.name).stat().st_size == 0


def test_what_is_packed_is_unpacked(pool):
    begin(pool, 1000)
    with rogue(lambda handler: reply(handler, 200, gzip.compress(BODY), Content_Encoding="gzip")) as address:
        assert bring(address, pool) == {}
    assert pool.path(FILE).read_bytes() == BODY


def test_a_page_in_the_place_of_files_is_never_installed(pool, tmp_path):
    """As the login page of a public network."""
    page = b"<html><body>Please accept our terms</body></html>"
    with rogue(lambda handler: reply(handler, 200, page, Content_Type="text/html; charset=utf-8")) as address:
        assert bring(address, pool) == {FILE: f"the server has {len(page)} bytes instead of {FILE.size}"}
        source = ServerSource(address, patience=HASTY)
        with pytest.raises(PlanError, match="does not answer as a Kolibri server") as caught:
            source.channels()
        assert "it answers with text/html that is no list of channels" in str(caught.value)
        with pytest.raises(PlanError, match="does not answer as a Kolibri server"):
            source.identify("0" * 32)
        with pytest.raises(PlanError, match="does not answer as a Kolibri server"):
            source.database("0" * 32, tmp_path / "database")


@pytest.mark.parametrize("body", [b"{}", b'[{"id": 7}]', b"[1, 2]", b'{"detail": "x"}', b"\xff\xfe", b"", b"null"])
def test_json_of_something_else_is_not_a_kolibri(body):
    with rogue(lambda handler: reply(handler, 200, body, Content_Type="application/json")) as address:
        source = ServerSource(address, patience=HASTY)
        with pytest.raises(PlanError, match="does not answer as a Kolibri server"):
            source.channels()
        with pytest.raises(PlanError, match="does not answer as a Kolibri server"):
            source.identify("0" * 32)


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (404, PlanError, "does not answer as a Kolibri server"),
        (400, HostError, "it answers with HTTP 400"),
        (502, HostError, "it answers with HTTP 502"),
        (302, HostError, "too many redirects"),
    ],
)
def test_error_answers_are_told(status, kind, says):
    with (
        rogue(lambda handler: reply(handler, status, b"", Location="/again")) as address,
        pytest.raises(kind, match=says),
    ):
        ServerSource(address, patience=HASTY).channels()


def test_a_token_of_studio_may_be_written_with_its_hyphen():
    answers = {
        "/api/public/info/": b'{"application": "studio", "instance_id": null}',
        "/api/public/v1/channels/lookup/abcdefghij": b'[{"id": "%s", "name": "One", "version": 3}]' % (b"a" * 32),
        "/api/public/v1/channels/lookup/severalone": b'[{"id": "%s", "name": "One", "version": 3},'
        b'{"id": "%s", "name": "Two", "version": 1}]' % (b"a" * 32, b"b" * 32),
    }

    def behave(handler):
        body = answers.get(handler.path)
        reply(handler, 200 if body else 404, body or b"not found")

    with rogue(behave) as address:
        source = ServerSource(address, patience=HASTY)
        assert source.identify("abcde-fghij") == source.identify(" ABCDEFGHIJ ") == "a" * 32
        with pytest.raises(PlanError, match=r"no channel of .* has the token wrong-token"):
            source.identify("wrong-token")
        with pytest.raises(PlanError, match="stands for 2 channels") as caught:
            source.identify("sever-alone")
        assert f"{'b' * 32} Two" in str(caught.value)


def test_who_does_not_say_what_he_has_is_taken_to_have_all():
    with rogue(lambda handler: reply(handler, 404, b"no such page")) as address:
        assert ServerSource(address, patience=HASTY)._has(["0" * 32]) == ["0" * 32]
    with (
        rogue(lambda handler: reply(handler, 200, b"<html>")) as address,
        pytest.raises(PlanError, match="does not answer as a Kolibri server"),
    ):
        ServerSource(address, patience=HASTY)._has(["0" * 32])


@pytest.mark.parametrize(
    "address", ["kolibri.local:8080", "ftp://x", "http://", "http://me:secret@x", "http://x:y", "http://[::1"]
)
def test_an_address_that_is_none_is_said(address):
    with pytest.raises(PlanError, match="is not the address of a server"):
        ServerSource(address, patience=HASTY).channels()


def test_https_is_what_it_says(tmp_path):
    with rogue(lambda handler: reply(handler, 200, b"[]")) as address, pytest.raises(HostError) as caught:
        ServerSource(address.replace("http:", "https:"), patience=HASTY).channels()
    assert "no secure connection: " in str(caught.value)

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener, context.wrap_socket(listener, server_side=True) as secure:
        address = f"https://localhost:{secure.getsockname()[1]}"
        asking = subprocess.Popen(
            [sys.executable, "-c", ASK, address], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with pytest.raises(ssl.SSLError):
            secure.accept()
        said, _ = asking.communicate(timeout=60)
    assert "no secure connection: self-signed certificate" in said


ASK = """
import sys
from builder.content.source.server import ServerSource
from builder.web import Patience
from builder.errors import HostError
try:
    ServerSource(sys.argv[1], patience=Patience(connect_s=5, pauses_s=())).channels()
except HostError as error:
    print(error)
"""

WAIT = """
import sys
from pathlib import Path
from builder.__main__ import _stop
import signal
from builder.content.pool.pool import ContentPool
from builder.content.source.server import ServerSource
from builder.kolibri.channels import ContentFile
signal.signal(signal.SIGTERM, _stop)
file = ContentFile(name=sys.argv[3], size=int(sys.argv[4]))
ServerSource(sys.argv[1]).bring([file], ContentPool(Path(sys.argv[2])), advance=lambda size: print(size, flush=True))
"""


def test_a_signal_ends_the_wait_and_leaves_what_arrived(pool):
    done = Event()

    def stall(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(FILE.size))
        handler.end_headers()
        handler.wfile.write(BODY[:1000])
        done.wait(120)

    with rogue(stall) as address:
        command = [sys.executable, "-c", WAIT, address, pool.root, FILE.name, str(FILE.size)]
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as fetching:
            assert fetching.stdout is not None
            while fetching.stdout.readline() != b"1000\n":
                pass
            fetching.send_signal(signal.SIGTERM)
            # The server would be waited for, four times 45 seconds.
            fetching.wait(60)
        done.set()
    assert (pool.root / "arriving" / FILE.name).read_bytes() == BODY[:1000]


def test_proxies_of_the_environment_are_used(monkeypatch):
    asked = []

    def proxy(handler):
        asked.append(handler.path)
        reply(handler, 200, b"[]", Content_Type="application/json")

    with rogue(proxy) as address:
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert ServerSource("http://studio.example", patience=HASTY).channels() == ()
        assert asked == ["http://studio.example/api/public/v1/channels/"]
        with pytest.raises(HostError, match="connection refused"):
            ServerSource("http://127.0.0.1:1", patience=HASTY).channels()

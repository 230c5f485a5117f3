"""HTTPS in front of a program, by the real nginx with the configuration that the overlay makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.host.namespace import tree_mounted
from builder.host.places import OVERLAYS, RECIPES
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from builder.recipe.load import load_recipe
from builder.templates import compiled

pytestmark = pytest.mark.in_namespace

TEMPLATE = OVERLAYS / "https/etc/nginx/nginx.conf.j2"
PROGRAM = r"""
import http.client, http.server, json, ssl, subprocess, threading, time
from pathlib import Path

Path("/etc/satchel/tls").mkdir(parents=True)
make = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=school.local", "-addext", "subjectAltName=DNS:school.local",
        "-keyout", "/etc/satchel/tls/key.pem", "-out", "/etc/satchel/tls/certificate.pem")
subprocess.run(make, check=True, capture_output=True)

class Program(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = {name: self.headers[name] for name in ("Host", "X-Forwarded-Proto", "X-Forwarded-For")}
        text = json.dumps({**told, "length": len(body)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *words):
        pass

subprocess.run(("nginx", "-t", "-q"), check=True)
nginx = subprocess.Popen(("nginx", "-g", "daemon off;"))
context = ssl.create_default_context(cafile="/etc/satchel/tls/certificate.pem")
context.check_hostname = False

def asked(port, method="GET", path="/", body=None, tls=True):
    while True:
        where = ("127.0.0.1", port)
        connection = (http.client.HTTPSConnection(*where, context=context, timeout=20) if tls
                      else http.client.HTTPConnection(*where, timeout=20))
        try:
            connection.request(method, path, body=body, headers={"Host": "school.local"})
            answer = connection.getresponse()
            headers = [answer.getheader(name) for name in ("Location", "Retry-After")]
            return [answer.status, *headers, answer.read().decode()]
        except ConnectionRefusedError:
            time.sleep(0.1)

seen = {"starting": asked(443)}
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Program)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen["served"] = asked(443, "POST", "/form", b"x" * (3 << 20))
seen["led"] = asked(80, path="/learn?of=all", tls=False)
nginx.terminate()
print(json.dumps(seen))
"""


def test_browsers_are_led_to_https_which_hands_on_what_they_ask(tmp_path: Path) -> None:
    recipe = load_recipe(RECIPES / "kolibri-cloud.yml").recipe
    (tmp_path / "nginx.conf").write_text(compiled(TEMPLATE.read_text()).render(recipe=recipe))
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "scratch").mkdir()
    lab = ensure_lab(Reporter(), ("nginx-light", "openssl", "python3"))
    with tree_mounted((lab.tree,), tmp_path / "scratch") as tree:
        mounts = (
            Mount(target="/etc/nginx/nginx.conf", source=tmp_path / "nginx.conf"),
            Mount(target="/program.py", source=tmp_path / "program.py"),
        )
        inside = Sandbox(root=tree, writable=True, mounts=mounts)
        seen = json.loads(inside.run(("python3", "-B", "/program.py"), why="try nginx").splitlines()[-1])
    status, _, retry, words = seen["starting"]
    assert (status, retry) == (503, "10")
    assert "is starting" in words
    status, _, _, told = seen["served"]
    assert status == 200
    assert json.loads(told) == {
        "Host": "school.local",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "127.0.0.1",
        "length": 3 << 20,
    }
    assert seen["led"][:2] == [308, "https://school.local/learn?of=all"]

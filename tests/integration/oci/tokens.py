"""Who gives out tokens for a registry that wants them: it signs, and the registry itself proves what it signed."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

CERTIFICATE = "issuer.pem"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """A key, and how it signs (distribution's "Token Authentication Specification")."""

    def __init__(self, directory: Path) -> None:
        self._key = directory / "issuer.key"
        self.certificate = directory / CERTIFICATE
        self.asked: list[str] = []
        made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=issuer", "-days", "2")
        subprocess.run((*made, "-keyout", self._key, "-out", self.certificate), check=True, capture_output=True)

    def token(self, scope: str) -> str:
        kind, name, actions = scope.split(":")
        now = int(time.time())
        lines = self.certificate.read_text().splitlines()
        head = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(lines[1:-1])]}
        claims = {
            "iss": "issuer",
            "aud": "here",
            "sub": "ada",
            "nbf": now - 60,
            "iat": now,
            "exp": now + 300,
            "jti": str(now),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        signed = ".".join(_part(json.dumps(each).encode()) for each in (head, claims))
        command = ("openssl", "dgst", "-sha256", "-sign", self._key)
        signature = subprocess.run(command, input=signed.encode(), check=True, capture_output=True).stdout
        return f"{signed}.{_part(signature)}"


@contextmanager
def issuer(directory: Path, login: str) -> Iterator[tuple[Issuer, dict[str, str]]]:
    """An issuer that gives tokens to one login, and the settings of a registry that believes it."""
    made = Issuer(directory)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            known = self.headers.get("Authorization") == f"Basic {login}"
            scope = parse_qs(urlsplit(self.path).query)["scope"][0]
            body = json.dumps({"token": made.token(scope)} if known else {"details": "who is that?"}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    realm = f"http://127.0.0.1:{server.server_address[1]}/token"
    settings = {"": "token", "_TOKEN_REALM": realm, "_TOKEN_SERVICE": "here", "_TOKEN_ISSUER": "issuer"}
    settings["_TOKEN_ROOTCERTBUNDLE"] = f"/job/{CERTIFICATE}"
    try:
        yield made, {f"REGISTRY_AUTH{name}": value for name, value in settings.items()}
    finally:
        server.shutdown()
        server.server_close()

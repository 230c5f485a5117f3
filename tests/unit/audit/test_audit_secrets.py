"""Texts found in every form that a file may hold them in, and nothing of them told."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from builder.audit.engine import audit_tree
from builder.audit.facts import Facts
from builder.audit.secrets import Needles

SECRETS = ("Kipepeo-7!", "Amina Wanjiru Okello", "École №4")


def found(directory: Path, content: bytes, name: str = "file") -> tuple[str, ...]:
    (directory / name).write_bytes(content)
    return Needles(SECRETS).found_in(directory / name, name).words


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_secret_is_found_in_every_form(tmp_path: Path, number: int, packed: bool) -> None:
    text = SECRETS[number - 1]
    forms = {
        text.encode(): "",
        text.encode("utf-16-le"): " as UTF-16",
        text.encode("utf-16-be"): " as UTF-16",
        **{base64.b64encode(b"x" * lead + text.encode() + b"tail"): " as base64" for lead in range(6)},
    }
    for form, way in forms.items():
        content = b"before\0" + form + b"\0after"
        told = found(tmp_path, gzip.compress(content) if packed else content)
        assert told == (f"secret {number}{way}{', compressed' if packed else ''}",)


def test_a_secret_is_found_across_the_pieces_in_which_a_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builder.audit.secrets._CHUNK", 64)
    for lead in range(50, 70):
        content = b"-" * lead + SECRETS[1].encode() + b"-" * 100
        assert found(tmp_path, content) == ("secret 2",)
        assert found(tmp_path, gzip.compress(content)) == ("secret 2, compressed",)


def test_what_is_nearly_a_secret_is_none(tmp_path: Path) -> None:
    content = b"Kipepeo-8! amina wanjiru okello " + base64.b64encode(b"Kipepeo-6!")
    assert found(tmp_path, content) == ()


def test_a_secret_in_a_name_and_in_a_second_member_of_gzip(tmp_path: Path) -> None:
    assert found(tmp_path, b"", "list of Amina Wanjiru Okello.csv") == ("secret 2 in its name",)
    assert found(tmp_path, gzip.compress(b"a") + gzip.compress(SECRETS[0].encode())) == ("secret 1, compressed",)


def test_what_cannot_be_unpacked_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8b\x08 this is no gzip" + SECRETS[0].encode())
    monkeypatch.setattr("builder.audit.secrets._MOST_UNPACKED", 1000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"\0" * 100_000))
    seen = audit_tree(tmp_path, Facts(secrets=SECRETS))
    assert [(finding.rule, finding.path) for finding in seen.findings] == [("planted-secrets", "/bad.gz")]
    assert [place.place for place in seen.not_looked] == ["/bad.gz", "/bomb.gz"]


def test_a_finding_does_not_tell_the_secret(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(SECRETS[0])
    (finding,) = audit_tree(tmp_path, Facts(secrets=SECRETS)).findings
    assert finding.what == "holds secret 1"

"""Public keys from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import ArtifactError
from builder.identity.ssh_keys import read_keys

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGK0pOnGqEfyIEyRcNGMZJtQ1zkOq4AJIbNmQd2MxJ4r operator@here"


def test_keys_are_read_from_several_files_and_comments_are_none(tmp_path: Path) -> None:
    one, other = tmp_path / "one.pub", tmp_path / "other.pub"
    one.write_text(f"# ours\n\n{ED25519}\n")
    other.write_text(f"{ED25519}-again")
    assert read_keys([one, other]) == (ED25519, f"{ED25519}-again")


def test_a_private_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    with pytest.raises(ArtifactError, match="is a private key"):
        read_keys([path])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "has no public SSH key"),
        (b"# nothing\n", "has no public SSH key"),
        (b"x" * 70_000, "has no public SSH key"),
        (b"\xff\xfe", "has no public SSH key"),
        (f"{ED25519}\nhello\n".encode(), ":2: this is no public SSH key"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa", 1).encode(), ":1: this is no public SSH key"),
        (ED25519.replace("AAAA", "AAA?", 1).encode(), ":1: this is no public SSH key"),
        (f"{ED25519}\x1b[2J".encode(), ":1: this is no public SSH key"),
    ],
)
def test_anything_else_is_refused(text: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(text)
    with pytest.raises(ArtifactError) as refused:
        read_keys([path])
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="No such file"):
        read_keys([tmp_path / "none.pub"])

"""The engine: snapshots inside a tree, links that lead out of it, and what is not looked at."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from builder.audit.engine import Seen, audit_tree
from builder.audit.facts import Facts
from builder.audit.finding import NotLooked
from builder.audit.tree import Tree
from builder.units import MIB

FACTS = Facts()
ID = "0123456789abcdef0123456789abcdef\n"


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_a_root_directory_inside_is_audited_as_one(tmp_path: Path) -> None:
    write(tmp_path / "etc/machine-id", "")
    write(tmp_path / ".snapshots/1/snapshot/etc/machine-id", ID)
    write(tmp_path / ".snapshots/1/snapshot/var/lib/chroot/etc/passwd", "root::0:0::/root:/bin/sh\n")
    write(tmp_path / ".snapshots/1/snapshot/root/.bash_history", "ls\n")
    assert [finding.path for finding in audit_tree(tmp_path, FACTS).findings] == [
        "/.snapshots/1/snapshot/etc/machine-id",
        "/.snapshots/1/snapshot/root/.bash_history",
        "/.snapshots/1/snapshot/var/lib/chroot/etc/passwd",
    ]


def test_links_do_not_lead_out_of_the_tree(tmp_path: Path) -> None:
    host = tmp_path / "host"
    write(host / "etc/machine-id", ID)
    write(host / "root/.bash_history", "ls\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "etc").symlink_to(host / "etc")
    (tree / "root").symlink_to("../host/root")
    assert audit_tree(tree, FACTS) == Seen()
    assert not Tree(tree).has_directory("etc")


def test_bulk_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "srv/content/storage/a/.bash_history", "ls\n")
    write(tmp_path / "srv/content/storages/.bash_history", "ls\n")
    seen = audit_tree(tmp_path, Facts(bulk=("/srv/content/storage", "/srv/absent")))
    assert [finding.path for finding in seen.findings] == ["/srv/content/storages/.bash_history"]
    assert [place.place for place in seen.not_looked] == ["/srv/content/storage"]


def test_of_plain_files_the_small_ones_are_read_and_the_others_counted(tmp_path: Path) -> None:
    write(tmp_path / "srv/files/of a teacher/.bash_history", "ls\n")
    for name in ("a.mp4", "b/c.mp4"):
        write(tmp_path / "srv/files" / name, "x" * (MIB + 1))
    write(tmp_path / "srv/filesystem/large", "x" * (MIB + 1))
    seen = audit_tree(tmp_path, Facts(files=("/srv/files", "/srv/absent")))
    assert [finding.path for finding in seen.findings] == ["/srv/files/of a teacher/.bash_history"]
    assert [(place.place, place.why) for place in seen.not_looked] == [("/srv/files", "files of more than 1.0 MiB: 2")]
    assert seen.files == 2


def test_kolibris_content_is_left_out_wherever_it_is_and_named(tmp_path: Path) -> None:
    write(tmp_path / "library/kolibri/content/databases/a.sqlite3", "")
    write(tmp_path / "library/kolibri/content/storage/a/b/.bash_history", "ls\n")
    write(tmp_path / "srv/storage/a/b/.bash_history", "ls\n")
    write(tmp_path / "opt/storage/notes/.bash_history", "ls\n")
    write(tmp_path / "opt/databases/x", "")
    seen = audit_tree(tmp_path, FACTS, within="[data]")
    assert [finding.path for finding in seen.findings] == [
        "[data]/opt/storage/notes/.bash_history",
        "[data]/srv/storage/a/b/.bash_history",
    ]
    assert [place.place for place in seen.not_looked] == ["[data]/library/kolibri/content/storage"]
    assert seen.files == 4


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal comes from the call itself."""
    write(tmp_path / "root/secret", "x")
    write(tmp_path / "etc/machine-id", ID)
    write(tmp_path / "etc/hosts", "x")
    scandir, open_path = os.scandir, Path.open

    def refuse(path: Path) -> None:
        if path in {tmp_path / "root", tmp_path / "etc/machine-id"}:
            raise PermissionError(errno.EACCES, "Permission denied")

    def careful_scandir(path: Path) -> object:
        refuse(path)
        return scandir(path)

    def careful_open(path: Path, mode: str = "r") -> object:
        refuse(path)
        return open_path(path, mode)

    monkeypatch.setattr("builder.audit.tree.os.scandir", careful_scandir)
    monkeypatch.setattr(Path, "open", careful_open)
    seen = audit_tree(tmp_path, FACTS)
    assert seen.findings == ()
    assert seen.not_looked == (
        NotLooked(place="/etc/machine-id", why="Permission denied"),
        NotLooked(place="/root", why="Permission denied"),
    )


def test_a_name_in_any_bytes_can_be_told(tmp_path: Path) -> None:
    home = tmp_path / os.fsdecode(b"home/\xc9cole")
    write(home / ".bash_history", "ls\n")
    (finding,) = audit_tree(tmp_path, Facts(secrets=("not there",))).findings
    assert finding.path.encode().decode() == "/home/\ufffdcole/.bash_history"


def test_one_rule_alone_may_be_asked(tmp_path: Path) -> None:
    write(tmp_path / "etc/machine-id", ID)
    write(tmp_path / "root/.bash_history", "ls\n")
    assert [each.rule for each in audit_tree(tmp_path, FACTS, only=("histories",)).findings] == ["histories"]


@pytest.mark.parametrize("at_once", [0, 64])
def test_a_search_finds_the_same_in_files_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("builder.audit.tree._AT_ONCE", at_once)
    for name, text in (("with", b"a key: 17"), ("only", b"a key:"), ("without", b"17"), ("empty", b"")):
        (tmp_path / name).write_bytes(text)
    tree, pattern = Tree(tmp_path), re.compile(rb"key: \d+")
    found = {file.path: tree.search(file, pattern, any_of=(b"lock", b"key")) for file in tree.files("*")}
    assert found == {"empty": None, "only": None, "with": b"key: 17", "without": None}

"""The engine: snapshots inside a tree, links that lead out of it, and how findings are told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from builder.audit.engine import audit_tree, check_findings, render_json, render_text
from builder.audit.facts import Facts
from builder.audit.tree import Tree
from builder.errors import AuditFailed

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
    assert [finding.path for finding in audit_tree(tmp_path, FACTS)] == [
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
    assert audit_tree(tree, FACTS) == ()
    assert not Tree(tree).has_directory("etc")


def test_bulk_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "srv/content/storage/a/.bash_history", "ls\n")
    write(tmp_path / "srv/content/storages/.bash_history", "ls\n")
    paths = [finding.path for finding in audit_tree(tmp_path, Facts(bulk=("/srv/content/storage",)))]
    assert paths == ["/srv/content/storages/.bash_history"]


def test_findings_are_told_by_rule_with_remedy(tmp_path: Path) -> None:
    write(tmp_path / "etc/shadow", "root:$y$abc:1:::::\npi::1:::::\n")
    write(tmp_path / "etc/machine-id", ID)
    findings = audit_tree(tmp_path, FACTS, within="[root]")
    text = render_text(findings)
    assert "  [root]/etc/machine-id: holds an id\n  remedy: empty /etc/machine-id" in text
    assert text.count("passwords: one password would open every device") == 1
    assert "lets pi in without a password" in text
    assert [entry["path"] for entry in json.loads(render_json(findings))] == [
        "[root]/etc/machine-id",
        "[root]/etc/shadow",
        "[root]/etc/shadow",
    ]


def test_only_a_clean_image_passes(tmp_path: Path) -> None:
    check_findings(())
    write(tmp_path / "etc/machine-id", ID)
    with pytest.raises(AuditFailed) as caught:
        check_findings(audit_tree(tmp_path, FACTS))
    assert "1 thing " in str(caught.value)
    assert "/etc/machine-id" in str(caught.value)
    assert "remedy:" in str(caught.value)


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

"""The verdict: severities, thresholds, waivers, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.audit import kolibri_content
from builder.audit.engine import Seen, audit_tree
from builder.audit.facts import Facts
from builder.audit.finding import NotLooked, Severity
from builder.audit.rules import RULES
from builder.audit.telling import notes, require_clean, rules_to_json, rules_to_text, to_json, to_text
from builder.audit.verdict import Looked, Verdict, judge
from builder.errors import AuditFailed
from builder.recipe.waiver import Waiver

REASON = "the same certificate on purpose"


def dirty(tree: Path) -> Path:
    for path, content in {
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "etc/ssl/private/school.key": "key",
        "etc/ssl/private/other.key": "key",
        "root/.bash_history": "ls\n",
        "var/log/dpkg.log": "installed\n",
    }.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(content)
    return tree


def judged(tree: Path, *waivers: Waiver, within: str = "") -> Verdict:
    looked = Looked(place="root", filesystem="ext4", mounts=("/",))
    return judge("try.img", audit_tree(dirty(tree), Facts(), within=within), waivers, looked_at=(looked,))


def waiver(path: str, rule: str = "private-keys") -> Waiver:
    return Waiver.model_validate({"rule": rule, "path": path, "reason": REASON})


def test_the_worst_comes_first(tmp_path: Path) -> None:
    assert [finding.rule for finding in judged(tmp_path).findings] == [
        "machine-id",
        "private-keys",
        "private-keys",
        "histories",
        "logs",
    ]


@pytest.mark.parametrize(("threshold", "failing"), [(Severity.MINOR, 5), (Severity.SERIOUS, 4), (Severity.CRITICAL, 3)])
def test_only_what_is_bad_enough_fails(tmp_path: Path, threshold: Severity, failing: int) -> None:
    verdict = judged(tmp_path)
    assert len(verdict.failing(threshold)) == failing
    with pytest.raises(AuditFailed, match=f"holds {failing} things"):
        require_clean(verdict, threshold)


def test_a_lesser_finding_passes_a_higher_threshold(tmp_path: Path) -> None:
    (tmp_path / "var/log").mkdir(parents=True)
    (tmp_path / "var/log/dpkg.log").write_text("installed\n")
    verdict = judge("try.img", audit_tree(tmp_path, Facts()))
    require_clean(verdict, Severity.SERIOUS)
    assert json.loads(to_json(verdict, Severity.SERIOUS))["passed"] is True
    with pytest.raises(AuditFailed) as caught:
        require_clean(verdict)
    assert "/var/log/dpkg.log: has content\n" in str(caught.value)
    assert "remedy:" in str(caught.value)


def test_a_waiver_sets_its_findings_apart_and_hides_none(tmp_path: Path) -> None:
    verdict = judged(tmp_path, waiver("etc/ssl/private/s*"), waiver("*", "wifi-secrets"), waiver("*", "machine-id"))
    assert [finding.path for finding in verdict.findings] == [
        "/etc/ssl/private/other.key",
        "/root/.bash_history",
        "/var/log/dpkg.log",
    ]
    assert [(each.finding.path, each.reason) for each in verdict.waived] == [
        ("/etc/machine-id", REASON),
        ("/etc/ssl/private/school.key", REASON),
    ]
    assert [stale.rule for stale in verdict.stale] == ["wifi-secrets"]
    text = to_text(verdict)
    assert "waived (2)" in text
    assert f"reason: {REASON}" in text
    assert "the waiver of wifi-secrets for * matches nothing" in text
    assert len(tuple(notes(verdict))) == 3


def test_a_build_names_what_nobody_looked_into_and_nobody_vouches_for() -> None:
    left = (
        NotLooked(place="/srv/content/kolibri/storage", why=kolibri_content.WHY),
        NotLooked(place="/srv/content/books", why="files of more than 1.0 MiB: 2"),
    )
    verdict = judge("the image", Seen(not_looked=left), ())
    assert tuple(notes(verdict)) == ("not looked at: /srv/content/books: files of more than 1.0 MiB: 2",)


def test_a_waiver_may_name_a_place_in_brackets(tmp_path: Path) -> None:
    verdict = judged(tmp_path, waiver("[root]/etc/ssl/private/school.key"), within="[root]")
    assert [each.finding.path for each in verdict.waived] == ["[root]/etc/ssl/private/school.key"]


def test_the_text_has_reason_and_remedy_once_and_ends_with_the_counts(tmp_path: Path) -> None:
    text = to_text(judged(tmp_path))
    assert text.startswith("looked at root (ext4): /\n")
    assert "critical (3)\n  machine-id: devices with" in text
    assert text.count("a private key that every device has") == 1
    assert "    /etc/ssl/private/other.key: stands where TLS keys are kept\n    /etc/ssl/private/school.key" in text
    assert text.endswith("try.img: 3 critical, 1 serious, 1 minor")


def test_a_clean_verdict_says_so(tmp_path: Path) -> None:
    verdict = judge("try.img", audit_tree(tmp_path, Facts()))
    require_clean(verdict)
    assert to_text(verdict) == "try.img: nothing found that must not be inside an image"


def test_the_json_holds_all_of_it(tmp_path: Path) -> None:
    told = json.loads(to_json(judged(tmp_path, waiver("etc/ssl/private/s*"), waiver("x")), Severity.SERIOUS))
    assert told["image"] == "try.img"
    assert told["passed"] is False
    assert told["fail_on"] == "serious"
    assert told["files"] == 5
    assert told["looked_at"] == [{"place": "root", "filesystem": "ext4", "mounts": ["/"]}]
    assert told["not_looked_at"] == []
    assert told["counts"] == {"critical": 2, "serious": 1, "minor": 1, "waived": 1}
    assert told["findings"][0] | {"why": "", "remedy": ""} == {
        "rule": "machine-id",
        "severity": "critical",
        "path": "/etc/machine-id",
        "what": "holds an id",
        "why": "",
        "remedy": "",
    }
    assert told["waived"][0]["reason"] == REASON
    assert told["waived"][0]["path"] == "/etc/ssl/private/school.key"
    assert told["stale_waivers"] == [{"rule": "private-keys", "path": "x", "reason": REASON}]


def test_all_rules_are_listed_the_worst_first() -> None:
    lines = rules_to_text(RULES).splitlines()
    assert len(lines) == len(RULES)
    assert lines[0].startswith("critical  machine-id")
    assert lines[-1].startswith("minor")
    assert {rule["rule"] for rule in json.loads(rules_to_json(RULES))} == {rule.name for rule in RULES}

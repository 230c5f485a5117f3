"""How an audit is told: to people, to programs, or as a failure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from builder.audit import kolibri_content
from builder.audit.finding import Finding, Rule, Severity
from builder.audit.verdict import Verdict
from builder.errors import AuditFailed

SCHEMA = 1
"""Version of the JSON; described in docs/audit.md."""

_HINT = "an image must not be given away like this; each remedy says what to change before it is made again"


def to_text(verdict: Verdict) -> str:
    """For people: what was looked at, the findings by severity and rule, what is waived, and the counts."""
    return "\n".join(
        (*_looked(verdict), *findings_text(verdict.findings), *_waived(verdict), *_stale(verdict), summary(verdict))
    )


def findings_text(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings, the worst first: each rule with its reason once, every place, and the remedy."""
    for severity, of_it in groupby(findings, key=lambda finding: finding.severity):
        alike = tuple(of_it)
        yield f"{severity} ({len(alike)})"
        for rule, group in groupby(alike, key=lambda finding: finding.rule):
            found = tuple(group)
            yield f"  {rule}: {found[0].why}"
            yield from (f"    {finding.path}: {finding.what}" for finding in found)
            yield f"    remedy: {found[0].remedy}"


def summary(verdict: Verdict) -> str:
    """The counts in one line."""
    counted = ", ".join(f"{count} {severity}" for severity, count in verdict.counts().items() if count)
    waived = f" ({len(verdict.waived)} waived)" if verdict.waived else ""
    return f"{verdict.subject}: {counted or 'nothing found that must not be inside an image'}{waived}"


def to_json(verdict: Verdict, threshold: Severity) -> str:
    """For programs; see docs/audit.md."""
    counts = {str(severity): count for severity, count in verdict.counts().items()}
    facts = {
        "schema": SCHEMA,
        "image": verdict.subject,
        "passed": not verdict.failing(threshold),
        "fail_on": threshold,
        "files": verdict.files,
        "looked_at": [asdict(looked) for looked in verdict.looked_at],
        "not_looked_at": [asdict(place) for place in verdict.not_looked],
        "counts": {**counts, "waived": len(verdict.waived)},
        "findings": [asdict(finding) for finding in verdict.findings],
        "waived": [{**asdict(waived.finding), "reason": waived.reason} for waived in verdict.waived],
        "stale_waivers": [waiver.model_dump() for waiver in verdict.stale],
    }
    return json.dumps(facts, indent=1, ensure_ascii=False)


def rules_to_text(rules: Sequence[Rule]) -> str:
    """All rules, the worst first."""
    width = max(len(rule.name) for rule in rules)
    ordered = sorted(rules, key=lambda rule: rule.severity.rank)
    return "\n".join(f"{rule.severity:8}  {rule.name:{width}}  {rule.why}" for rule in ordered)


def rules_to_json(rules: Sequence[Rule]) -> str:
    """All rules for programs."""
    told = [
        {"rule": rule.name, "severity": rule.severity, "why": rule.why, "remedy": rule.remedy}
        for rule in sorted(rules, key=lambda rule: rule.severity.rank)
    ]
    return json.dumps(told, indent=1, ensure_ascii=False)


def require_clean(verdict: Verdict, threshold: Severity = Severity.MINOR, *, told: bool = False) -> None:
    """Let only an image pass that has nothing as bad as the threshold.

    Args:
        verdict: The outcome.
        threshold: The least severity that fails.
        told: Whether the findings have been shown already; else they are in the error's details.

    Raises:
        AuditFailed: there are such findings.
    """
    failing = verdict.failing(threshold)
    if failing:
        count = "1 thing" if len(failing) == 1 else f"{len(failing)} things"
        raise AuditFailed(
            f"{verdict.subject} holds {count} that would be the same on every device, or betray who built it",
            details=None if told else "\n".join(findings_text(failing)),
            hint=_HINT,
        )


def notes(verdict: Verdict) -> Iterator[str]:
    """What a build should say although nothing failed: waivers, and what nobody looked into and nobody vouches for."""
    for waived in verdict.waived:
        yield f"waived: {waived.finding.rule} {waived.finding.path}: {waived.finding.what} ({waived.reason})"
    yield from _stale(verdict)
    unseen = (place for place in verdict.not_looked if place.why != kolibri_content.WHY)
    yield from (f"not looked at: {place.place}: {place.why}" for place in unseen)


def _looked(verdict: Verdict) -> Iterator[str]:
    for looked in verdict.looked_at:
        where = ", ".join(looked.mounts) or "not mounted"
        yield f"looked at {looked.place} ({looked.filesystem}): {where}"
    yield from (f"not looked at: {place.place}: {place.why}" for place in verdict.not_looked)


def _waived(verdict: Verdict) -> Iterator[str]:
    if verdict.waived:
        yield f"waived ({len(verdict.waived)})"
    for waived in verdict.waived:
        yield f"  {waived.finding.rule}: {waived.finding.path}: {waived.finding.what}"
        yield f"    reason: {waived.reason}"


def _stale(verdict: Verdict) -> Iterator[str]:
    for waiver in verdict.stale:
        yield f"note: the waiver of {waiver.rule} for {waiver.path} matches nothing; take it out of the recipe"

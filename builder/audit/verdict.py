"""The outcome of an audit: what was looked at, what was found, and what the recipe lets pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from builder.audit.engine import Seen
from builder.audit.finding import Finding, NotLooked, Severity
from builder.recipe.waiver import Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A file system or directory that was looked at."""

    place: str
    """The partition's name, or the directory."""
    filesystem: str
    """Its kind; `directory` for one that was given as such."""
    mounts: tuple[str, ...] = ()
    """Where the device shows it; empty when it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """A finding that is meant to be there."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Everything that an audit has to say. Findings are sorted, the worst first."""

    subject: str
    looked_at: tuple[Looked, ...] = ()
    not_looked: tuple[NotLooked, ...] = ()
    files: int = 0
    findings: tuple[Finding, ...] = ()
    waived: tuple[Waived, ...] = ()
    stale: tuple[Waiver, ...] = ()
    """Waivers that match nothing."""

    def failing(self, threshold: Severity) -> tuple[Finding, ...]:
        """The findings that are as bad as `threshold`, or worse."""
        return tuple(finding for finding in self.findings if finding.severity.rank <= threshold.rank)

    def counts(self) -> Mapping[Severity, int]:
        """How many findings there are of each severity."""
        counted = Counter(finding.severity for finding in self.findings)
        return {severity: counted[severity] for severity in Severity}


def judge(subject: str, seen: Seen, waivers: Sequence[Waiver] = (), *, looked_at: Iterable[Looked] = ()) -> Verdict:
    """What was seen, with the waived findings set apart."""
    kept: list[Finding] = []
    waived: list[Waived] = []
    used: set[Waiver] = set()
    for finding in sorted(seen.findings, key=lambda each: (each.severity.rank, each.rule, each.path, each.what)):
        fitting = next((waiver for waiver in waivers if _fits(waiver, finding)), None)
        if fitting is None:
            kept.append(finding)
        else:
            used.add(fitting)
            waived.append(Waived(finding=finding, reason=fitting.reason.strip()))
    return Verdict(
        subject=subject,
        looked_at=tuple(looked_at),
        not_looked=seen.not_looked,
        files=seen.files,
        findings=tuple(kept),
        waived=tuple(waived),
        stale=tuple(waiver for waiver in waivers if waiver not in used),
    )


def _fits(waiver: Waiver, finding: Finding) -> bool:
    path = finding.path.removeprefix("/")
    return waiver.rule == finding.rule and (path == waiver.path or fnmatchcase(path, waiver.path))

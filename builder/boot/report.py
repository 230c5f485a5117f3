"""The result for people, as text with the clones side by side, and for programs, as JSON. Pure but for `keep`."""

from __future__ import annotations

import json
from pathlib import Path

from builder.boot.junit import to_junit
from builder.boot.result import Boot, BootTestResult, Comparison
from builder.units import format_duration

_WIDEST = 34
"""Columns show this many characters of a value; keys and ids are told apart by fewer."""


def to_text(result: BootTestResult) -> str:
    """Everything that was found, one screen if all is well."""
    accelerator = result.accelerator
    parts = [
        f"boot test of {result.image}: {'passed' if result.passed else 'FAILED'}, {format_duration(result.seconds)} "
        f"under {accelerator.kind} ({accelerator.reason})",
        *(_boot(boot) for boot in result.boots),
        *(_comparison(comparison) for comparison in result.comparisons),
        f"serial logs: {', '.join(result.logs)}",
    ]
    return "\n\n".join(parts) + "\n"


def _boot(boot: Boot) -> str:
    verdict = boot.verdict
    good = sum(check.ok for check in verdict.checks)
    checks = f", {good} of {len(verdict.checks)} checks hold" if verdict.checks else ""
    title = f"machine {boot.machine} ({boot.firmware}), {boot.name}: {verdict.outcome}"
    lines = [f"{title}, {format_duration(boot.seconds)}{checks}"]
    lines += [f"  {'ok  ' if check.ok else 'FAIL'}  {check.name}" for check in verdict.checks]
    lines += [f"  ! {problem}" for problem in verdict.problems]
    lines += [f"  | {line}" for line in verdict.evidence.splitlines()]
    return "\n".join(lines)


def _comparison(comparison: Comparison) -> str:
    if comparison.missing:
        return f"{comparison.name}: not proved, {comparison.missing}"
    lines = [f"{comparison.name}: {'yes' if comparison.passed else 'NO'}"]
    header = ("", *comparison.columns, "")
    rows = [
        (claim.field, _short(claim.left), _short(claim.right), claim.problem.upper() or "ok")
        for claim in comparison.claims
    ]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(3)]
    for field, left, right, mark in (header, *rows):
        lines.append(f"  {field:<{widths[0]}}  {left:<{widths[1]}}  {right:<{widths[2]}}  {mark}".rstrip())
    return "\n".join(lines)


def _short(value: str) -> str:
    return value if len(value) <= _WIDEST else value[: _WIDEST - 3] + "..."


def to_dict(result: BootTestResult) -> dict[str, object]:
    """The same as JSON values, whole."""
    return {
        "passed": result.passed,
        "recipe": result.recipe,
        "image": result.image,
        "seconds": round(result.seconds, 3),
        "accelerator": {"kind": str(result.accelerator.kind), "reason": result.accelerator.reason},
        "boots": [
            {
                "machine": boot.machine,
                "name": boot.name,
                "firmware": str(boot.firmware),
                "seconds": round(boot.seconds, 3),
                "outcome": str(boot.verdict.outcome),
                "problems": list(boot.verdict.problems),
                "evidence": boot.verdict.evidence,
                "checks": [check.model_dump() for check in boot.verdict.checks],
                "report": None if boot.report is None else boot.report.model_dump(mode="json"),
            }
            for boot in result.boots
        ],
        "comparisons": [
            {
                "name": comparison.name,
                "passed": comparison.passed,
                "columns": list(comparison.columns),
                "missing": comparison.missing,
                "claims": [
                    {"field": claim.field, "left": claim.left, "right": claim.right, "problem": claim.problem}
                    for claim in comparison.claims
                ],
            }
            for comparison in result.comparisons
        ],
        "logs": list(result.logs),
    }


def keep(result: BootTestResult, directory: Path) -> None:
    """Write junit.xml, report.txt and report.json beside the serial logs."""
    (directory / "junit.xml").write_text(to_junit(result), encoding="utf-8")
    (directory / "report.txt").write_text(to_text(result), encoding="utf-8")
    (directory / "report.json").write_text(json.dumps(to_dict(result), indent=1) + "\n", encoding="utf-8")

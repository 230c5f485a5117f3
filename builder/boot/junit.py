"""The result as JUnit XML, which every CI system reads. Pure."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from builder.boot.result import Boot, BootTestResult, Comparison

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, such as the escapes of a console."""


def to_junit(result: BootTestResult) -> str:
    """One suite; a case for each boot, each check of each boot, and each field of each comparison."""
    suite = Element("testsuite", name=f"boot {result.recipe}", time=f"{result.seconds:.3f}")
    properties = SubElement(suite, "properties")
    about = {
        "image": result.image,
        "accelerator": f"{result.accelerator.kind}: {result.accelerator.reason}",
        **{f"serial log {number}": name for number, name in enumerate(result.logs, 1)},
    }
    for name, value in about.items():
        SubElement(properties, "property", name=name, value=_clean(value))
    for boot in result.boots:
        _boot(suite, boot, recipe=result.recipe)
    for comparison in result.comparisons:
        _comparison(suite, comparison, recipe=result.recipe)
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _boot(suite: Element, boot: Boot, *, recipe: str) -> None:
    group = f"{recipe}.machine {boot.machine} ({boot.firmware}).{boot.name}"
    case = SubElement(suite, "testcase", classname=group, name=boot.name, time=f"{boot.seconds:.3f}")
    verdict = boot.verdict
    if not verdict.passed:
        text = "\n".join([*verdict.problems, "", verdict.evidence])
        _fail(case, verdict.outcome, text, message="; ".join(verdict.problems))
    for check in verdict.checks:
        case = SubElement(suite, "testcase", classname=group, name=_clean(check.name), time="0")
        if not check.ok:
            _fail(case, "check-failed", check.detail, message=check.detail)


def _comparison(suite: Element, comparison: Comparison, *, recipe: str) -> None:
    group = f"{recipe}.{comparison.name}"
    if comparison.missing:
        _fail(
            SubElement(suite, "testcase", classname=group, name=comparison.name, time="0"),
            "missing",
            "",
            message=comparison.missing,
        )
    for claim in comparison.claims:
        case = SubElement(suite, "testcase", classname=group, name=_clean(claim.field), time="0")
        if claim.problem:
            left, right = comparison.columns
            _fail(case, "comparison", f"{left}: {claim.left}\n{right}: {claim.right}", message=claim.problem)


def _fail(case: Element, kind: str, text: str, *, message: str) -> None:
    SubElement(case, "failure", type=kind, message=_clean(message)).text = _clean(text)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", text)

"""What a boot test found, whole: every boot, every comparison, where the logs lie. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from builder.boot.accelerator import Accelerator
from builder.boot.answer import GuestReport
from builder.boot.claims import Claim
from builder.boot.subject import Firmware
from builder.boot.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One boot of one machine, from power-on or restart to its report."""

    machine: str
    name: str
    firmware: Firmware
    seconds: float
    verdict: Verdict
    report: GuestReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Claims about several boots; without claims it could not be made, and `missing` says why."""

    name: str
    columns: tuple[str, str]
    claims: tuple[Claim, ...] = ()
    missing: str = ""

    @property
    def passed(self) -> bool:
        """Whether it could be made and every claim holds."""
        return bool(self.claims) and not any(claim.problem for claim in self.claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootTestResult:
    """The whole boot test of one image."""

    recipe: str
    image: str
    accelerator: Accelerator
    boots: tuple[Boot, ...]
    comparisons: tuple[Comparison, ...]
    logs: tuple[str, ...]
    """Names of the serial logs, beside the JUnit file."""
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything that had to be proved was proved."""
        return (
            bool(self.boots)
            and all(boot.verdict.passed for boot in self.boots)
            and all(comparison.passed for comparison in self.comparisons)
        )

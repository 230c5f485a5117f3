"""Fixtures of the boot room: reports as devices send them."""

from __future__ import annotations

import pytest

from builder.boot.answer import GuestReport, parse_answer

from .boot_reports import Report, text_of


@pytest.fixture
def report() -> Report:
    """Make a report; keywords replace its parts."""
    return lambda **changes: parse_answer(text_of(**changes), GuestReport)


@pytest.fixture
def other(report: Report) -> GuestReport:
    """The report of a clone: everything unique is different."""
    identity = {
        "machine_id": "m2",
        "hostname": "satchel-xyz",
        "ssh_host_keys": {"ed25519": "SHA256:two"},
        "facility_code": "XYZ",
        "facility_id": "f2",
        "dataset_id": "d2",
        "instance_id": "i2",
        "admin_password": "sha256:2",
    }
    return report(boot_id="boot-2", identity=identity, firmware="bios")

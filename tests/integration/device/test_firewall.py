"""The firewall in network namespaces: a device, somebody in its network, a stranger, and a container."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from builder.host.tools import ensure_lab
from builder.progress import Reporter
from tests.golden.test_firewall import rules

PROGRAM = Path(__file__).with_name("neighbours.py")


@pytest.mark.in_namespace
def test_everything_is_closed_but_what_is_declared(tmp_path: Path) -> None:
    lab = ensure_lab(Reporter(), ("iproute2", "nftables"))
    (tmp_path / "rules").write_text(rules())
    out = tmp_path / "found.json"
    argv = ("unshare", "--net", sys.executable, PROGRAM, lab.tree, tmp_path / "rules", out)
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    found = json.loads(out.read_text())
    # Both are reachable until the rules are there, so that a closed port below means something.
    assert found["before"] == {"10.9.0.1:8080": "open", "10.9.0.1:9443": "open"}
    assert found["client"] == {
        "10.9.0.1:80": "open",
        "10.9.0.1:22": "open",
        "10.9.0.1:5432": "closed",
        "10.9.0.1:8080": "closed",
    }
    assert found["stranger"] == {
        "10.9.0.1:80": "open",
        "10.9.0.1:22": "closed",
        "10.9.0.1:8443": "open",
        "10.9.0.1:9443": "closed",
        "10.88.0.2:443": "closed",
    }
    assert found["container"] == {
        "10.88.0.1:5432": "open",
        "10.88.0.1:22": "closed",
        "10.88.0.1:80": "open",
        "10.9.0.2:7000": "open",
    }

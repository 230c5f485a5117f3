"""Credentials for other people's servers, used while building."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_ALWAYS = (
    "etc/apt/auth.conf", "etc/apt/auth.conf.d/*", "*/.netrc", "*/.pypirc", "*/.git-credentials", "*/.aws/credentials",
    "*/.config/gh/hosts.yml", "*/.config/rclone/rclone.conf", "*/.npmrc", "*/.config/gcloud/*",
)  # fmt: skip
"""Files that exist only to hold credentials."""

_PERHAPS = (
    "etc/apt/sources.list", "etc/apt/sources.list.d/*", "etc/apt/apt.conf*", "etc/pip.conf", "*/pip.conf",
    "*/.pip/pip.conf", "etc/environment", "etc/wgetrc", "*/.wgetrc", "*/.curlrc", "*/.gitconfig", "etc/gitconfig",
    "*/.docker/config.json", "*/containers/auth.json", "*/direct_url.json", "*/.git/config",
)  # fmt: skip
"""Files that may hold an address with a password in it, or a registry's token."""

_SECRET = re.compile(rb'://[^/\s:@"]+:[^/\s@"]+@|"(?:auth|identitytoken)"\s*:\s*"[^"]+"')


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for file in tree.files(*_ALWAYS):
        if file.size:
            yield file.path, "holds credentials"
    for file in tree.files(*_PERHAPS):
        if tree.search(file, _SECRET):
            yield file.path, "holds a password or token for a server"


RULE = Rule(
    name="credentials",
    severity=Severity.CRITICAL,
    why="whoever gets a card could use the builder's account on that server",
    remedy="remove it; give credentials to the build through its environment, never through the tree",
    find=_find,
)

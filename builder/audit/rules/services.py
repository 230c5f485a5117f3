"""Ids and secrets that services make for themselves when they are installed or first started."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule
from builder.audit.tree import Tree

_FILES = {
    "var/lib/systemd/credential.secret": "is the key of systemd's credentials",
    "etc/docker/key.json": "is the id of a Docker host",
    "var/lib/docker/engine-id": "is the id of a Docker host",
    "var/lib/docker/swarm/*": "is the identity of a swarm's node",
    "etc/rancher/node/password": "is a k3s node's password",
    "var/lib/rancher/k3s/server/*token": "is a k3s cluster's token",
    "var/lib/rancher/k3s/server/tls/*": "belongs to a k3s cluster's identity",
    "var/lib/kubelet/pki/*": "is a kubelet's identity",
    "etc/iscsi/initiatorname.iscsi": "is the name of one iSCSI initiator",
    "etc/nvme/hostid": "is the id of one NVMe host",
    "etc/nvme/hostnqn": "is the name of one NVMe host",
    "var/lib/tailscale/tailscaled.state": "is the identity of a node",
    "var/lib/zerotier-one/identity.secret": "is the identity of a node",
    "var/lib/tor/*/hs_ed25519_secret_key": "is the identity of a hidden service",
    ".dockerenv": "marks a container",
    "run/.containerenv": "is the id of a container",
    "var/lib/cloud/instance*": "is cloud-init's record of one instance",
    "var/lib/cloud/data/*": "is cloud-init's record of one instance",
    "var/lib/cloud/seed/*": "is what cloud-init was told for one instance",
}

_LINES = {
    "etc/wireguard/*": (re.compile(rb"^\s*PrivateKey\s*=\s*\S", re.MULTILINE), "holds a WireGuard private key"),
    "etc/popularity-contest.conf": (re.compile(rb'^\s*MY_HOSTID="?\w', re.MULTILINE), "holds the id of one machine"),
    "etc/mongod.conf": (re.compile(rb"^\s*keyFile:\s*\S", re.MULTILINE), "names a key that a cluster shares"),
}


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for pattern, what in _FILES.items():
        for file in tree.files(pattern):
            # The mark of a container is an empty file; anything else matters only with content.
            if file.size or pattern == ".dockerenv":
                yield file.path, what
    for pattern, (line, what) in _LINES.items():
        for file in tree.files(pattern):
            if tree.search(file, line):
                yield file.path, what


RULE = Rule(
    name="service-identities",
    why="services use it to tell machines apart; with one on every device they mix them up or trust them all",
    remedy="remove it; the service makes a new one when it starts on the device",
    find=_find,
)

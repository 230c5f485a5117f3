"""Ids and secrets that services make for themselves when they are installed or first started."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
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
    "etc/iiab/uuid": "is the id of one Internet-in-a-Box",
    "etc/salt/minion_id": "is the id of one Salt minion",
    "etc/salt/pki/minion/*": "is the identity of one Salt minion",
    "var/lib/puppet/ssl/*": "is the identity of one Puppet agent",
    "var/lib/netdata/registry/*": "is the id of one Netdata agent",
    "etc/iscsi/initiatorname.iscsi": "is the name of one iSCSI initiator",
    "etc/nvme/hostid": "is the id of one NVMe host",
    "etc/nvme/hostnqn": "is the name of one NVMe host",
    "var/lib/tailscale/tailscaled.state": "is the identity of a node",
    "var/lib/zerotier-one/identity.secret": "is the identity of a node",
    "var/lib/tor/*/hs_ed25519_secret_key": "is the identity of a hidden service",
}

_LINES = {
    "etc/wireguard/*": (re.compile(rb"^\s*PrivateKey\s*=\s*\S", re.MULTILINE), "holds a WireGuard private key"),
    "etc/popularity-contest.conf": (re.compile(rb'^\s*MY_HOSTID="?\w', re.MULTILINE), "holds the id of one machine"),
    "*couchdb*/local.ini": (re.compile(rb"^\s*uuid\s*=\s*\w", re.MULTILINE), "holds the id of one CouchDB"),
    "etc/mongod.conf": (re.compile(rb"^\s*keyFile:\s*\S", re.MULTILINE), "names a key that a cluster shares"),
}


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for file in tree.files(*_FILES):
        if file.size:
            yield file.path, next(what for pattern, what in _FILES.items() if fnmatchcase(file.path, pattern))
    for pattern, (line, what) in _LINES.items():
        for file in tree.files(pattern):
            if tree.search(file, line):
                yield file.path, what


RULE = Rule(
    name="service-identities",
    severity=Severity.CRITICAL,
    why="services use it to tell machines apart; with one on every device they mix them up or trust them all",
    remedy="remove it; the service makes a new one when it starts on the device",
    find=_find,
)

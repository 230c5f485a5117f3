"""Kolibri: a home that is somebody's, people in it, and files that would make it somebody's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.kolibri_homes import kolibri_homes
from builder.audit.tree import Tree
from builder.kolibri.traces import Kind, traces

_PASSWORD = re.compile(rb'"password"\s*:\s*"[^"]')
_SUBJECT = re.compile(rb'"(?:superuser|facility_name|facility)"\s*:')


def _of_kind(kind: Kind) -> Callable[[Tree, Facts], Iterable[Hit]]:
    def find(tree: Tree, facts: Facts) -> Iterable[Hit]:
        for home in kolibri_homes(tree, facts):
            try:
                found = traces(tree.root / home)
            except OSError as error:
                tree.not_read(home, error)
            else:
                yield from ((home, trace.what) for trace in found if trace.kind is kind)

    return find


def _find_identity(tree: Tree, facts: Facts) -> Iterable[Hit]:
    yield from _of_kind(Kind.IDENTITY)(tree, facts)
    for file in tree.files("*.node_id"):
        if file.size and file.path.rpartition("/")[2] == ".node_id":
            yield file.path, "is the id of one Kolibri"


def _find_provisioning(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for file in tree.outside_usr():
        told = file.path.endswith(".json") and tree.search(file, _PASSWORD, any_of=(b'"password"',))
        if told and tree.search(file, _SUBJECT):
            yield file.path, "tells Kolibri an administrator's password"


_SEAL = "seal the home after the last `kolibri` command of the build (docs/audit.md says how)"

IDENTITY = Rule(
    name="kolibri-identity",
    severity=Severity.CRITICAL,
    why="devices with one facility, one certificate and one id become one giant facility when they synchronise",
    remedy=f"{_SEAL}; `kolibri manage deprovision` is needed, and does not suffice",
    find=_find_identity,
)

PEOPLE = Rule(
    name="kolibri-people",
    severity=Severity.SERIOUS,
    why="names, classes and progress of learners would be given to everybody who gets a card",
    remedy=f"{_SEAL}; `deprovision` leaves exported lists, logs, sessions and backups",
    find=_of_kind(Kind.PEOPLE),
)

SEALED = Rule(
    name="kolibri-home",
    severity=Severity.SERIOUS,
    why="a home that was in use remembers more than its users, and a device that starts from it may misbehave",
    remedy=_SEAL,
    find=_of_kind(Kind.OTHER),
)

PROVISIONING = Rule(
    name="kolibri-provisioning",
    severity=Severity.CRITICAL,
    why="every device would have the same administrator's password, readable on every card",
    remedy="remove it; first boot makes a password for each device",
    find=_find_provisioning,
)

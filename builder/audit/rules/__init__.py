"""Every rule of the audit, in one table. A rule is one small file; what it must find is in its tests."""

from __future__ import annotations

from typing import Final

from builder.audit.finding import Rule
from builder.audit.rules import (
    build_host,
    credentials,
    first_boot,
    histories,
    kolibri,
    leases,
    logs,
    machine_id,
    names,
    network_names,
    passwords,
    private_keys,
    random_seeds,
    services,
    ssh_keys,
    wifi,
)

RULES: Final[tuple[Rule, ...]] = (
    machine_id.RULE,
    ssh_keys.HOST_KEYS,
    ssh_keys.AUTHORIZED_KEYS,
    private_keys.RULE,
    random_seeds.RULE,
    passwords.RULE,
    credentials.RULE,
    wifi.RULE,
    services.RULE,
    kolibri.SEALED,
    kolibri.PROVISIONING,
    first_boot.RULE,
    leases.RULE,
    logs.RULE,
    histories.RULE,
    network_names.RULE,
    names.HOSTNAME,
    names.RESOLVER,
    build_host.RULE,
)

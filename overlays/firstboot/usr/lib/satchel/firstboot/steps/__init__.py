"""The steps of first boot, in order. Each lies in its own file and may be run again after a power cut anywhere."""

from __future__ import annotations

from firstboot.engine import Step
from firstboot.steps import (
    admin_password,
    code,
    come_back,
    facility,
    forget_secrets,
    grow,
    hostname,
    identity,
    keep_self,
    kolibri_identity,
    machine,
    machine_id,
    mounts,
    report,
    secrets,
    site,
    ssh_keys,
    take_seed,
    timezone,
    tls_key,
)

STEPS = (
    Step(name="mounts", doing="looking for all parts of the disk", run=mounts.run),
    Step(name="come-back", doing="looking for who this device was before", run=come_back.run),
    Step(name="seed", doing="looking for a seed", run=take_seed.run),
    Step(name="machine", doing="remembering the machine around the disk", run=machine.run),
    Step(name="machine-id", doing="making a machine id", run=machine_id.run),
    Step(name="code", doing="choosing a facility code", run=code.run),
    Step(name="hostname", doing="setting the host name", run=hostname.run),
    Step(name="timezone", doing="setting the time zone", run=timezone.run),
    Step(name="grow", doing="growing the last partition to the end of the disk", run=grow.run),
    Step(name="ssh-keys", doing="making SSH host keys", run=ssh_keys.run),
    Step(name="secrets", doing="making the secrets of services", run=secrets.run),
    Step(name="tls-key", doing="making a TLS key", run=tls_key.run),
    Step(name="admin-password", doing="making the administrator's password", run=admin_password.run),
    Step(name="kolibri-identity", doing="fixing Kolibri's identity", run=kolibri_identity.run),
    Step(name="facility", doing="making the facility", run=facility.run),
    Step(name="site", doing="keeping what the seed says for others", run=site.run),
    Step(name="identity", doing="writing down who this device is", run=identity.run),
    Step(name="keep-self", doing="keeping who this device is with its data", run=keep_self.run),
    Step(name="forget-secrets", doing="removing the secrets of the seed", run=forget_secrets.run),
    Step(name="report", doing="writing the report to the boot partition", run=report.run),
)

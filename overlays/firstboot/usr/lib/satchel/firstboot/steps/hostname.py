"""The host name, on disk and in the running kernel."""

from __future__ import annotations

from device import files, own_seed
from firstboot.device import Device
from firstboot.journal import Facts

_OWN_ADDRESS = "127.0.1.1"
_LOCALHOST = ("127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback")


def run(device: Device) -> Facts:
    """Take the seed's name, or make one from the recipe's pattern and the facility code."""
    paths = device.paths
    told = own_seed.wanted(paths).hostname
    name = told or device.settings.hostname.replace("{code}", device.facts["code"].lower())
    files.write(paths.at("/etc/hostname"), f"{name}\n")
    hosts = paths.at("/etc/hosts")
    files.write(hosts, with_name(files.read(hosts) or "", name))
    paths.at("/proc/sys/kernel/hostname").write_text(name, encoding="ascii")
    return {"hostname": name}


def with_name(hosts: str, name: str) -> str:
    """A table of hosts in which the device knows its own name, and only one."""
    lines = [line for line in hosts.splitlines() if line.split()[:1] != [_OWN_ADDRESS]]
    known = {line.split()[0] for line in lines if line.split()}
    lines = [line for line in _LOCALHOST if line.split()[0] not in known] + lines
    return "\n".join([*lines, f"{_OWN_ADDRESS}\t{name}", ""])

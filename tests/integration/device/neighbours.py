"""Four network namespaces: this one is a device; beside it a client with two addresses, and a container.

Arguments: a tree with nft and ip, a file with rules, and where to write what could be reached.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

LAB, RULES, OUT = sys.argv[1:]
STRANGE = ("10.9.0.1:80", "10.9.0.1:22", "10.9.0.1:8443", "10.9.0.1:9443", "10.88.0.2:443")
PUBLISHED = """
table ip netavark {
    chain in {
        type nat hook prerouting priority dstnat
        tcp dport { 8443, 9443 } dnat to 10.88.0.2:443
    }
}
"""
LISTEN = """
import socket, sys
held = []
for port in map(int, sys.argv[1:]):
    one = socket.create_server(("", port), backlog=64)
    held.append(one)
print("ready", flush=True)
sys.stdin.read()
"""
ASK = """
import json, socket, sys
mine, *wanted = sys.argv[1:]
found = {}
for place in wanted:
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=0.7, source_address=(mine, 0)).close()
        found[place] = "open"
    except TimeoutError:
        found[place] = "closed"
    except OSError as error:
        found[place] = str(error)
print(json.dumps(found))
"""


Process = subprocess.Popen[str]


def network() -> Process:
    """Another namespace, as long as its process lives."""
    process = subprocess.Popen(("unshare", "--net", "sleep", "600"), text=True)
    mine = Path("/proc/self/ns/net").readlink()
    while Path(f"/proc/{process.pid}/ns/net").readlink() == mine:
        time.sleep(0.01)
    return process


def entered(of: Process | None) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/{of.pid}/ns/net") if of else ()


def tool(*argv: str, of: Process | None = None, text: str = "") -> None:
    subprocess.run((*entered(of), "chroot", LAB, *argv), check=True, input=text, text=True)


def listen(*ports: int, of: Process | None = None) -> Process:
    argv = (*entered(of), sys.executable, "-c", LISTEN, *map(str, ports))
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ask(mine: str, *places: str, of: Process) -> dict[str, str]:
    argv = (*entered(of), sys.executable, "-c", ASK, mine, *places)
    found: dict[str, str] = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def join(name: str, other: Process, network_of: str) -> None:
    """A cable to another namespace, which has two addresses there and sends everything else here."""
    tool("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(other.pid))
    tool("ip", "address", "add", f"{network_of}.1/24", "dev", name)
    tool("ip", "link", "set", name, "up")
    for last in (2, 3):
        tool("ip", "address", "add", f"{network_of}.{last}/24", "dev", "eth0", of=other)
    tool("ip", "link", "set", "eth0", "up", of=other)
    tool("ip", "route", "add", "default", "via", f"{network_of}.1", of=other)


subprocess.run(("mount", "--bind", "/proc", f"{LAB}/proc"), check=True)
client, container = network(), network()
tool("ip", "link", "set", "lo", "up")
join("eth0", client, "10.9.0")
join("podman0", container, "10.88.0")
Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
# As netavark leads published ports to containers; the second one is not declared.
tool("nft", "-f", "-", text=PUBLISHED)
servers = [listen(80, 22, 5432, 8080), listen(443, of=container), listen(7000, of=client)]
found = {"before": ask("10.9.0.3", "10.9.0.1:8080", "10.9.0.1:9443", of=client)}
for _ in range(2):
    tool("nft", "-f", "-", text=Path(RULES).read_text())
found |= {
    "client": ask("10.9.0.2", "10.9.0.1:80", "10.9.0.1:22", "10.9.0.1:5432", "10.9.0.1:8080", of=client),
    "stranger": ask("10.9.0.3", *STRANGE, of=client),
    "container": ask("10.88.0.2", "10.88.0.1:5432", "10.88.0.1:22", "10.88.0.1:80", "10.9.0.2:7000", of=container),
}
for process in (*servers, client, container):
    process.kill()
Path(OUT).write_text(json.dumps(found))

"""Two network namespaces: this one is a device with its wireless network on a cable; beside it a tablet that joins.

Arguments: a tree with dnsmasq, ip, nft and udhcpc, the directories of the device's programs, a file with what dnsmasq
reads, one with rules, the address of the device, where browsers are led, and where to write what the tablet found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

LAB, PROGRAMS, DNSMASQ, RULES, ADDRESS, HOME, OUT = sys.argv[1:]
DEVICE = ADDRESS.partition("/")[0]
SERVE = """
import socket, sys
sys.path[:0] = sys.argv[1].split(":")
from access_point import portal
portal.Server(sys.argv[3], socket.create_server((sys.argv[2], 80))).serve_forever()
"""
LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route add default via "$router"
env >/tmp/lease
"""
ASK = """
import http.client, json, socket, struct, sys
device, paths = sys.argv[1], sys.argv[2:]
def names(name, kind):
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.sendto(struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + question + struct.pack("!2H", kind, 1), (device, 53))
        answer = asking.recv(512)
    flags, _, count = struct.unpack_from("!3H", answer, 2)
    return [flags & 15, socket.inet_ntoa(answer[-4:]) if count and kind == 1 else count]
def ask(path):
    asking = http.client.HTTPConnection(device, timeout=5)
    asking.request("GET", path, headers={"Host": "connectivitycheck.gstatic.com"})
    answer = asking.getresponse()
    return [answer.status, answer.headers.get("Location") or answer.read().decode()]
found = {name: names(name, 1) for name in ("kolibri.lan", "www.example.org", "dns.msftncsi.com")}
found["AAAA"] = names("www.example.org", 28)
found["pages"] = {path: ask(path) for path in paths}
try:
    socket.create_connection((device, 22), timeout=0.7).close()
    found["22"] = "open"
except TimeoutError:
    found["22"] = "closed"
print(json.dumps(found))
"""


def tool(*argv: str, inside: tuple[str, ...] = ()) -> None:
    subprocess.run((*inside, "chroot", LAB, *argv), check=True)


tablet = subprocess.Popen(("unshare", "--net", "sleep", "600"))
mine = Path("/proc/self/ns/net").readlink()
while Path(f"/proc/{tablet.pid}/ns/net").readlink() == mine:
    time.sleep(0.01)
there = ("nsenter", f"--net=/proc/{tablet.pid}/ns/net")
subprocess.run(("mount", "--bind", "/proc", f"{LAB}/proc"), check=True)
subprocess.run(("mount", "--rbind", "/dev", f"{LAB}/dev"), check=True)
for place in ("run", "tmp"):
    subprocess.run(("mount", "-t", "tmpfs", "none", f"{LAB}/{place}"), check=True)
Path(LAB, "run/satchel-access-point").mkdir()
Path(LAB, "run/satchel-access-point/dnsmasq.conf").write_text(Path(DNSMASQ).read_text())
tool("ip", "link", "set", "lo", "up")
tool("nft", "-f", "-", inside=("sh", "-c", 'exec "$@" <"$0"', RULES))
held = [
    subprocess.Popen(
        ("chroot", LAB, "dnsmasq", "--keep-in-foreground", "--user=root", "--log-facility=-",
         "--conf-file=/run/satchel-access-point/dnsmasq.conf")
    )
]  # fmt: skip
# Later than dnsmasq, as the radio is.
tool("ip", "link", "add", "wlan0", "type", "veth", "peer", "name", "eth0", "netns", str(tablet.pid))
tool("ip", "address", "add", ADDRESS, "dev", "wlan0")
tool("ip", "link", "set", "wlan0", "up")
tool("ip", "link", "set", "eth0", "up", inside=there)
held.append(subprocess.Popen((sys.executable, "-c", SERVE, PROGRAMS, DEVICE, HOME)))
listening = subprocess.Popen((sys.executable, "-c", "import socket; s = socket.create_server(('', 22)); s.accept()"))
held += [listening, tablet]
try:
    Path(LAB, "tmp/lease.sh").write_text(LEASE)
    Path(LAB, "tmp/lease.sh").chmod(0o755)
    tool("udhcpc", "-i", "eth0", "-n", "-q", "-t", "20", "-s", "/tmp/lease.sh", inside=there)
    lease = dict(line.partition("=")[::2] for line in Path(LAB, "tmp/lease").read_text().splitlines())
    asking = (*there, sys.executable, "-c", ASK, DEVICE, *json.loads(os.environ["PAGES"]))
    found = json.loads(subprocess.run(asking, check=True, stdout=subprocess.PIPE, text=True).stdout)
    found["lease"] = {key: lease.get(key) for key in ("ip", "router", "dns")}
    Path(OUT).write_text(json.dumps(found))
finally:
    for process in held:
        process.kill()

"""Every rule both ways: what it must find, with its path on the device, and what it must leave alone."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from builder.audit.engine import audit_tree
from builder.audit.facts import BuildHost, Facts
from builder.audit.rules import RULES
from builder.kolibri.traces import ALLOWED_ROWS
from builder.recipe.waiver import AuditRule

ID = "0123456789abcdef0123456789abcdef"
BODY = "MIIEpAIBAAKCAQEAx0Zq7mQ1o2Yl0m9N6dX1c4bq0c2cV8yq8m7a1b2c3d4e5f60\n"
PEM = f"-----BEGIN PRIVATE KEY-----\n{BODY}-----END PRIVATE KEY-----\n"
OURS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOURS technician@office"
THEIRS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAITHEIRS stranger@elsewhere"

FACTS = Facts(
    build_host=BuildHost(name="forge-7.example.org", directories=("/home/ada", "/srv")),
    authorized_keys=(OURS,),
    bulk=("/srv/content/kolibri/storage",),
    secrets=("Kipepeo-7!",),
)

UNKNOWN = "$6$m2OQ5p7h$" + "x" * 86
# Of "changeme" and "bob".
CHANGEME = "$6$saltsalt$XfDjcODbNwh18F961gnY3h57N.LVD8n2SQ1Me6kjP7kHT6Gw.3k62XiIDH0H5JIpBtLyKwQqeisy0oi3As7q3."
BOB = "$y$j75$saltsalt$rF4qPFyS8LZ40eryDsYYHsQVvTfSOmd.L0./NUv0tu5"

CLEAN: Mapping[str, str] = {
    "etc/machine-id": "uninitialized\n",
    "var/lib/dbus/machine-id": "-> /etc/machine-id",
    "etc/hostname": "localhost\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/resolv.conf": "-> ../run/systemd/resolve/stub-resolv.conf",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsync:*:4:65534:sync:/bin:/bin/sync\n",
    "etc/shadow": "root:*:20778:0:99999:7:::\nkolibri:!*:20778::::::\ntechnician:!:20778:0:99999:7:::\n",
    "etc/gshadow": "root:*::\nsudo:!::technician\nusers:::\n",
    "etc/ssh/sshd_config": "HostKey /etc/ssh/ssh_host_ed25519_key\n",
    "etc/ssl/certs/ca.pem": "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEAx0Zq\n",
    "etc/ssl/private/empty": "",
    "etc/apt/sources.list.d/debian.sources": "URIs: https://deb.example.org/debian\n",
    "etc/pip.conf": "[global]\nindex-url = https://pypi.example.org/simple\n",
    "etc/systemd/network/80-wired.network": "[Match]\nType=ether\n# MACAddress=52:54:00:12:34:56\n",
    "etc/wpa_supplicant/wpa_supplicant.conf": "ctrl_interface=/run/wpa_supplicant\n#psk=secret\n",
    "etc/wpa_supplicant/functions.sh": "# psk is set\npsk=$1\n",
    "etc/satchel/kolibri.env": "KOLIBRI_HOME=/srv/data/kolibri\n",
    "home/technician/.ssh/authorized_keys": f'# keys\nfrom="10.0.0.0/8" {OURS}\n',
    "home/technician/.bash_history": "",
    "opt/kolibri/lib/python3.13/site-packages/rsa/pem.py": '"-----BEGIN RSA PRIVATE KEY-----" and\nthe base64 body',
    "opt/kolibri/lib/python3.13/site-packages/tornado/test/test.key": PEM,
    "srv/content/kolibri/storage/a/b/lesson.json": PEM,
    "srv/content/lesson.json": '{"password": "the word of the day"}',
    "usr/lib/satchel/firstboot.json": '{"facility": {"admin": "admin"}}',
    "var/lib/systemd/random-seed": "",
    "var/log/wtmp": "",
    "var/log/README": "-> /usr/share/doc/systemd/README.logs",
    "boot/efi/loader/entries/satchel.conf": "title Satchel\n",
    "boot/efi/satchel/recipe.json": "{}",
    "boot/efi/satchel-seed.txt": "\ufeff# Who is this device?\n\n  # facility = School\n\t\n",
    "etc/apt/apt.conf.d/70no-proxy": '//Acquire::http::Proxy "http://cache.lan";\nAcquire::http::Proxy "DIRECT";\n',
    "etc/environment": "# http_proxy=http://cache.lan:3128\nPATH=/usr/bin\n",
    "var/cache/debconf/passwords.dat": "Name: passwd/root-password\nValue: \nOwners: passwd\n",
    "etc/hostapd/hostapd.conf": "ssid=School\n#wpa_passphrase=secret\n",
    "opt/kolibri/lib/python3.13/site-packages/kolibri/dist/home/db.sqlite3": "",
    "opt/kolibri/lib/python3.13/site-packages/kolibri/dist/home/sessions.sqlite3": "",
    "opt/app/direct_url.json": '{"url": "https://example.org/a.whl"}',
}

PLANTED: tuple[tuple[str, str, str], ...] = (
    ("machine-id", "etc/machine-id", f"{ID}\n"),
    ("machine-id", "var/lib/dbus/machine-id", f"{ID}\n"),
    ("machine-id", "etc/kernel/entry-token", f"{ID}\n"),
    ("machine-id", f"boot/efi/loader/entries/{ID}-6.12.conf", "title Debian\n"),
    ("machine-id", f"boot/efi/{ID}/6.12/linux", "kernel"),
    ("ssh-host-keys", "etc/ssh/ssh_host_ed25519_key", PEM),
    ("ssh-host-keys", "etc/ssh/ssh_host_rsa_key.pub", OURS),
    ("authorized-keys", "root/.ssh/authorized_keys", f"{OURS}\n{THEIRS}\n"),
    ("authorized-keys", "home/technician/.ssh/authorized_keys2", THEIRS),
    ("private-keys", "root/.ssh/id_ed25519", PEM.replace("PRIVATE", "OPENSSH PRIVATE")),
    ("private-keys", "etc/letsencrypt/key.pem", PEM.replace("PRIVATE", "EC PRIVATE").replace("\n", "\r\n")),
    ("private-keys", "var/lib/app/old.pem", PEM.replace("-----\nM", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A\n\nM")),
    ("private-keys", "srv/app/settings.json", PEM.replace("\n", "\\n")),
    ("private-keys", "opt/app/key.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n"),
    ("private-keys", "etc/ssl/private/ssl-cert-snakeoil.key", PEM),
    ("private-keys", "etc/ssl/private/key.der", "0\x82"),
    ("private-keys", "opt/kolibri/tests/own.key", PEM),
    ("random-seed", "var/lib/systemd/random-seed", "seed"),
    ("random-seed", "boot/efi/loader/random-seed", "seed"),
    ("passwords", "etc/shadow", "root:$y$j9T$abc$def:20778:0:99999:7:::\n"),
    ("passwords", "etc/shadow-", "pi:!$6$abc$def:20778:0:99999:7:::\n"),
    ("empty-passwords", "etc/shadow", "root::20778:0:99999:7:::\n"),
    ("passwords", "etc/passwd", "pi:$1$abc$def:1000:1000::/home/pi:/bin/sh\n"),
    ("passwords", "etc/gshadow", "sudo:$6$abc$def::\n"),
    ("passwords", "boot/firmware/userconf.txt", f"pi:{UNKNOWN}\n"),
    ("passwords", "boot/firmware/user-data", "users:\n- name: pi\n  plain_text_passwd: correct-horse\n"),
    ("passwords", "var/cache/debconf/passwords.dat", "Name: passwd/root-password\nValue: hunter2\n"),
    ("credentials", "etc/apt/auth.conf.d/mirror.conf", "machine deb.example.org login a password b\n"),
    ("credentials", "etc/apt/sources.list", "deb https://ada:secret@deb.example.org/debian trixie main\n"),
    ("credentials", "root/.config/pip/pip.conf", "[global]\nindex-url = https://t:0ken@pypi.example.org/simple\n"),
    ("credentials", "home/ada/.netrc", "machine example.org\n"),
    ("credentials", "root/.docker/config.json", '{"auths": {"r.example.org": {"auth": "YWRhOnNlY3JldA=="}}}'),
    ("wifi-secrets", "etc/NetworkManager/system-connections/Home.nmconnection", "[wifi-security]\npsk=secret\n"),
    ("wifi-secrets", "etc/wpa_supplicant/wpa_supplicant-wlan0.conf", 'network={\n\tssid="Home"\n\tpsk="secret"\n}\n'),
    ("wifi-secrets", "var/lib/iwd/Home.psk", "[Security]\nPassphrase=secret\n"),
    ("wifi-secrets", "etc/network/interfaces.d/wlan0", "iface wlan0 inet dhcp\n  wpa-psk secret\n"),
    ("service-identities", "var/lib/systemd/credential.secret", "secret"),
    ("service-identities", "etc/docker/key.json", "{}"),
    ("service-identities", "etc/iiab/uuid", "0123-4567\n"),
    ("service-identities", "opt/couchdb/etc/local.ini", "[couchdb]\nuuid = 0123\n"),
    ("cloud-init", "var/lib/cloud/instances/i-1/user-data.txt", "#cloud-config\n"),
    ("containers", ".dockerenv", ""),
    ("containers", "etc/hostname", "3f2a91bc04de\n"),
    ("containers", "var/lib/docker/containers/3f2a/config.v2.json", "{}"),
    ("service-identities", "etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = abc=\n"),
    ("service-identities", "etc/popularity-contest.conf", f'MY_HOSTID="{ID}"\n'),
    ("kolibri-identity", "srv/data/kolibri/.node_id", ID),
    ("kolibri-provisioning", "srv/data/provision.json", '{"facility_name": "S", "superuser": {"password": "pw"}}'),
    ("first-boot-state", "var/lib/satchel/journal/hostname.json", "{}"),
    ("first-boot-state", "var/lib/satchel/admin-password", "pw\n"),
    ("first-boot-state", "var/lib/satchel/kolibri-identity.env", "MORANGO_NODE_ID=x\n"),
    ("device-seed", "boot/efi/satchel-seed.txt", "# Who is this device?\nfacility = School\n"),
    ("device-seed", "satchel-seed.txt", "\ufefffacility = School\r\n"),
    ("first-boot-state", "boot/efi/satchel-report.txt", "Facility\n"),
    ("dhcp-leases", "var/lib/dhcp/dhclient.eth0.leases", "lease {}\n"),
    ("dhcp-leases", "var/lib/NetworkManager/secret_key", "nm-v2:"),
    ("journals", f"var/log/journal/{ID}/system.journal", "LPKSHHRH"),
    ("journals", f"@log/journal/{ID}/system@1.journal", "LPKSHHRH"),
    ("journals", "var/log/wtmp", "login"),
    ("logs", "var/log/apt/history.log", "Commandline: apt install\n"),
    ("histories", "root/.bash_history", "passwd pi\n"),
    ("histories", "home/ada/.ssh/known_hosts", "|1|abc\n"),
    ("hardware-addresses", "etc/udev/rules.d/70-persistent-net.rules", "# made by write_net_rules\n"),
    ("hardware-addresses", "etc/systemd/network/10-lan.link", "[Match]\nPermanentMACAddress=52:54:00:12:34:56\n"),
    ("hardware-addresses", "etc/udev/rules.d/80-net.rules", 'SUBSYSTEM=="net", ATTR{address}=="52:54:00:12:34:56"\n'),
    ("hostname", "etc/hostname", "forge-7\n"),
    ("resolver", "etc/resolv.conf", "search lan\nnameserver 192.168.1.1\n"),
    ("build-host", "etc/hosts", "127.0.1.1 forge-7.example.org forge-7\n"),
    ("build-host", "opt/kolibri/lib/wheels.json", '{"url": "/home/ada/wheels"}'),
    ("build-host", "srv/data/kolibri/db.sqlite3", "SQLite format 3\0forge-7\0"),
    ("build-paths", "opt/app/direct_url.json", '{"url": "file:///tmp/wheels/a.whl"}'),
    ("build-paths", "etc/app.conf", "root = /home/runner/work/image/image/out\n"),
    ("build-proxies", "etc/apt/apt.conf.d/01proxy", 'Acquire::http::Proxy "http://cache.lan:3142";\n'),
    ("build-proxies", "etc/apt/apt.conf", 'Acquire { http { Proxy "http://cache.lan:3142"; } };\n'),
    ("build-proxies", "etc/environment", 'https_proxy="http://cache.lan:3128"\n'),
    ("build-proxies", "etc/systemd/system/docker.service.d/p.conf", 'Environment="HTTP_PROXY=http://cache.lan:3128"\n'),
    ("planted-secrets", "usr/share/doc/note", "the word is Kipepeo-7!\n"),
    ("wifi-secrets", "etc/hostapd/hostapd.conf", "ssid=School\nwpa_passphrase=secret\n"),
    ("wifi-secrets", "boot/firmware/custom.toml", '[wlan]\nssid = "School"\npassword = "secret"\n'),
)

ELSEWHERE = {"kolibri-people", "kolibri-home", "processors", "raspberry-pi"}
"""Tried by the test about homes, and in test_board_rules.py."""

COMBINED: Mapping[str, tuple[str, ...]] = {
    "etc/shadow": ("passwords", "default-passwords", "reused-hashes"),
    "etc/passwd": ("passwords", "default-passwords"),
}
"""What several rules find at once: a hash, that it is well known, that two have it."""


def plant(tree: Path, files: Mapping[str, str]) -> None:
    """Write files into a tree; a text that begins with an arrow becomes a link."""
    for path, content in files.items():
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        if content.startswith("-> "):
            place.symlink_to(content.removeprefix("-> "))
        else:
            place.write_text(content, newline="")


def test_a_clean_tree_has_no_findings(tmp_path: Path) -> None:
    plant(tmp_path, CLEAN)
    assert audit_tree(tmp_path, FACTS).findings == ()


@pytest.mark.parametrize(("rule", "path", "content"), PLANTED, ids=[f"{rule}:{path}" for rule, path, _ in PLANTED])
def test_what_is_planted_is_found_and_nothing_else(tmp_path: Path, rule: str, path: str, content: str) -> None:
    plant(tmp_path, {**CLEAN, path: content})
    findings = audit_tree(tmp_path, FACTS).findings
    assert [(finding.rule, finding.path) for finding in findings] == [(rule, f"/{path}")]
    assert findings[0].remedy
    assert findings[0].what
    assert findings[0].why


def test_every_rule_is_tried() -> None:
    combined = {rule for rules in COMBINED.values() for rule in rules}
    assert {rule.name for rule in RULES} == {rule for rule, _, _ in PLANTED} | combined | ELSEWHERE


def test_every_rule_is_a_word_of_the_recipe_language() -> None:
    assert sorted(rule.name for rule in RULES) == sorted(get_args(AuditRule))


def test_well_known_and_reused_passwords_are_told(tmp_path: Path) -> None:
    shadow = f"pi:{CHANGEME}:20778:0:99999:7:::\nada:!{CHANGEME}:20778:0:99999:7:::\n"
    plant(tmp_path, {**CLEAN, "etc/shadow": shadow, "etc/passwd": f"bob:{BOB}:1000:1000::/home/bob:/bin/sh\n"})
    findings = audit_tree(tmp_path, FACTS).findings
    found = {path: tuple(dict.fromkeys(f.rule for f in findings if f.path == f"/{path}")) for path in COMBINED}
    assert found == COMBINED
    told = "\n".join(finding.what for finding in findings)
    assert 'the password of pi is "changeme"' in told
    assert 'the password of bob is "bob"' in told
    assert "pi and ada have the same hash" in told


def test_a_copy_of_the_table_is_no_reuse(tmp_path: Path) -> None:
    line = f"pi:{UNKNOWN}:20778:0:99999:7:::\n"
    plant(tmp_path, {"etc/shadow": line, "etc/shadow-": line})
    assert {finding.rule for finding in audit_tree(tmp_path, FACTS).findings} == {"passwords"}


def test_a_hash_that_cannot_be_tried_is_named(tmp_path: Path) -> None:
    costly = UNKNOWN.replace("$6$", "$6$rounds=999999999$")
    plant(tmp_path, {"etc/shadow": f"pi:{costly}:20778:0:99999:7:::\n"})
    seen = audit_tree(tmp_path, FACTS)
    assert [finding.rule for finding in seen.findings] == ["passwords"]
    assert [place.place for place in seen.not_looked] == ["/etc/shadow"]


def test_a_resolver_on_the_device_itself_is_fine(tmp_path: Path) -> None:
    plant(tmp_path, {"etc/resolv.conf": "nameserver 127.0.0.53\nnameserver ::1\n"})
    assert audit_tree(tmp_path, FACTS).findings == ()


def test_a_wholly_absent_machine_id_is_fine(tmp_path: Path) -> None:
    assert audit_tree(tmp_path, FACTS).findings == ()


def test_an_unchanged_file_of_a_package_is_no_trace(tmp_path: Path) -> None:
    services = "domain 53/tcp\napollo 1234/tcp\n"
    facts = Facts(build_host=BuildHost(name="apollo"))
    plant(tmp_path, {"etc/services": services})
    assert [finding.path for finding in audit_tree(tmp_path, facts).findings] == ["/etc/services"]
    status = "Conffiles:\n /etc/services 5d3bd4e3bd4da5be7ab0b1a5a2b93ae5\n"
    plant(tmp_path, {"var/lib/dpkg/status": status.replace("5d3bd4e3bd4da5be7ab0b1a5a2b93ae5", _md5(services))})
    assert audit_tree(tmp_path, facts).findings == ()


def test_a_host_name_that_is_a_word_is_not_searched_for_in_lessons(tmp_path: Path) -> None:
    plant(tmp_path, {"srv/content/index.html": "the nile", "etc/motd": "welcome to nile\n"})
    facts = Facts(build_host=BuildHost(name="nile"))
    assert [finding.path for finding in audit_tree(tmp_path, facts).findings] == ["/etc/motd"]


def test_a_sealed_kolibri_home_passes_and_any_other_is_found(tmp_path: Path) -> None:
    facts = Facts(kolibri_homes=("/srv/data/kolibri", "/srv/not-there"))
    for home in ("srv/data/kolibri", "usr/share/satchel/sealed-home", "home/ada/.kolibri"):
        plant(tmp_path, {f"{home}/{name}": "" for name in ALLOWED_ROWS} | {f"{home}/.data_version": "0.19.5"})
    assert audit_tree(tmp_path, facts).findings == ()

    with closing(sqlite3.connect(tmp_path / "home/ada/.kolibri/db.sqlite3")) as database, database:
        database.execute("CREATE TABLE morango_certificate (private_key TEXT)")
        database.execute("INSERT INTO morango_certificate VALUES (?)", (PEM,))
    (tmp_path / "home/ada/.kolibri/media/log_export").mkdir(parents=True)
    (tmp_path / "srv/data/kolibri/.data_version").unlink()
    (tmp_path / "usr/share/satchel/sealed-home/notifications.sqlite3").unlink()
    found = [(finding.rule, finding.path) for finding in audit_tree(tmp_path, facts).findings]
    assert found == [
        ("private-keys", "/home/ada/.kolibri/db.sqlite3"),
        ("kolibri-identity", "/home/ada/.kolibri"),
        ("kolibri-people", "/home/ada/.kolibri"),
        ("kolibri-home", "/srv/data/kolibri"),
        ("kolibri-home", "/usr/share/satchel/sealed-home"),
    ]


def test_a_longer_name_is_not_the_host_name(tmp_path: Path) -> None:
    plant(tmp_path, {"etc/motd": "forge-70 is not forge_7, nor is my-forge-7\n"})
    assert audit_tree(tmp_path, FACTS).findings == ()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

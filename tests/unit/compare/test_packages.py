"""Why a package is there, by dpkg's own account."""

from __future__ import annotations

from builder.compare.owners import Owners, package_paths
from builder.compare.packages import chain_to, installed_packages

STATUS = """\
Package: server
Status: install ok installed
Version: 1:2.0
Depends: mailer | mail-agent, libold (>= 1.0), tools:any
Pre-Depends: early

Package: agent
Status: install ok installed
Version: 3
Provides: mail-agent (= 3), other
Depends: deep

Package: deep
Status: install ok installed
Version: 4
Description: with a long
 description on two lines

Package: early
Status: install ok installed
Version: 5

Package: lone
Status: install ok installed
Version: 6

Package: libold
Status: deinstall ok config-files
Version: 7
"""


def test_only_what_is_installed_counts() -> None:
    installed = installed_packages(STATUS)
    assert sorted(installed) == ["agent", "deep", "early", "lone", "server"]
    assert installed["server"].version == "1:2.0"
    assert installed["server"].needs == (("early",), ("mailer", "mail-agent"), ("libold",), ("tools",))
    assert installed["agent"].provides == ("mail-agent", "other")


def test_the_chain_leads_over_what_is_provided() -> None:
    installed = installed_packages(STATUS)
    assert chain_to("deep", asked=("server",), installed=installed) == ("server", "agent", "deep")
    assert chain_to("early", asked=("server",), installed=installed) == ("server", "early")
    assert chain_to("server", asked=("server",), installed=installed) == ("server",)
    assert chain_to("lone", asked=("server", "not-there"), installed=installed) == ()


def test_paths_of_packages() -> None:
    lists = {
        "one.list": b"/.\n/bin/ls\n/usr/share\n",
        "two:amd64.list": b"/.\n/usr/share\n/lib/x\n",
        "two.md5sums": b"/",
    }
    paths = package_paths(lists, lists.__getitem__)
    assert paths == {"/": ("one", "two"), "/usr/bin/ls": ("one",), "/usr/share": ("one", "two"), "/usr/lib/x": ("two",)}


def test_what_lies_over_a_package_owns_the_path() -> None:
    owners = Owners(
        packages={"/etc/a": ("one",), "/etc": ("one", "two"), "/opt/app/x": ("one",), "/etc/b": ("one",)},
        overlays={"/etc/a": "pc"},
        applications=("/opt/app",),
        content=("/srv/content",),
    )
    told = [owners.of(path) for path in ("/etc/a", "/etc/b", "/opt/app/x", "/opt/apple", "/srv/content/y", "/etc")]
    assert told == ["overlay pc", "package one", "application /opt/app", None, "content in /srv/content", None]

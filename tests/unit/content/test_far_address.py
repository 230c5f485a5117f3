"""Addresses of homes on other machines: what becomes an option of ssh, and what never may."""

import pytest

from builder.content.source.ssh import open_far_home
from builder.errors import PlanError


@pytest.mark.parametrize(
    ("address", "host", "home"),
    [
        ("ssh://teacher@Master-1/home/t/.kolibri", ("teacher@Master-1",), "/home/t/.kolibri"),
        ("ssh://10.0.0.7:2222/~/.kolibri", ("-p", "2222", "10.0.0.7"), '"$HOME"/.kolibri'),
        ("ssh://u@[fe80::1%25]:22/x", ("-p", "22", "u@fe80::1%25"), "/x"),
        ("ssh://h/srv/it%27s%20here", ("h",), "'/srv/it'\"'\"'s here'"),
        ("ssh://h/$(reboot)", ("h",), "'/$(reboot)'"),
        ("ssh://h/~", ("h",), '"$HOME"'),
    ],
)
def test_an_address_is_read(address: str, host: tuple[str, ...], home: str) -> None:
    source = open_far_home(address)
    assert (source._host, source._home, source.name) == (host, home, address)


@pytest.mark.parametrize(
    "address",
    [
        *("ssh://host", "ssh:///x", "ssh://-oProxyCommand=x/y", "ssh://-oProxyCommand=x@h/y", "ssh://a:b@h/x"),
        *("ssh://h:port/x", "ssh://h h/x", "http://h/x"),
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(PlanError, match="is no address of a Kolibri home"):
        open_far_home(address)

import pytest

from builder.host import network


def test_proxies_of_apt_become_variables() -> None:
    listing = "APT::Architecture amd64\nAcquire::http::Proxy http://proxy:3128\nAcquire::https::Proxy DIRECT\n"
    assert network.apt_proxies(listing) == {"http_proxy": "http://proxy:3128"}
    assert network.apt_proxies("Acquire::http::Proxy \n") == {}


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_of_the_host", lambda: {"http_proxy": "http://apt", "https_proxy": "http://apt"})
    monkeypatch.setenv("http_proxy", "http://mine")
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    network.proxy_environment.cache_clear()
    assert network.proxy_environment() == {"http_proxy": "http://mine", "https_proxy": "http://apt"}
    network.proxy_environment.cache_clear()

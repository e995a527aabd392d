"""One rule for the Host header, for the edge, sockets and Django alike."""

import pytest

from zavora.foundation.hosts import ANY_HOST_PATHS, is_host_allowed

SERVER = ("192.0.2.1", 8000)


@pytest.fixture(autouse=True)
def our_hosts(settings):
    settings.ALLOWED_HOSTS = ["exchange.example", ".wide.example", "[2001:db8::1]", "192.0.2.1"]


def scope(*hosts: bytes, path: str = "/api/v1/orders", version: str = "1.1"):
    headers = [(b"host", host) for host in hosts]
    return {"path": path, "headers": headers, "http_version": version, "server": SERVER}


@pytest.mark.parametrize(
    "host",
    [
        b"exchange.example",
        b"EXCHANGE.example:8443",
        b"a.wide.example",
        b"[2001:db8::1]:443",
        b"192.0.2.1:8000",
    ],
)
def test_our_hosts_are_served(host):
    assert is_host_allowed(scope(host))


@pytest.mark.parametrize(
    "hosts",
    [
        (b"evil.example",),
        (b"exchange.example.evil.example",),
        (b"evil@exchange.example",),
        (b"exchange.example/",),
        (b"\xff\xfe",),
        (b"",),
        (b"exchange.example", b"evil.example"),
        (b"exchange.example", b"exchange.example"),
        (),
    ],
)
def test_others_are_not(hosts):
    assert not is_host_allowed(scope(*hosts))


def test_without_a_name_in_http_1_0_the_address_counts():
    assert is_host_allowed(scope(version="1.0"))
    assert not is_host_allowed({**scope(version="1.0"), "server": ("192.0.2.2", 8000)})


@pytest.mark.parametrize("path", sorted(ANY_HOST_PATHS))
def test_probes_name_what_they_like(path):
    assert is_host_allowed(scope(b"10.0.0.1:8000", path=path))
    assert is_host_allowed(scope(path=path))
    assert not is_host_allowed(scope(b"a", b"b", path=path))


def test_a_change_of_the_setting_counts_at_once(settings):
    assert not is_host_allowed(scope(b"later.example"))
    settings.ALLOWED_HOSTS = ["later.example"]
    assert is_host_allowed(scope(b"later.example"))

"""Who the client is: nobody's word counts but a trusted proxy's."""

import pytest

from zavora.foundation.addresses import counted_as, parse_address, parse_networks
from zavora.foundation.clients import find_client, with_client

PROXIES = ("10.0.0.0/8", "192.0.2.7", "fd00::/8")


@pytest.fixture
def proxies(settings):
    settings.ZAVORA_TRUSTED_PROXIES = parse_networks(PROXIES)


def forwarded(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-forwarded-for", value.encode()) for value in values]


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1", "::1", "203.0.113.9"])
def test_by_default_nobody_is_believed(peer):
    headers = [*forwarded("198.51.100.1"), (b"x-forwarded-proto", b"https")]
    assert find_client(peer, headers) == (peer, None)
    scope = {"type": "http", "client": (peer, 4711), "scheme": "http", "headers": headers}
    assert with_client(scope) is scope


@pytest.mark.usefixtures("proxies")
@pytest.mark.parametrize(
    ("peer", "values", "client"),
    [
        ("10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        # The right-most that is no proxy: the rest is what the client says of itself.
        ("10.1.2.3", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["1.2.3.4, 198.51.100.1, 10.9.9.9, 192.0.2.7"], "198.51.100.1"),
        ("10.1.2.3", ["1.2.3.4", "198.51.100.1", "10.9.9.9"], "198.51.100.1"),
        ("10.1.2.3", ["10.0.0.5, 10.0.0.6"], "10.0.0.5"),
        # With ports, and IPv6 in its spellings.
        ("10.1.2.3", ["198.51.100.1:443"], "198.51.100.1"),
        ("10.1.2.3", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.1.2.3", ["2001:0db8:0::1"], "2001:db8::1"),
        ("10.1.2.3", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["2001:db8::9, fd00::2"], "2001:db8::9"),
        ("::ffff:10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        # What cannot be read ends the walk at the last address that could.
        ("10.1.2.3", ["198.51.100.1, nonsense"], "10.1.2.3"),
        ("10.1.2.3", ["1.2.3.4, nonsense, 10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", [""], "10.1.2.3"),
        ("10.1.2.3", ["unknown"], "10.1.2.3"),
        ("10.1.2.3", [], "10.1.2.3"),
        # Not ours, so not believed.
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("192.0.2.8", ["198.51.100.1"], "192.0.2.8"),
    ],
)
def test_a_trusted_proxy_names_the_client(peer, values, client):
    scope = {
        "type": "http",
        "client": (peer, 4711),
        "scheme": "http",
        "headers": forwarded(*values),
    }
    assert with_client(scope)["client"][0] == client
    assert with_client(scope)["scheme"] == "http"


@pytest.mark.usefixtures("proxies")
@pytest.mark.parametrize(
    ("kind", "values", "scheme"),
    [
        ("http", [b"https"], "https"),
        ("http", [b"HTTPS"], "https"),
        ("http", [b"http, https"], "https"),
        ("http", [b"https, http"], "http"),
        ("http", [b"gopher"], "http"),
        ("websocket", [b"https"], "wss"),
        ("websocket", [b"http"], "ws"),
    ],
)
def test_a_trusted_proxy_names_the_scheme(kind, values, scheme):
    scope = {
        "type": kind,
        "client": ("10.0.0.1", 4711),
        "scheme": "ws" if kind == "websocket" else "http",
        "headers": [(b"x-forwarded-proto", value) for value in values],
    }
    assert with_client(scope)["scheme"] == scheme
    untrusted = {**scope, "client": ("203.0.113.9", 4711)}
    assert with_client(untrusted)["scheme"] == untrusted["scheme"]


@pytest.mark.parametrize("text", ["", "a", "1.2.3", "1.2.3.4:x", "[::1", "[::1]x", "fe80::1%eth0"])
def test_what_is_no_address_is_none(text):
    assert parse_address(text) is None


def test_a_bad_network_is_named():
    with pytest.raises(ValueError, match=r"'10\.0\.0\.0/99' is neither an address nor a network"):
        parse_networks(["10.0.0.1", "10.0.0.0/99"])


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("", ""),
    ],
)
def test_addresses_of_one_ipv6_network_count_as_one(address, name):
    assert counted_as(address) == name

"""Addresses and networks as people and proxies write them."""

import ipaddress
from collections.abc import Iterable
from typing import Final

# Clients of one IPv6 network count as one: a single subscriber has at least so much to choose from.
IPV6_PREFIX: Final = 64

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return addresses and networks given as text. Raises ValueError that names the bad one."""
    networks = []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise ValueError(
                f"{text!r} is neither an address nor a network, like 10.0.0.7 or 10.0.0.0/8"
            ) from None
    return tuple(networks)


def parse_address(text: str) -> Address | None:
    """Return the address of a hop as proxies write it, with or without a port; None if it is none.

    An IPv4 address that is written as an IPv6 one is the IPv4 address.
    """
    text = text.strip()
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or (port and not (port.startswith(":") and port[1:].isdigit())):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not port.isdigit():
            return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def is_loopback(host: str) -> bool:
    """Tell whether an address, or the name ``localhost``, lets in nobody but this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def counted_as(address: str) -> str:
    """Return under which name connections of an address are counted."""
    if ":" not in address:
        return address
    parsed = parse_address(address)
    if not isinstance(parsed, ipaddress.IPv6Address):
        return address if parsed is None else str(parsed)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))

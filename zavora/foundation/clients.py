"""Who the client is: the address and the scheme of a connection, found once for everything.

Web servers are told to leave forwarding headers alone. Here, and only here, they count, and only
where the connection comes from a proxy named in ``ZAVORA_TRUSTED_PROXIES``: the client is then the
right-most address of ``X-Forwarded-For`` that is no trusted proxy itself. Whatever stands left of
it was written by somebody we have no reason to believe.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from zavora.foundation.addresses import Network, parse_address
from zavora.foundation.setting_values import SettingValue

FORWARDED_FOR: Final = b"x-forwarded-for"
FORWARDED_PROTO: Final = b"x-forwarded-proto"
SCHEMES: Final = {b"http": "http", b"https": "https"}
# A chain of more proxies than this is nobody's set-up.
HOPS_MAX: Final = 32
MAPPED: Final = "::ffff:"

Headers = Iterable[tuple[bytes, bytes]]

_TRUSTED: Final = SettingValue("ZAVORA_TRUSTED_PROXIES")


@lru_cache(maxsize=4_096)
def _is_trusted(text: str, networks: tuple[Network, ...]) -> bool:
    address = parse_address(text)
    return address is not None and any(address in network for network in networks)


def is_trusted(peer: str) -> bool:
    """Tell whether a connection's other end is one of our proxies."""
    networks: tuple[Network, ...] = _TRUSTED.value
    return bool(networks) and _is_trusted(peer, networks)


def find_client(peer: str, headers: Headers) -> tuple[str, str | None]:
    """Return the client's address, and its scheme where a trusted proxy names one."""
    if not is_trusted(peer):
        return peer, None
    hops: list[str] = []
    scheme = None
    for name, value in headers:
        if name == FORWARDED_FOR:
            hops += value.decode("latin-1").split(",")
        elif name == FORWARDED_PROTO:
            # Of several the last was written by the proxy that we know.
            scheme = SCHEMES.get(value.rpartition(b",")[2].strip().lower())
    client = peer
    for hop in reversed(hops[-HOPS_MAX:]):
        address = parse_address(hop)
        if address is None:
            break  # what a trusted proxy passed on unread: the one who sent it is the client
        client = str(address)
        if not _is_trusted(client, _TRUSTED.value):
            break
    return client, scheme


def with_client(scope: dict[str, Any]) -> dict[str, Any]:
    """Return the scope of a connection with the client that all our code is to see."""
    peer = scope.get("client")
    if not peer:
        return scope
    host: str = peer[0]
    if host.startswith(MAPPED):
        host = str(parse_address(host) or host)
    elif not _TRUSTED.value:
        return scope
    client, scheme = find_client(host, scope["headers"])
    if scheme is not None:
        is_socket = scope["type"] == "websocket"
        scheme = {"http": "ws", "https": "wss"}[scheme] if is_socket else scheme
        scope = {**scope, "scheme": scheme}
    if client != peer[0]:
        # Its port is not known; nothing needs it.
        scope = {**scope, "client": (client, peer[1] if client == host else 0)}
    return scope

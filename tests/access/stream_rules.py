"""Who may follow which stream, and the addresses of sockets; ``rules`` has what is called."""

from collections.abc import Mapping
from typing import Final

from tests.access.rules import ANYBODY, YES, Rule

STREAM_CALLERS: Final = ("nobody", "unknown", "revoked", "ended", "read")
LISTEN_KEY: Final = Rule("whoever has the listen key of a key that may read")
# A stream of each kind.
STREAMS: Final[Mapping[str, str]] = {
    "trade": "btceur@trade",
    "aggTrade": "btceur@aggTrade",
    "kline": "btceur@kline_1m",
    "miniTicker": "btceur@miniTicker",
    "ticker": "btceur@ticker",
    "bookTicker": "btceur@bookTicker",
    "depth": "btceur@depth",
    "partialDepth": "btceur@depth5",
    "allMiniTickers": "!miniTicker@arr",
    "allTickers": "!ticker@arr",
}
USER_STREAM: Final = "<listen key>"
STREAM_METHODS: Final = (
    "SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY",
)  # fmt: skip
SOCKET_PATHS: Final[Mapping[str, str]] = {
    "/ws": "the v1 socket, or streams, by the first message",
    "/ws/<streams>": "streams",
    "/stream": "streams",
    "/ws-api/v3": "the compatible WebSocket API",
}


def stream_cell(_call: str, rule: Rule, caller: str) -> str:
    """Return whether a stream is followed: yes, or the code that the connection ends with."""
    return YES if rule is ANYBODY or caller == "read" else "1008"


def stream_rules() -> dict[str, Rule]:
    """Return the rule of each stream and of what clients of streams may ask for."""
    rules = {f"stream {kind}": ANYBODY for kind in STREAMS}
    rules |= dict.fromkeys(STREAM_METHODS, ANYBODY)
    return {**rules, f"stream {USER_STREAM}": LISTEN_KEY}

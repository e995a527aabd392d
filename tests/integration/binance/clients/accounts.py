"""Accounts with API keys on a running exchange, and a way to call any client without ``await``."""

import asyncio
import dataclasses
import inspect
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec

from tests.exchange import Exchange, wait_until
from tests.own_markets import OwnMarket
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST, web

# A market of these tests' own, with fees: nobody else trades in it.
MARKET = OwnMarket.BINANCE_CLIENTS
SYMBOL = "ETHEUR"
TICK = "0.01"
LOT = "0.0001"
MIN_NOTIONAL = "1"
MAKER_FEE = "0.00075"
TAKER_FEE = "0.001"
# More calls than any limit of these tests lets through, even if a window ends between two of them.
CALLS_MAX = 300
_numbers = itertools.count(1)


class Keys(msgspec.Struct, frozen=True):
    """An API key, its secret (PEM for ed25519) and the account that it acts for."""

    key: str
    secret: str
    account: str


def new_keys(
    exchange: Exchange,
    *,
    email: str = "",
    kind: str = "hmac",
    scopes: str = "read,trade",
    fund: bool = True,
    all_accounts: bool = False,
) -> Keys:
    """Make a key; without an ``email``, for a person whom nobody else uses."""
    email = email or f"bot-{next(_numbers)}@example.com"
    arguments = ("--email", email, "--kind", kind, "--scopes", scopes)
    flags = {"--fund": fund, "--all-accounts": all_accounts}
    answer = exchange.manage(
        "create_api_key", *arguments, *(flag for flag, on in flags.items() if on)
    )
    return Keys(**json.loads(answer.strip().splitlines()[-1]))


class Blocking:
    """An asynchronous client whose methods are called like those of its synchronous sister."""

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.client = client
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        """Return an attribute; of a method that is awaited, a method that waits."""
        value = getattr(self.client, name)
        if not callable(value):
            return value

        def call(*arguments: Any, **named: Any) -> Any:
            answer = value(*arguments, **named)
            return self._loop.run_until_complete(answer) if inspect.isawaitable(answer) else answer

        return call


def extra_web(exchange: Exchange, name: str, **settings: str) -> Iterator[int]:
    """Start one more web process with settings of its own; give its port, and end it."""
    port = free_port()
    env = {**exchange.env, "PORT": str(port), **settings}
    spec = web(env, port=port, server="uvicorn")
    exchange.launch(dataclasses.replace(spec, name=name))

    def is_healthy() -> bool:
        try:
            health = httpx.get(f"http://{HOST}:{port}/api/v1/health")
        except httpx.TransportError:
            return False
        return bool(health.json()["status"] == "healthy")

    wait_until(is_healthy, timeout_s=30, what=name)
    yield port
    exchange.kill(name)


def until_refused(call: Callable[[], Any], error: type[Exception]) -> Any:
    """Call again and again until it raises ``error``; return that."""
    for _ in range(CALLS_MAX):
        try:
            call()
        except error as refused:
            return refused
    raise AssertionError(f"{CALLS_MAX} calls, and no {error.__name__}")

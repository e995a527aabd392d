"""One exchange for all tests that need one, and people on it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from hosted import HostedExchange
from zavora import AsyncClient, Client

MARKET = "ETH/EUR"
FUNDS = {"EUR": "1000000", "ETH": "1000"}


@pytest.fixture(scope="session")
def exchange() -> Iterator[HostedExchange]:
    """A whole exchange, with a market of these tests' own."""
    # Two hundred clients come from this address, and some more.
    with HostedExchange(extra_env={"ZAVORA_SOCKETS_PER_ADDRESS_MAX": "400"}) as exchange:
        fees = ("--maker-fee", "0.001", "--taker-fee", "0.002")
        exchange.market(MARKET, "--tick-size", "0.01", "--lot-size", "0.0001", *fees)
        yield exchange


@pytest.fixture(scope="session")
def alice(exchange: HostedExchange) -> Iterator[Client]:
    """Somebody with money, who signs."""
    with Client(exchange.url, exchange.signing_key()) as client:
        yield client


@pytest.fixture(scope="session")
def bob(exchange: HostedExchange) -> Iterator[Client]:
    """Somebody with money on the other side, who has a token."""
    with Client(exchange.url, exchange.token()) as client:
        for asset, amount in FUNDS.items():
            client.deposit(asset, amount)
        yield client


@pytest.fixture
async def watcher(exchange: HostedExchange, alice: Client) -> AsyncIterator[AsyncClient]:
    """Alice on asyncio."""
    async with AsyncClient(exchange.url, alice.settings.credential) as client:
        yield client


@pytest.fixture
def market(alice: Client, bob: Client) -> Iterator[str]:
    """The market, whose book is empty; it is afterwards, too."""
    yield MARKET
    for client in (alice, bob):
        client.cancel_all(MARKET)

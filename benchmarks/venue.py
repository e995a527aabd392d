"""What the measured exchange trades, and who: markets with fees and 200 funded accounts."""

import os
from decimal import Decimal
from typing import Final
from uuid import UUID

import django
import msgspec
import redis

from benchmarks.flow import MAKER_PPM, TAKER_PPM, FlowMarket
from tests.actors import SYSTEM
from tests.exchange import Exchange, wait_until

USERS: Final = 20
ACCOUNTS_OF_A_USER: Final = 10
FUNDS: Final = Decimal(10**9)
SCALE: Final = 8
QUOTE: Final = "USD"
# Base asset, where its price begins, in ticks of 0.01.
BASES: Final = (("BTC", 6_000_000), ("ETH", 300_000), ("SOL", 15_000), ("LTC", 9_000))
TICK_DECIMALS: Final = 2
LOT_DECIMALS: Final = 4
WORKER_WAIT_S: Final = 60.0


class Trader(msgspec.Struct, frozen=True):
    """A user with a token that may trade, and their accounts."""

    token: str
    accounts: list[tuple[UUID, int]]  # public id, key
    # For the Binance-compatible API: name and secret of an HMAC key of the first account.
    signing_key: tuple[str, str]


class Venue(msgspec.Struct, frozen=True):
    """Markets and traders of an exchange."""

    markets: list[FlowMarket]
    traders: list[Trader]

    def account_ids(self) -> list[int]:
        """Return the keys of all accounts."""
        return [pk for trader in self.traders for _, pk in trader.accounts]


def imagined_markets() -> list[FlowMarket]:
    """Return the venue's markets for the engine alone, which needs no exchange."""
    return [
        flow_market(number, f"{base}/{QUOTE}", number, len(BASES) + 1, mid_ticks)
        for number, (base, mid_ticks) in enumerate(BASES, start=1)
    ]


def connect(exchange: Exchange) -> None:
    """Make this process one of the exchange's, so that its services can be called."""
    os.environ.update(exchange.env)
    django.setup()


def wait_for_worker(exchange: Exchange, shard_id: int) -> None:
    """Wait until a shard's worker takes commands. Raises NotInTime."""
    from matching import wire  # noqa: PLC0415  (needs Django set up)

    client = redis.Redis.from_url(exchange.redis_url)
    wait_until(
        lambda: client.exists(wire.heartbeat_name(shard_id)),
        timeout_s=WORKER_WAIT_S,
        what=f"the worker of shard {shard_id}",
    )
    client.close()


def open_markets(*, shard_id: int, prefix: str = "") -> list[FlowMarket]:
    """Open the markets on a shard whose worker runs; ``prefix`` makes assets of their own."""
    from accounts.services import create_asset  # noqa: PLC0415  (needs Django set up)
    from matching.services import create_market  # noqa: PLC0415

    create_asset(by=SYSTEM, code=QUOTE, name="US dollar", scale=SCALE)
    markets = []
    for base, mid_ticks in BASES:
        create_asset(by=SYSTEM, code=prefix + base, name=prefix + base, scale=SCALE)
        terms = create_market(
            by=SYSTEM,
            base=prefix + base,
            quote=QUOTE,
            tick_size=Decimal(1).scaleb(-TICK_DECIMALS),
            lot_size=Decimal(1).scaleb(-LOT_DECIMALS),
            maker_fee_ppm=MAKER_PPM,
            taker_fee_ppm=TAKER_PPM,
            shard_id=shard_id,
            # The flow draws makers and takers from all accounts, and knows nothing of their owners.
            self_trade_scope="account",
            max_open_orders=None,
        )
        markets.append(
            flow_market(
                terms.market_id, terms.symbol, terms.base.asset_id, terms.quote.asset_id, mid_ticks
            )
        )
    return markets


def open_all(exchange: Exchange) -> Venue:
    """Open markets and accounts on the exchange's first shard, whose worker runs."""
    connect(exchange)
    wait_for_worker(exchange, 0)
    markets = open_markets(shard_id=0)
    traders = open_accounts()
    fund(traders, markets)
    return Venue(markets, traders)


def open_accounts() -> list[Trader]:
    """Make the users, their accounts and tokens."""
    from accounts.services import (  # noqa: PLC0415
        create_account,
        create_api_key,
        create_token,
        create_user,
    )

    scopes = ["read", "trade"]
    traders = []
    for number in range(USERS):
        user = create_user(by=SYSTEM, email=f"trader-{number}@bench.example")
        accounts = [create_account(by=SYSTEM, owner_id=user.pk) for _ in range(ACCOUNTS_OF_A_USER)]
        _, token = create_token(by=SYSTEM, user_id=user.pk, scopes=scopes)
        key = create_api_key(
            by=SYSTEM, user_id=user.pk, kind="hmac", scopes=scopes, account_id=accounts[0].public_id
        )
        traders.append(
            Trader(
                token,
                [(account.public_id, account.pk) for account in accounts],
                (key.key, key.secret or ""),
            )
        )
    return traders


def fund(traders: list[Trader], markets: list[FlowMarket]) -> None:
    """Give every account plenty of every asset of the markets."""
    from accounts.services import deposit  # noqa: PLC0415

    assets = sorted({code for market in markets for code in market.symbol.split("/")})
    for trader in traders:
        for account_id, _ in trader.accounts:
            for asset in assets:
                deposit(by=SYSTEM, account_id=account_id, asset=asset, amount=FUNDS, source="bank")


def flow_market(
    market_id: int, symbol: str, base_id: int, quote_id: int, mid_ticks: int
) -> FlowMarket:
    """Return a market of the venue's sizes for a flow."""
    return FlowMarket(
        market_id,
        symbol,
        base_id,
        quote_id,
        mid_ticks,
        TICK_DECIMALS,
        LOT_DECIMALS,
        10 ** (SCALE - LOT_DECIMALS),
        10 ** (SCALE - LOT_DECIMALS - TICK_DECIMALS),
    )

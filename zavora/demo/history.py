"""Simulated trades of the last two days, made by the worker's own pipeline with its clock set back.

Maker and taker meet in pairs of orders that fill each other completely, so nothing is left in the
books when it ends. Ids, journal, trades and ledger come out as from live commands of that time.
"""

import random
from collections.abc import Iterator
from typing import Final

from matching.commands.place import PlaceOrder
from matching.markets.terms import MarketTerms
from matching.worker.offline import OfflineShard
from zavora.demo.catalogue import TRADED, DemoMarket
from zavora.demo.prices import Prices
from zavora.foundation.errors import InvariantBroken

SEED: Final = 20250101
MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
# How long ago a stretch begins, and the time between its batches: coarse first, finer to the end.
# The fine one fills a chart of minutes (500 candles); whoever loads the demo waits for all of it.
STRETCHES: Final = (
    (48 * HOUR_US, 15 * MINUTE_US),
    (9 * HOUR_US, MINUTE_US),
)
# The largest single step of a price in a batch of a minute, in millionths; longer ones go further.
STEP_MAX_PPM: Final = 700
TRADES_A_BATCH: Final = 3
DEADLINE_MS: Final = 60_000


def batch_times(now_us: int) -> Iterator[tuple[int, int]]:
    """Yield the time of each batch, oldest first, and the minutes that it stands for.

    The last one is a minute old, so that nothing live can be older.
    """
    begins = [now_us - ago_us for ago_us, _ in STRETCHES]
    ends = [*begins[1:], now_us - MINUTE_US]
    for begin_us, end_us, (_, pause_us) in zip(begins, ends, STRETCHES, strict=True):
        for time_us in range(begin_us, end_us, pause_us):
            yield time_us, pause_us // MINUTE_US


def make_history(
    shard_terms: dict[int, list[MarketTerms]],
    *,
    maker_account_id: int,
    taker_account_id: int,
    now_us: int,
) -> int:
    """Trade through two days in the demo markets of each shard; return the number of trades.

    Raises EngineUnavailable where a live worker owns a shard.
    """
    trades = 0
    for shard_id, terms_here in shard_terms.items():
        # The same prices in every shard, whatever is traded there. A simulation must be repeatable.
        prices = Prices(random.Random(SEED))  # noqa: S311
        source = random.Random(SEED + shard_id)  # noqa: S311
        with OfflineShard(shard_id) as shard:
            for time_us, minutes in batch_times(now_us):
                commands = list(
                    _batch(
                        source,
                        prices,
                        terms_here,
                        accounts=(maker_account_id, taker_account_id),
                        time_ms=time_us // 1_000,
                        step_max_ppm=STEP_MAX_PPM * min(minutes, 4),
                    )
                )
                for reply in shard.apply(commands, time_us=time_us):
                    if reply.code:
                        raise InvariantBroken(f"simulated order refused: {reply.message}")
                    trades += len(reply.trades)
    return trades


def _batch(
    source: random.Random,
    prices: Prices,
    terms_here: list[MarketTerms],
    *,
    accounts: tuple[int, int],
    time_ms: int,
    step_max_ppm: int,
) -> Iterator[PlaceOrder]:
    by_symbol = {terms.symbol: terms for terms in terms_here}
    for _ in range(TRADES_A_BATCH):
        prices.step(step_max_ppm)
        for market in TRADED:
            terms = by_symbol.get(market.symbol)
            if terms is not None and source.randrange(4):
                yield from _pair(source, market, terms, prices.ticks(market), accounts, time_ms)


def _pair(
    source: random.Random,
    market: DemoMarket,
    terms: MarketTerms,
    price_ticks: int,
    accounts: tuple[int, int],
    time_ms: int,
) -> Iterator[PlaceOrder]:
    """Yield an order at rest and one that takes it whole."""
    taker_side = source.choice(("buy", "sell"))
    half_spread = market.quote_step // 2
    price_ticks += half_spread if taker_side == "buy" else -half_spread
    lots = source.randint(market.order_lots // 20 + 1, market.order_lots)
    account_ids = accounts if source.randrange(2) else accounts[::-1]
    sides = ("sell", "buy") if taker_side == "buy" else ("buy", "sell")
    for account_id, side, lifetime in zip(account_ids, sides, ("gtc", "ioc"), strict=True):
        yield PlaceOrder(
            account_id,
            terms.market_id,
            side,  # type: ignore[arg-type]
            "limit",
            lifetime,  # type: ignore[arg-type]
            post_only=False,
            price=terms.price_text(max(1, price_ticks)),
            quantity=terms.quantity_text(lots),
            quote_quantity=None,
            client_order_id=None,
            key=None,
            deadline_ms=time_ms + DEADLINE_MS,
        )

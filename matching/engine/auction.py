"""Call auctions: orders gather, the book may cross, and all that can trade does so at one price.

That price is the one that lets most be traded; of several the one that leaves the smallest surplus;
of those, where all leave it on one side, the one that this side is driven to (the highest for
buyers, the lowest for sellers); else the nearest to the reference price.
"""

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from matching.engine import iceberg
from matching.engine.amounts import fee_units, notional_units
from matching.engine.book import BookSide
from matching.engine.events import Event, Traded
from matching.engine.market import Market
from matching.engine.orders import Order


class Indication(msgspec.Struct, frozen=True, gc=False):
    """What would trade if the auction ended now. ``surplus_lots``: above zero buyers are left."""

    price_ticks: int
    quantity_lots: int
    surplus_lots: int


def indicate(market: Market) -> Indication | None:
    """Return at which price an auction would end now, None: nothing would trade."""
    bids, asks = market.bids, market.asks
    if not bids.keys or not asks.keys or bids.keys[-1] < -asks.keys[-1]:
        return None
    lowest, highest = -asks.keys[-1], bids.keys[-1]
    buyers = _Curve(bids, lowest)
    sellers = _Curve(asks, -highest)
    # Both only change right after a bid and at an ask: between such prices all are alike.
    starts = sorted(
        {lowest}
        | {price + 1 for price in buyers.prices if price < highest}
        | {price for price in sellers.prices if price > lowest}
    )
    ends = [*(start - 1 for start in starts[1:]), highest]
    found: list[tuple[int, int, int]] = []
    best: tuple[int, int] | None = None
    for start, end in zip(starts, ends, strict=True):
        bought_lots, sold_lots = buyers.at_least(start), sellers.at_most(start)
        surplus_lots = bought_lots - sold_lots
        rank = -min(bought_lots, sold_lots), abs(surplus_lots)
        if best is None or rank < best:
            best, found = rank, []
        if rank == best:
            found.append((start, end, surplus_lots))
    assert best is not None  # for the type checker: there is at least one price
    price_ticks, surplus_lots = _choose(found, market.last_price_ticks)
    return Indication(price_ticks, -best[0], surplus_lots)


def _choose(found: Sequence[tuple[int, int, int]], reference_ticks: int | None) -> tuple[int, int]:
    """Return the price and its surplus, of ranges (from, to, surplus) by rising price."""
    if all(surplus > 0 for _, _, surplus in found):
        return found[-1][1], found[-1][2]
    if all(surplus < 0 for _, _, surplus in found):
        return found[0][0], found[0][2]
    if reference_ticks is None:
        reference_ticks = (found[0][0] + found[-1][1]) // 2
    # The ranges follow each other without a gap: with the price what buyers want only falls, what
    # sellers want only rises, and in between no price would leave less.
    price_ticks = min(max(found[0][0], reference_ticks), found[-1][1])
    return price_ticks, next(left for start, end, left in found if start <= price_ticks <= end)


class _Curve:
    """How much stands on one side of the book, hidden or not, up to each price that can trade."""

    def __init__(self, side: BookSide, worst_key: int) -> None:
        keys = side.keys[bisect_left(side.keys, worst_key) :][::-1]  # best first
        self.prices = [side.sign * key for key in keys]
        self._keys = [-key for key in keys]  # rising
        self._sums: list[int] = []
        total_lots = 0
        for key in keys:
            total_lots += sum(order.left_lots for order in side.levels[key].orders.values())
            self._sums.append(total_lots)

    def at_least(self, price_ticks: int) -> int:
        """Return how much of bids stands at a price or above."""
        return self._up_to(-price_ticks)

    def at_most(self, price_ticks: int) -> int:
        """Return how much of asks stands at a price or below."""
        return self._up_to(price_ticks)

    def _up_to(self, worst: int) -> int:
        # Something does: only prices from the best one on are asked for.
        return self._sums[bisect_left(self._keys, worst + 1) - 1]


def uncross(market: Market, events: list[Event], *, time_us: int) -> None:
    """Let everything trade that can, at one price, best prices first, then oldest first.

    Nobody makes and nobody takes: each pays the market's rate for auctions. Whose orders meet says
    nothing about them, so self-trades are not prevented here.
    """
    indication = indicate(market)
    if indication is None:
        return
    price_ticks = indication.price_ticks
    wanted_lots = indication.quantity_lots
    run_sequence = market.trade_sequence + 1
    while wanted_lots:
        buyer, seller = _first(market, market.bids), _first(market, market.asks)
        lots = min(wanted_lots, buyer.remaining_lots, seller.remaining_lots)
        wanted_lots -= lots
        traded = _trade(market, buyer, seller, price_ticks, lots, time_us=time_us)
        traded.run_sequence = run_sequence
        events.append(traded)
        for order in (buyer, seller):
            market.level_of(order).total_lots -= lots
            if order.remaining_lots:
                continue
            if order.hidden_lots:
                iceberg.show_next(market.level_of(order), order, events)
            else:
                market.unrest(order)
    market.static_ticks = price_ticks


def _first(market: Market, side: BookSide) -> Order:
    key = side.keys[-1]
    market.touch(key)
    return next(iter(side.levels[key].orders.values()))


def _trade(
    market: Market,
    buyer: Order,
    seller: Order,
    price_ticks: int,
    lots: int,
    *,
    time_us: int,
) -> Traded:
    """Move one fill through both orders and the market's counters; the younger counts as taker."""
    rules = market.rules
    quote_units = notional_units(rules, price_ticks, lots)
    base_units = lots * rules.lot_units
    buyer_hold_units = notional_units(rules, buyer.price_ticks or 0, lots)
    market.trade_sequence += 1
    market.last_price_ticks = price_ticks
    for order, units in ((buyer, buyer_hold_units), (seller, base_units)):
        market.keep_order(order)
        order.remaining_lots -= lots
        order.filled_lots += lots
        order.filled_quote_units += quote_units
        order.hold_units -= units
        order.status = "partially_filled" if order.left_lots else "filled"
        order.updated_us = time_us
    buyer_ppm, seller_ppm = _rate(market, buyer), _rate(market, seller)
    maker, taker = (buyer, seller) if buyer.order_id < seller.order_id else (seller, buyer)
    return Traded(
        market.trade_sequence,
        market.trade_sequence,
        maker,
        taker,
        price_ticks,
        lots,
        base_units,
        quote_units,
        buyer_hold_units,
        fee_units(base_units, buyer_ppm),
        fee_units(quote_units, seller_ppm),
        maker.filled_lots,
        maker.filled_quote_units,
        maker.left_lots,
        taker.filled_lots,
        taker.filled_quote_units,
        taker.left_lots,
        taker.status,
        is_auction=True,
    )


def _rate(market: Market, order: Order) -> int:
    """Return what an order pays: the market's rate, or its own maker rate, but no rebate."""
    rate_ppm = market.rules.auction_ppm
    return max(0, order.maker_ppm) if rate_ppm is None else rate_ppm

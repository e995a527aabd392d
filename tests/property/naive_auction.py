"""Auctions of the naive exchange: every price is tried, and lots are dealt out one by one."""

from typing import Any

from tests.property.naive_orders import NaiveMarket, NaiveOrder


def willing(market: NaiveMarket, side: str, price: int) -> int:
    """Lots that would trade at a price, hidden or not."""
    return sum(
        order.remaining
        for order in market.resting(side)
        if (order.price >= price if side == "buy" else order.price <= price)
    )


def indicate(market: NaiveMarket) -> tuple[int, int, int] | None:
    """(price, lots, surplus of buyers) at which an auction would end now."""
    tried = []
    prices = [order.price for order in market.orders if order.status == "open" and not order.waits]
    for price in range(min(prices, default=1), max(prices, default=0) + 1):
        bought, sold = willing(market, "buy", price), willing(market, "sell", price)
        tried.append((min(bought, sold), bought - sold, price))
    most = max((lots for lots, _, _ in tried), default=0)
    if most == 0:
        return None
    tried = [entry for entry in tried if entry[0] == most]
    least = min(abs(surplus) for _, surplus, _ in tried)
    tried = [entry for entry in tried if abs(entry[1]) == least]
    prices = [price for _, _, price in tried]
    if all(surplus > 0 for _, surplus, _ in tried):
        chosen = max(prices)
    elif all(surplus < 0 for _, surplus, _ in tried):
        chosen = min(prices)
    else:
        about = market.last_price
        if about is None:
            about = (min(prices) + max(prices)) // 2
        chosen = min(prices, key=lambda price: (abs(price - about), -price))
    return next((price, lots, surplus) for lots, surplus, price in tried if price == chosen)


def uncross(market: NaiveMarket, log: list[tuple[Any, ...]]) -> None:
    indication = indicate(market)
    if indication is None:
        return
    price, lots, _ = indication
    while lots:
        buyer, seller = market.resting("buy")[0], market.resting("sell")[0]
        dealt = min(lots, buyer.shown, seller.shown)
        lots -= dealt
        deal(market, buyer, seller, price, dealt, log)
    market.static_price = price


def deal(
    market: NaiveMarket,
    buyer: NaiveOrder,
    seller: NaiveOrder,
    price: int,
    lots: int,
    log: list[tuple[Any, ...]],
) -> None:
    for order in (buyer, seller):
        order.filled += lots
        order.spent += lots * price * market.rules.tick_lot_units
        if order.shown_slice is not None:
            order.shown_slice -= lots
        if order.remaining == 0:
            order.status = "filled"
        elif order.shown == 0:
            market.show_next(order)
    market.trade_count += 1
    market.last_price = price
    older, younger = sorted((buyer, seller), key=lambda order: order.order_id)
    left = older.remaining, younger.remaining
    log.append(("trade", market.trade_count, older, younger, price, lots, left, "auction"))

"""Matching and triggers of the naive exchange: one meeting of two orders at a time."""

from dataclasses import replace
from typing import Any

from tests.property.naive_fees import naive_auction_fees, naive_fees
from tests.property.naive_orders import NaiveMarket, NaiveOrder, RefusedError, holder

Log = list[tuple[Any, ...]]
CHAIN = 64


def close(order: NaiveOrder, status: str, reason: str, log: Log) -> None:
    order.status, order.reason = status, reason
    log.append(("closed", order.order_id, status, reason))


def match(market: NaiveMarket, taker: NaiveOrder, log: Log) -> str:
    """Let a taker meet the book; return why it stopped. Meetings go to the log, nothing is paid."""
    tick_lot = market.rules.tick_lot_units
    asked_mode = market.mode_of(taker)
    if asked_mode in ("decrement", "transfer") and taker.budget is not None:
        asked_mode = "taker"
    last_price = market.last_price
    while True:
        wanted = 1 if taker.budget is not None else taker.remaining
        if wanted == 0 or taker.spent == taker.budget:
            return "done"
        makers = market.resting("sell" if taker.side == "buy" else "buy")
        if not makers or beyond(makers[0].price, taker):
            return "book end"
        maker = makers[0]
        if taker.budget is not None:
            wanted = (taker.budget - taker.spent) // (maker.price * tick_lot)
            if wanted == 0:
                return "not affordable"
        if not market.is_near(maker.price, last_price):
            market.phase = "auction"
            market.auction_ends = market.now + market.rules.interruption_s * 1_000_000
            log.append(("phase", "auction", market.auction_ends))
            return "too far"
        lots = min(wanted, maker.shown)
        mode = asked_mode
        if mode == "transfer" and (
            maker.account_id == taker.account_id or market.mode_of(maker) != "transfer"
        ):
            mode = "decrement"
        if not market.is_own(maker, taker) or mode == "none":
            trade(market, maker, taker, lots, log)
            continue
        log.append(("prevented", mode, maker.order_id, taker.order_id, maker.price, lots))
        if mode == "transfer":
            taker.moved += lots * maker.price * tick_lot
        if mode in ("decrement", "transfer"):
            maker.prevented += lots
            taker.prevented += lots
            use_up(market, maker, lots)
            if maker.remaining == 0:
                close(maker, "cancelled", "self_trade", log)
            if taker.remaining == 0:
                return "own order"
        if mode in ("maker", "both"):
            close(maker, "cancelled", "self_trade", log)
        if mode in ("taker", "both"):
            return "own order"


def beyond(price: int, taker: NaiveOrder) -> bool:
    if taker.limit is None:
        return False
    return price > taker.limit if taker.side == "buy" else price < taker.limit


def use_up(market: NaiveMarket, maker: NaiveOrder, lots: int) -> None:
    """Take lots off what an order shows."""
    if maker.shown_slice is not None:
        maker.shown_slice -= lots
        if maker.shown_slice == 0:
            market.show_next(maker)


def trade(market: NaiveMarket, maker: NaiveOrder, taker: NaiveOrder, lots: int, log: Log) -> None:
    for order in (maker, taker):
        order.filled += lots
        order.spent += lots * maker.price * market.rules.tick_lot_units
    use_up(market, maker, lots)
    if maker.remaining == 0:
        maker.status = "filled"
    market.trade_count += 1
    market.last_price = maker.price
    left = maker.remaining, 0 if taker.budget is not None else taker.remaining
    log.append(("trade", market.trade_count, maker, taker, maker.price, lots, left))


def end(market: NaiveMarket, taker: NaiveOrder, stopped: str, log: Log) -> None:
    """What becomes of a taker that has stopped."""
    if stopped == "done" or (stopped == "not affordable" and taker.filled):
        taker.status = "filled"
        if taker.budget is not None and taker.spent < taker.budget and taker.side == "buy":
            log.append(("closed", taker.order_id, "filled", ""))
    elif stopped == "own order":
        close(taker, "cancelled", "self_trade", log)
    elif not taker.may_rest and stopped == "too far":
        close(taker, "expired", "interrupted", log)
    elif taker.is_market:
        close(taker, "expired", "no_liquidity", log)
    elif not taker.may_rest:
        close(taker, "expired", "ioc_unfilled", log)
    else:
        market.rest(taker)


def would_fill(market: NaiveMarket, taker: NaiveOrder) -> bool:
    """Whether all of it would trade now."""
    order = rehearse(market, taker)
    return order.filled == order.quantity


def would_cost(market: NaiveMarket, taker: NaiveOrder) -> int:
    """What it would pay or earn now, in quote, to or from accounts of its owner's as well."""
    order = rehearse(market, taker)
    return order.spent + order.moved


def would_sell(market: NaiveMarket, taker: NaiveOrder) -> int:
    return rehearse(market, taker).filled


def rehearse(market: NaiveMarket, taker: NaiveOrder) -> NaiveOrder:
    """Match a copy in a copy of the market; return what became of it."""
    order = replace(taker)
    match(market.copy(), order, [])
    return order


# --- triggers -------------------------------------------------------------------------------------


def follow(market: NaiveMarket, log: Log, enter_max: int = CHAIN) -> None:
    """Let orders enter whose price was reached, one after the other."""
    looked = look(market, log, 0)
    for _ in range(min(enter_max, CHAIN)):
        market.turns = [
            order for order in market.turns if order.waits == "turn" and order.status == "open"
        ]
        if not market.turns or market.phase != "continuous":
            return
        enter(market, market.turns.pop(0), log)
        looked = look(market, log, looked)


def look(market: NaiveMarket, log: Log, looked: int) -> int:
    """Hold the prices of new trades and the best prices against what is waited for."""
    new = log[looked:]
    for entry in new:
        if entry[0] == "trade":
            reach(market, "last", entry[4])
    react(market, new, log)
    before = len(log)
    protect(market, new, log)
    react(market, log[before:], log)
    if market.phase != "continuous":
        return len(log)
    for side, name in (("buy", "bid"), ("sell", "ask")):
        best = market.best(side)
        if best is not None:
            reach(market, name, best)
    return len(log)


def reach(market: NaiveMarket, name: str, price: int) -> None:
    for direction in ("fall", "rise"):
        reached = []
        for order in market.waiting():
            if order.looks_at != name:
                continue
            if order.waits == direction and is_reached(price, awaited(order), direction):
                if is_trailing(order):
                    begin_trailing(market, order, price)
                else:
                    reached.append((awaited(order), order))
            elif order.waits == "trail" and order.fires_on == direction:
                order.mark = (max if direction == "fall" else min)(order.mark, price)
                if is_reached(price, order.turn(), direction):
                    reached.append((order.turn(), order))
        # What was reached first: of rising prices the lowest, of falling ones the highest.
        reached.sort(key=lambda pair: pair[0] if direction == "rise" else -pair[0])
        for _, order in reached:
            order.waits = "turn"
            market.turns.append(order)


def begin_trailing(market: NaiveMarket, order: NaiveOrder, price: int) -> None:
    """Let an order trail from a price, which those who trail already see, too."""
    order.waits, order.mark = "trail", price
    for other in market.waiting():
        if (other.waits, other.looks_at, other.fires_on) == (
            "trail",
            order.looks_at,
            order.fires_on,
        ):
            other.mark = (max if order.fires_on == "fall" else min)(other.mark, price)


def is_trailing(order: NaiveOrder) -> bool:
    return order.asked.trail_ticks is not None or order.asked.trail_bps is not None


def awaited(order: NaiveOrder) -> int:
    price = order.asked.activation_ticks if is_trailing(order) else order.trigger
    assert price is not None
    return price


def is_reached(price: int | None, awaited_price: int, direction: str) -> bool:
    if price is None:
        return False
    return price >= awaited_price if direction == "rise" else price <= awaited_price


def enter(market: NaiveMarket, order: NaiveOrder, log: Log) -> None:
    order.waits = ""
    if order.asked.trigger and order.asked.leg in ("one", "pending"):
        end_others(market, order, "expired", log)
    log.append(("triggered", order.order_id))
    # Until it rests nobody can meet it.
    market.orders.remove(order)
    meet(market, order, log)
    market.orders.append(order)


def meet(market: NaiveMarket, order: NaiveOrder, log: Log) -> None:
    if order.post_only and market.crosses(order.side, order.price):
        try:
            if not order.asked.slides:
                raise RefusedError
            order.price = market.slid(order.side, order.price)
        except RefusedError:
            close(order, "expired", "post_only_would_cross", log)
            return
    if order.time_in_force == "fok" and not would_fill(market, order):
        close(order, "expired", "fok_unfillable", log)
        return
    end(market, order, match(market, order, log), log)


def protect(market: NaiveMarket, new: Log, log: Log) -> None:
    """End everything of market makers who have had too many fills."""
    hit: list[int] = []
    for entry in new:
        if entry[0] == "trade":
            account_id, lots = entry[2].account_id, entry[5]
            protection = market.protections.get(account_id)
            if protection is not None and not protection.tripped:
                protection.count(market.now, lots)
                hit.append(account_id)
    for account_id in dict.fromkeys(hit):
        if market.protections[account_id].tripped:
            mine = [o for o in market.orders if o.account_id == account_id and o.status == "open"]
            for order in sorted(mine, key=lambda order: order.order_id):
                close(order, "cancelled", "protection", log)


# --- lists ----------------------------------------------------------------------------------------


def react(market: NaiveMarket, new: Log, log: Log) -> None:
    """What becomes of lists of which orders have traded or ended."""
    touched: list[int] = []
    by_id = {order.order_id: order for order in market.orders}
    for entry in new:
        if entry[0] == "trade":
            for order, left in zip(entry[2:4], entry[6], strict=True):
                if order.asked.leg:
                    touched.append(order.asked.list_id)
                    traded(market, order, entry, left, log)
        elif entry[0] == "prevented" and entry[1] in ("decrement", "transfer"):
            for order_id in entry[2:4]:
                order = by_id[order_id]
                if order.asked.leg:
                    touched.append(order.asked.list_id)
                    if order.asked.leg != "working":
                        end_others(market, order, "expired", log)
        elif entry[0] == "closed":
            order = by_id[entry[1]]
            if order.asked.leg:
                touched.append(order.asked.list_id)
                if entry[3] != "list" and entry[2] != "filled":
                    word = "cancelled" if entry[2] == "cancelled" else "expired"
                    end_others(market, order, word, log)
    for list_id in dict.fromkeys(touched):
        if not any(o.status == "open" and o.asked.list_id == list_id for o in market.orders):
            log.append(("list done", list_id))


def end_others(market: NaiveMarket, order: NaiveOrder, status: str, log: Log) -> None:
    for other in market.others(order):
        close(other, status, "list", log)


def traded(
    market: NaiveMarket, order: NaiveOrder, entry: tuple[Any, ...], left: int, log: Log
) -> None:
    others = market.others(order)
    if order.asked.leg != "working":
        end_others(market, order, "expired", log)
    elif others:
        first = holder(others)
        dearest = max(market.need(other) for other in others)
        if first.side != order.side:
            first.reserved = min(dearest, first.reserved + brought(market, order, entry))
        else:
            first.reserved = dearest
        if left == 0:
            release(market, others, first.reserved, log)


def brought(market: NaiveMarket, order: NaiveOrder, entry: tuple[Any, ...]) -> int:
    """What a trade left its order with, after the fee."""
    _, _, maker, taker, price, lots, _, *auction = entry
    base, quote = lots * market.rules.lot_units, lots * market.rules.tick_lot_units * price
    fees = naive_auction_fees if auction else naive_fees
    buyer_fee, seller_fee, _ = fees(market, maker, taker, base, quote)
    return base - buyer_fee if order.side == "buy" else quote - seller_fee


def release(market: NaiveMarket, legs: list[NaiveOrder], reserved: int, log: Log) -> None:
    """Let orders go that followed one which is filled now, for what it has brought."""
    lots = legs[0].quantity
    while lots and any(
        market.need(replace(leg, quantity=lots, filled=0, prevented=0)) > reserved for leg in legs
    ):
        lots -= 1
    for leg in legs:
        if lots == 0:
            close(leg, "expired", "list", log)
    if lots == 0:
        return
    for leg in legs:
        leg.quantity = lots
    for leg in legs:
        let_go(market, leg)


def let_go(market: NaiveMarket, leg: NaiveOrder) -> None:
    price = market.reference(leg.looks_at)
    if not leg.asked.trigger:
        leg.waits = "turn"
        market.turns.append(leg)
    elif is_trailing(leg):
        activation = leg.asked.activation_ticks
        if activation is None or price is None or price == activation:
            begin_trailing(market, leg, price or market.last_price)
        else:
            leg.waits = "rise" if price < activation else "fall"
    elif is_reached(price, leg.trigger, leg.fires_on):
        leg.waits = "turn"
        market.turns.append(leg)
    else:
        leg.waits = leg.fires_on

"""The refusals of the naive exchange, as docs/matching.md has them."""

from matching.engine.commands import Place
from matching.engine.orders import Conditions
from tests.property.naive_orders import NaiveMarket, NaiveOrder, RefusedError


def check_phase(market: NaiveMarket, order: NaiveOrder) -> None:
    if market.phase == "post_only" and not order.post_only:
        raise RefusedError("market_post_only")
    if market.phase == "auction":
        waits = order.asked.trigger is not None or order.asked.leg == "pending"
        if not waits and (order.post_only or not order.may_rest):
            raise RefusedError("market_auction")
    elif market.phase not in ("continuous", "post_only"):
        check_listed(market)
        raise RefusedError("market_halted")


def check_listed(market: NaiveMarket) -> None:
    if market.phase == "delisted":
        raise RefusedError("market_delisted")


def check_protection(market: NaiveMarket, order: NaiveOrder) -> None:
    protection = market.protections.get(order.account_id)
    if protection is not None and protection.tripped:
        raise RefusedError("protection")


def check_price(market: NaiveMarket, price: int | None) -> None:
    if price not in range(1, market.rules.max_price_ticks + 1):
        raise RefusedError("price_out_of_range")


def check_limit(market: NaiveMarket, price: int, quantity: int) -> None:
    check_price(market, price)
    if quantity not in range(1, market.rules.max_quantity_lots + 1):
        raise RefusedError("quantity_out_of_range")
    check_amount(market, price * quantity * market.rules.tick_lot_units)


def check_market_order(market: NaiveMarket, quantity: int | None, budget: int | None) -> None:
    if quantity is None:
        check_amount(market, budget)
    elif not 1 <= quantity <= market.rules.max_quantity_lots:
        raise RefusedError("quantity_out_of_range")


def check_amount(market: NaiveMarket, units: int) -> None:
    if units < market.rules.min_notional_units or units <= 0:
        raise RefusedError("notional_too_small")
    if units > market.rules.max_notional_units:
        raise RefusedError("notional_too_large")


def check_name(market: NaiveMarket, command: Place) -> None:
    for other in market.orders:
        if (
            other.status == "open"
            and other.account_id == command.account_id
            and command.terms.client_order_id is not None
            and other.client_order_id == command.terms.client_order_id
        ):
            raise RefusedError("duplicate_client_order_id")


def check_open_orders(market: NaiveMarket, account_id: int, ahead: int) -> None:
    limit = market.rules.max_open_orders
    statuses = [order.status for order in market.orders if order.account_id == account_id]
    if limit is not None and statuses.count("open") + ahead >= limit:
        raise RefusedError("too_many_open_orders")


def check_lists(market: NaiveMarket, account_id: int) -> None:
    limit = market.rules.max_order_lists
    own = [o for o in market.orders if o.account_id == account_id and o.status == "open"]
    if limit is not None and len({o.asked.list_id for o in own if o.asked.leg}) >= limit:
        raise RefusedError("too_many_order_lists")


def check_band(market: NaiveMarket, price: int, about: int | None) -> None:
    band = market.rules.band_ppm
    if band is None or about is None:
        return
    if price * 1_000_000 > about * (1_000_000 + band) or price * 1_000_000 < about * (
        1_000_000 - band
    ):
        raise RefusedError("price_band")


def check_total(market: NaiveMarket, order: NaiveOrder, quantity: int) -> None:
    if quantity <= order.filled + order.prevented:
        raise RefusedError("quantity_out_of_range")
    check_display(market, order.asked, quantity)


def check_display(market: NaiveMarket, asked: Conditions, quantity: int | None) -> None:
    display = asked.display_lots
    if display is not None and (
        display < 1 or (quantity or 0) > market.rules.max_iceberg_parts * display
    ):
        raise RefusedError("display_quantity")


def check_conditions(market: NaiveMarket, order: NaiveOrder, time_us: int) -> None:
    asked, rules = order.asked, market.rules
    if asked.self_trade is not None and asked.self_trade not in rules.self_trade_modes:
        raise RefusedError("self_trade_mode")
    if order.expires is not None and order.expires <= time_us:
        raise RefusedError("expiry_passed")
    check_display(market, asked, order.quantity)
    if order.protection is not None:
        check_price(market, order.protection)
    if asked.trigger:
        check_trigger(market, order)


def check_trigger(market: NaiveMarket, order: NaiveOrder) -> None:
    asked, rules = order.asked, market.rules
    if order.side == "sell" and order.quantity is None:
        raise RefusedError("not_triggerable")
    for price in (asked.trigger_ticks, asked.activation_ticks):
        if price is not None:
            check_price(market, price)
    waiting = [o for o in market.waiting() if o.account_id == order.account_id]
    if rules.max_trigger_orders is not None and len(waiting) >= rules.max_trigger_orders:
        raise RefusedError("too_many_trigger_orders")
    ticks, bps = asked.trail_ticks, asked.trail_bps
    if ticks is not None and not 1 <= ticks <= rules.max_price_ticks:
        raise RefusedError("trail_out_of_range")
    if bps is not None and not rules.min_trail_bps <= bps <= rules.max_trail_bps:
        raise RefusedError("trail_out_of_range")

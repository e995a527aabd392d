"""The figures of a new order, and the filters of its symbol that they must pass.

The engine checks every rule again and alone decides what depends on the book.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from api.binance.rest.params import Params
from api.binance.words import errors
from marketdata.feed.feed import MarketView
from matching.engine.amounts import notional_units
from matching.markets.terms import MarketTerms
from zavora.foundation.money import EXACT, NotExact


class Figures(msgspec.Struct, frozen=True):
    """What an order asks for in figures, None where it asks for none. ``trail_bps``: trailingDelta.

    Read from a request they have no more decimals than their assets, and from ``filtered`` on they
    are written as the market writes them.
    """

    price: str | None
    quantity: str | None
    quote_quantity: str | None
    stop_price: str | None
    iceberg_quantity: str | None
    trail_bps: int | None


def read_figures(params: Params, terms: MarketTerms) -> Figures:
    """Return the figures that were sent. Raises -1100 and the like, and -1111."""
    base, quote = terms.base.scale, terms.quote.scale
    iceberg_quantity = read_figure(params, "icebergQty", base)
    return Figures(
        price=read_figure(params, "price", quote),
        quantity=read_figure(params, "quantity", base),
        quote_quantity=read_figure(params, "quoteOrderQty", quote),
        stop_price=read_figure(params, "stopPrice", quote),
        # Clients send a zero for what they do not ask for.
        iceberg_quantity=iceberg_quantity if (iceberg_quantity or "").strip("0.") else None,
        trail_bps=params.integer("trailingDelta"),
    )


def read_figure(params: Params, name: str, scale: int) -> str | None:
    """Return a figure with no more decimals than its asset has (-1111), None: not sent."""
    if name not in params:
        return None
    text = params.decimal(name)
    if text is not None and "." in text:
        fraction = text.partition(".")[2]
        if len(fraction) > scale and len(fraction.rstrip("0")) > scale:
            raise errors.too_precise(params.sent_as(name))
    return text


def filtered(view: MarketView, asked: Figures) -> Figures:
    """Return the figures as the market writes them. Raises -1013, mostly naming the filter."""
    terms, rules = view.terms, view.terms.integers
    price_ticks = price_filtered(asked.price, terms)
    stop_ticks = price_filtered(asked.stop_price, terms)
    quote_quantity = _quote_filtered(asked.quote_quantity, terms)
    lots = None
    if asked.quantity is not None:
        lots = lots_filtered(asked.quantity, terms)
    iceberg_lots = _iceberg_filtered(asked.iceberg_quantity, lots, terms)
    trail_bps = asked.trail_bps
    if trail_bps is not None and not rules.min_trail_bps <= trail_bps <= rules.max_trail_bps:
        raise errors.filter_failure("TRAILING_DELTA")
    quantity = None if lots is None else terms.quantity_text(lots)
    if lots is not None and price_ticks is not None:
        if not terms.allows_notional(notional_units(rules, price_ticks, lots)):
            raise errors.filter_failure("NOTIONAL")
    elif quantity is not None:
        _check_market_notional(view, quantity)
    return Figures(
        price=None if price_ticks is None else terms.price_text(price_ticks),
        quantity=quantity,
        quote_quantity=quote_quantity,
        stop_price=None if stop_ticks is None else terms.price_text(stop_ticks),
        iceberg_quantity=None if iceberg_lots is None else terms.quantity_text(iceberg_lots),
        trail_bps=trail_bps,
    )


def price_filtered(price: str | None, terms: MarketTerms) -> int | None:
    """Return a price in ticks."""
    if price is None:
        return None
    return _count(price, terms.price_to_ticks, terms.integers.max_price_ticks, "PRICE_FILTER")


def lots_filtered(quantity: str, terms: MarketTerms) -> int:
    """Return a quantity in lots."""
    return _count(quantity, terms.quantity_to_lots, terms.integers.max_quantity_lots, "LOT_SIZE")


def _quote_filtered(quote_quantity: str | None, terms: MarketTerms) -> str | None:
    if quote_quantity is None:
        return None
    largest_units = terms.integers.max_notional_units
    units = _count(quote_quantity, terms.quote_amount_to_units, largest_units, "NOTIONAL")
    if not terms.allows_notional(units):
        raise errors.filter_failure("NOTIONAL")
    return terms.quote_text(units)


def _iceberg_filtered(iceberg: str | None, lots: int | None, terms: MarketTerms) -> int | None:
    """Return how many lots an iceberg shows at a time."""
    if iceberg is None or lots is None:
        return None
    iceberg_lots = lots_filtered(iceberg, terms)
    if iceberg_lots > lots:
        raise errors.order_invalid("IcebergQty exceeds QTY.")
    if lots > iceberg_lots * terms.integers.max_iceberg_parts:
        raise errors.filter_failure("ICEBERG_PARTS")
    return iceberg_lots


def _count(text: str, count: Callable[[str], int], count_max: int, name: str) -> int:
    try:
        number = count(text)
    except NotExact:
        raise errors.filter_failure(name) from None
    if number > count_max:
        raise errors.filter_failure(name)
    return number


def _check_market_notional(view: MarketView, quantity: str) -> None:
    """Check that a market order is worth the minimum at the last price, if there is one."""
    trades = view.recent_trades(1)
    if trades:
        amount = EXACT.multiply(Decimal(trades[0].price), Decimal(quantity))
        if view.terms.is_below_smallest(amount):
            raise errors.filter_failure("NOTIONAL")

"""In what units the figures of markets are shown: prices by the tick, amounts by their asset."""

from typing import Any

from matching.models import Market, Order
from zavora.foundation.admin.cells import Unit
from zavora.foundation.money import scale_of


def _market_of(row: Any) -> Market:
    market: Market = row if isinstance(row, Market) else row.market
    return market


def unit_of_price(row: Any) -> Unit:
    """Return the unit of a price: quote, with the decimals of the tick."""
    market = _market_of(row)
    return Unit(scale_of(market.tick_size), market.quote.code, is_price=True)


def unit_of_base(row: Any) -> Unit:
    """Return the unit of a quantity."""
    asset = _market_of(row).base
    return Unit(asset.scale, asset.code)


def unit_of_quote(row: Any) -> Unit:
    """Return the unit of an amount in the quote asset."""
    asset = _market_of(row).quote
    return Unit(asset.scale, asset.code)


def unit_of_hold(order: Order) -> Unit:
    """Return the unit of what is locked for an order: quote for a buy, base for a sell."""
    return unit_of_quote(order) if order.side == Order.Side.BUY else unit_of_base(order)


def unit_of_fee(trade: Any, role: str) -> Unit:
    """Return the unit of a party's fee: what it received; of a rebate: what it gave."""
    taker_buys = trade.taker_side == Order.Side.BUY
    is_buyer = taker_buys if role == "taker" else not taker_buys
    is_rebate = getattr(trade, f"{role}_fee") < 0
    return unit_of_base(trade) if is_buyer != is_rebate else unit_of_quote(trade)


def unit_of_tick(market: Market) -> Unit:
    """Return the unit of a tick."""
    return Unit(scale_of(market.tick_size), market.quote.code)


def unit_of_lot(market: Market) -> Unit:
    """Return the unit of a lot."""
    return Unit(scale_of(market.lot_size), market.base.code)

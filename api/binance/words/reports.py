"""How orders and trades read in this API: its words, and the shapes of its answers."""

from collections.abc import Sequence
from typing import Any, Final

from api.binance.words.symbols import symbol_of
from api.binance.words.text import ZERO, eight, ms_of_us
from matching import wire
from matching.markets.terms import MarketTerms
from zavora.foundation.money import PPM

Report = dict[str, Any]

NO_LIST: Final = -1
# An order that would trade with its own account's order loses what is left of it.
SELF_TRADE_PREVENTION: Final = "EXPIRE_TAKER"

SIDES: Final = {"buy": "BUY", "sell": "SELL"}
TIMES_IN_FORCE: Final = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}
STATUSES: Final = {
    "new": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "cancelled": "CANCELED",
    "expired": "EXPIRED",
}
_TYPES: Final = {"limit": "LIMIT", "market": "MARKET"}


# --- words ----------------------------------------------------------------------------------------


def side_word(state: wire.OrderState) -> str:
    """Return BUY or SELL."""
    return SIDES[state.side]


def type_word(state: wire.OrderState) -> str:
    """Return LIMIT, MARKET or LIMIT_MAKER."""
    return "LIMIT_MAKER" if state.post_only else _TYPES[state.order_type]


def lifetime_word(state: wire.OrderState) -> str:
    """Return GTC, IOC or FOK; a market order reads GTC, although it never rests."""
    return "GTC" if state.order_type == "market" else TIMES_IN_FORCE[state.time_in_force]


def status_word(state: wire.OrderState) -> str:
    """Return an order's status; one that self-trade prevention closed is EXPIRED_IN_MATCH."""
    if state.reason == "self_trade":
        return "EXPIRED_IN_MATCH"
    return STATUSES[state.status]


def quantity_text(state: wire.OrderState) -> str:
    """Return the quantity asked for; of an order by quote amount, what it bought or sold."""
    return eight(state.filled_quantity if state.quantity is None else state.quantity)


def price_text(state: wire.OrderState) -> str:
    """Return the limit price, zero for a market order."""
    return ZERO if state.price is None else eight(state.price)


# --- orders ---------------------------------------------------------------------------------------


def ack(state: wire.OrderState, terms: MarketTerms) -> Report:
    """Return the shortest answer to a new order."""
    return {
        "symbol": symbol_of(terms),
        "orderId": state.id,
        "orderListId": NO_LIST,
        "clientOrderId": state.client_order_id or "",
        "transactTime": ms_of_us(state.updated_us),
    }


def result(state: wire.OrderState, terms: MarketTerms) -> Report:
    """Return the answer to a new order without its fills."""
    report = ack(state, terms)
    report.update(_figures(state))
    report["workingTime"] = ms_of_us(state.created_us)
    report["selfTradePreventionMode"] = SELF_TRADE_PREVENTION
    return report


def full(state: wire.OrderState, trades: Sequence[wire.TradeState], terms: MarketTerms) -> Report:
    """Return the answer to a new order with the fills that it had at once."""
    report = result(state, terms)
    report["fills"] = [_fill(trade, terms) for trade in trades]
    return report


def cancelled(state: wire.OrderState, terms: MarketTerms, cancel_name: str) -> Report:
    """Return the answer to a cancel that the client calls ``cancel_name``."""
    report: Report = {
        "symbol": symbol_of(terms),
        "origClientOrderId": state.client_order_id or "",
        "orderId": state.id,
        "orderListId": NO_LIST,
        "clientOrderId": cancel_name,
        "transactTime": ms_of_us(state.updated_us),
    }
    report.update(_figures(state))
    report["selfTradePreventionMode"] = SELF_TRADE_PREVENTION
    return report


def order(state: wire.OrderState, terms: MarketTerms) -> Report:
    """Return an order as queries and lists show it."""
    created_ms = ms_of_us(state.created_us)
    return {
        "symbol": symbol_of(terms),
        "orderId": state.id,
        "orderListId": NO_LIST,
        "clientOrderId": state.client_order_id or "",
        **_figures(state),
        "stopPrice": ZERO,
        "icebergQty": ZERO,
        "time": created_ms,
        "updateTime": ms_of_us(state.updated_us),
        "isWorking": True,
        "workingTime": created_ms,
        "selfTradePreventionMode": SELF_TRADE_PREVENTION,
    }


def _figures(state: wire.OrderState) -> Report:
    return {
        "price": price_text(state),
        "origQty": quantity_text(state),
        "executedQty": eight(state.filled_quantity),
        "origQuoteOrderQty": ZERO if state.quote_quantity is None else eight(state.quote_quantity),
        "cummulativeQuoteQty": eight(state.filled_quote),
        "status": status_word(state),
        "timeInForce": lifetime_word(state),
        "type": type_word(state),
        "side": SIDES[state.side],
    }


# --- trades ---------------------------------------------------------------------------------------


def commission(trade: wire.TradeState, terms: MarketTerms, *, is_maker: bool) -> tuple[str, str]:
    """Return what a party was charged for a trade (negative: a rebate), and in which asset."""
    buys = (trade.taker_side == "buy") != is_maker
    fee = trade.maker_fee if is_maker else trade.taker_fee
    return eight(fee), terms.fee_asset(fee, buys=buys).code


def _fill(trade: wire.TradeState, terms: MarketTerms) -> Report:
    charged, asset = commission(trade, terms, is_maker=False)
    return {
        "price": eight(trade.price),
        "qty": eight(trade.quantity),
        "commission": charged,
        "commissionAsset": asset,
        "tradeId": trade.sequence,
    }


def my_trade(trade: wire.TradeState, terms: MarketTerms, *, is_maker: bool) -> Report:
    """Return a trade as one of its parties sees it."""
    charged, asset = commission(trade, terms, is_maker=is_maker)
    return {
        "symbol": symbol_of(terms),
        "id": trade.sequence,
        "orderId": trade.maker_order_id if is_maker else trade.taker_order_id,
        "orderListId": NO_LIST,
        "price": eight(trade.price),
        "qty": eight(trade.quantity),
        "quoteQty": eight(trade.amount),
        "commission": charged,
        "commissionAsset": asset,
        "time": ms_of_us(trade.created_us),
        "isBuyer": (trade.taker_side == "buy") != is_maker,
        "isMaker": is_maker,
        "isBestMatch": True,
    }


def rate_text(ppm: int) -> str:
    """Return a fee rate as a fraction: 750 -> ``0.00075000``; negative: a rebate."""
    whole, millionths = divmod(abs(ppm), PPM)
    return eight(f"{'-' if ppm < 0 else ''}{whole}.{millionths:06d}")

"""How orders and trades read in this API: its words, and the shapes of its answers."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from api.binance.words.symbols import symbol_of
from api.binance.words.text import ZERO, eight, ms_of_us
from matching import wire
from matching.conditions import Conditions
from matching.engine.orders import LOSING_MODES
from matching.markets.terms import MarketTerms
from matching.rows.amendments import AmendmentState
from zavora.foundation.money import EXACT, PPM

Report = dict[str, Any]

NO_LIST: Final = -1
# No account has a number for the group of accounts that do not trade with each other.
NO_GROUP: Final = -1
# When an order works, or trails, that does not yet.
NOT_YET: Final = -1
SELF_TRADE_MODES: Final[Mapping[str, str]] = {
    "none": "NONE",
    "taker": "EXPIRE_TAKER",
    "maker": "EXPIRE_MAKER",
    "both": "EXPIRE_BOTH",
    "decrement": "DECREMENT",
    "transfer": "TRANSFER",
}

SIDES: Final = {"buy": "BUY", "sell": "SELL"}
# Orders that end by themselves (v1 has them) have no published word: until then they rest.
TIMES_IN_FORCE: Final = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "gtd": "GTC", "day": "GTC"}
PENDING_NEW: Final = "PENDING_NEW"
STATUSES: Final = {
    "new": "NEW",
    "partially_filled": "PARTIALLY_FILLED",
    "filled": "FILLED",
    "cancelled": "CANCELED",
    "expired": "EXPIRED",
}
_TYPES: Final = {"limit": "LIMIT", "market": "MARKET"}
_TRIGGERS: Final = {"stop": "STOP_LOSS", "take_profit": "TAKE_PROFIT"}
_UNCONDITIONAL: Final = Conditions()
_EXPECTED: Final = frozenset({"pending", "rising", "falling"})


# --- words ----------------------------------------------------------------------------------------


def conditions_of(state: wire.OrderState) -> Conditions:
    """Return what an order asks for that most do not."""
    return state.conditions or _UNCONDITIONAL


def side_word(state: wire.OrderState) -> str:
    """Return BUY or SELL."""
    return SIDES[state.side]


def type_word(state: wire.OrderState) -> str:
    """Return the type that an order was placed with: LIMIT, STOP_LOSS_LIMIT, LIMIT_MAKER, ..."""
    trigger = conditions_of(state).trigger
    if trigger is not None:
        # Post-only ones, which v1 has, are shown as what they are besides.
        return _TRIGGERS[trigger] + ("_LIMIT" if state.order_type == "limit" else "")
    return "LIMIT_MAKER" if state.post_only else _TYPES[state.order_type]


def lifetime_word(state: wire.OrderState) -> str:
    """Return GTC, IOC or FOK; a market order reads GTC, although it never rests."""
    return "GTC" if state.order_type == "market" else TIMES_IN_FORCE[state.time_in_force]


def status_word(state: wire.OrderState) -> str:
    """Return an order's status; one that self-trade prevention closed is EXPIRED_IN_MATCH.

    PENDING_NEW is one that is to follow another of its list.
    """
    if state.reason == "self_trade":
        return "EXPIRED_IN_MATCH"
    if state.status == "new" and conditions_of(state).trigger_state == "pending":
        return PENDING_NEW
    return STATUSES[state.status]


def list_id(state: wire.OrderState) -> int:
    """Return the list that an order is one of, -1: none."""
    return conditions_of(state).list_id or NO_LIST


def self_trade_word(state: wire.OrderState, terms: MarketTerms) -> str:
    """Return the self-trade prevention mode of an order: its own, else the market's."""
    mode = conditions_of(state).self_trade or terms.integers.self_trade_mode
    return SELF_TRADE_MODES[mode]


def quantity_text(state: wire.OrderState) -> str:
    """Return the quantity asked for; of an order by quote amount, what it bought or sold."""
    return eight(state.filled_quantity if state.quantity is None else state.quantity)


def price_text(state: wire.OrderState) -> str:
    """Return the limit price, zero for a market order."""
    return ZERO if state.price is None else eight(state.price)


def stop_price(state: wire.OrderState) -> str | None:
    """Return the price that an order waits or waited for, before it trails if it does so."""
    conditions = conditions_of(state)
    return conditions.trigger_price or conditions.activation_price


def is_working(state: wire.OrderState) -> bool:
    """Tell whether an order is, or was, more than one that waits for a price or for another."""
    conditions = conditions_of(state)
    waits_first = conditions.trigger is not None or conditions.leg == "pending"
    return not waits_first or conditions.triggered_us > 0


def working_ms(state: wire.OrderState) -> int:
    """Return since when an order is, or was, in the market; -1 for one that waits for a price."""
    if not is_working(state):
        return NOT_YET
    return ms_of_us(conditions_of(state).triggered_us or state.created_us)


def trailing_ms(state: wire.OrderState) -> int | None:
    """Return since when an order trails, or trailed; -1 for one that does not yet.

    None for one that had to wait for that, and does it: when it began is not kept.
    """
    conditions = conditions_of(state)
    if conditions.trigger_state in _EXPECTED:
        return NOT_YET
    return ms_of_us(state.created_us) if conditions.activation_price is None else None


def prevented_text(state: wire.OrderState) -> str | None:
    """Return what an order lost to the prevention of self-trades, None: nothing.

    Where it ended that way the rest of it counts, as published.
    """
    if state.prevented_quantity is None and state.reason != "self_trade":
        return None
    lost = Decimal(state.prevented_quantity or 0)
    if state.reason == "self_trade":
        lost = EXACT.add(lost, Decimal(state.remaining_quantity))
    return eight(lost) if lost else None


# --- orders ---------------------------------------------------------------------------------------


def ack(state: wire.OrderState, terms: MarketTerms) -> Report:
    """Return the shortest answer to a new order."""
    return {
        "symbol": symbol_of(terms),
        "orderId": state.id,
        "orderListId": list_id(state),
        "clientOrderId": state.client_order_id or "",
        "transactTime": ms_of_us(state.updated_us),
    }


def result(state: wire.OrderState, terms: MarketTerms, prevented_id: int | None = None) -> Report:
    """Return the answer to a new order without its fills."""
    report = ack(state, terms)
    report.update(_figures(state))
    report.update(_asked(state))
    report["workingTime"] = working_ms(state)
    report["selfTradePreventionMode"] = self_trade_word(state, terms)
    report.update(_lost(state, prevented_id))
    return report


def full(
    state: wire.OrderState,
    trades: Sequence[wire.TradeState],
    terms: MarketTerms,
    prevented_id: int | None = None,
) -> Report:
    """Return the answer to a new order with the fills that it had at once."""
    report = result(state, terms, prevented_id)
    report["fills"] = [_fill(trade, terms) for trade in trades]
    return report


def cancelled(state: wire.OrderState, terms: MarketTerms, cancel_name: str) -> Report:
    """Return the answer to a cancel that the client calls ``cancel_name``."""
    report: Report = {
        "symbol": symbol_of(terms),
        "origClientOrderId": state.client_order_id or "",
        "orderId": state.id,
        "orderListId": list_id(state),
        "clientOrderId": cancel_name,
        "transactTime": ms_of_us(state.updated_us),
    }
    report.update(_figures(state))
    report.update(_asked(state))
    report["selfTradePreventionMode"] = self_trade_word(state, terms)
    report.update(_lost(state, None))
    return report


def amended(state: wire.OrderState, terms: MarketTerms) -> Report:
    """Return the answer to an amendment. Its words for figures are not those of other answers."""
    name = state.client_order_id or ""
    return {
        "transactTime": ms_of_us(state.updated_us),
        "amendedOrder": {
            "symbol": symbol_of(terms),
            "orderId": state.id,
            "orderListId": list_id(state),
            "origClientOrderId": name,
            "clientOrderId": name,
            "price": price_text(state),
            "qty": quantity_text(state),
            "executedQty": eight(state.filled_quantity),
            "preventedQty": prevented_text(state) or ZERO,
            "quoteOrderQty": _quote_text(state),
            "cumulativeQuoteQty": eight(state.filled_quote),
            "status": status_word(state),
            "timeInForce": lifetime_word(state),
            "type": type_word(state),
            "side": SIDES[state.side],
            **_asked(state),
            "workingTime": working_ms(state),
            "selfTradePreventionMode": self_trade_word(state, terms),
        },
    }


def amendment(state: AmendmentState, terms: MarketTerms, name: str) -> Report:
    """Return a change of an order's quantity; amendments leave an order its ``name``."""
    return {
        "symbol": symbol_of(terms),
        "orderId": state.order_id,
        "executionId": state.id,
        "origClientOrderId": name,
        "newClientOrderId": name,
        "origQty": eight(state.quantity_before or "0"),
        "newQty": eight(state.quantity or "0"),
        "time": ms_of_us(state.created_us),
    }


def order(state: wire.OrderState, terms: MarketTerms, prevented_id: int | None = None) -> Report:
    """Return an order as queries and lists show it."""
    return {
        "symbol": symbol_of(terms),
        "orderId": state.id,
        "orderListId": list_id(state),
        "clientOrderId": state.client_order_id or "",
        **_figures(state),
        "stopPrice": ZERO,
        "icebergQty": ZERO,
        **_asked(state),
        "time": ms_of_us(state.created_us),
        "updateTime": ms_of_us(state.updated_us),
        "isWorking": is_working(state),
        "workingTime": working_ms(state),
        "selfTradePreventionMode": self_trade_word(state, terms),
        **_lost(state, prevented_id),
    }


def _figures(state: wire.OrderState) -> Report:
    return {
        "price": price_text(state),
        "origQty": quantity_text(state),
        "executedQty": eight(state.filled_quantity),
        "origQuoteOrderQty": _quote_text(state),
        "cummulativeQuoteQty": eight(state.filled_quote),
        "status": status_word(state),
        "timeInForce": lifetime_word(state),
        "type": type_word(state),
        "side": SIDES[state.side],
    }


def _quote_text(state: wire.OrderState) -> str:
    return ZERO if state.quote_quantity is None else eight(state.quote_quantity)


def _asked(state: wire.OrderState) -> Report:
    """Return what is told only of orders that ask for it."""
    conditions = conditions_of(state)
    if conditions is _UNCONDITIONAL:
        return {}
    asked: Report = {}
    if (waits_for := stop_price(state)) is not None:
        asked["stopPrice"] = eight(waits_for)
    if conditions.trail_bps is not None:
        asked["trailingDelta"] = conditions.trail_bps
        if (since_ms := trailing_ms(state)) is not None:
            asked["trailingTime"] = since_ms
    if conditions.display_quantity is not None:
        asked["icebergQty"] = eight(conditions.display_quantity)
    return asked


def _lost(state: wire.OrderState, prevented_id: int | None) -> Report:
    """Return what is told only of orders that lost something to the prevention of self-trades."""
    quantity = prevented_text(state)
    if quantity is None:
        return {}
    lost: Report = {} if prevented_id is None else {"preventedMatchId": prevented_id}
    lost["preventedQuantity"] = quantity
    return lost


def ended_by(prevented: wire.PreventedState) -> list[int]:
    """Return the orders that a meeting ended, or may have."""
    mode = prevented.mode
    if mode in LOSING_MODES:
        return []  # each lost what they would have traded, and no more
    ends = {"taker": mode != "maker", "maker": mode != "taker"}
    return [getattr(prevented, f"{role}_order_id") for role, is_over in ends.items() if is_over]


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


def my_trade(
    trade: wire.TradeState, terms: MarketTerms, *, is_maker: bool, order_list_id: int = NO_LIST
) -> Report:
    """Return a trade as one of its parties sees it. ``order_list_id``: that of its order."""
    charged, asset = commission(trade, terms, is_maker=is_maker)
    return {
        "symbol": symbol_of(terms),
        "id": trade.sequence,
        "orderId": trade.maker_order_id if is_maker else trade.taker_order_id,
        "orderListId": order_list_id,
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


def prevented(
    match: wire.PreventedState, terms: MarketTerms, rests: Mapping[int, Decimal]
) -> Report:
    """Return a trade that was not. ``rests``: what the orders that it ended had left."""
    symbol = symbol_of(terms)
    report: Report = {
        "symbol": symbol,
        "preventedMatchId": match.id,
        "takerOrderId": match.taker_order_id,
        "makerSymbol": symbol,
        "makerOrderId": match.maker_order_id,
        "tradeGroupId": NO_GROUP,
        "selfTradePreventionMode": SELF_TRADE_MODES[match.mode],
        "price": eight(match.price),
    }
    ids = {"taker": match.taker_order_id, "maker": match.maker_order_id}
    ended = ended_by(match)
    for role, order_id in ids.items():
        if match.mode in LOSING_MODES or order_id in ended:
            rest = rests.get(order_id) if order_id in ended else None
            report[f"{role}PreventedQuantity"] = eight(match.quantity if rest is None else rest)
    report["transactTime"] = ms_of_us(match.created_us)
    return report


def rate_text(ppm: int) -> str:
    """Return a fee rate as a fraction: 750 -> ``0.00075000``; negative: a rebate."""
    whole, millionths = divmod(abs(ppm), PPM)
    return eight(f"{'-' if ppm < 0 else ''}{whole}.{millionths:06d}")

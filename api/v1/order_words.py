"""How an order reads in v1: its words, and the shape that REST and sockets write.

The engine knows two types, and what an order waits for apart from them; v1 has a word for each
combination. What few orders ask for is null in all others.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final
from uuid import UUID

from msgspec.structs import asdict

from api.v1.times import time_text
from matching import wire
from matching.conditions import Conditions
from matching.engine.orders import OrderType, TriggerKind
from matching.markets.terms import MarketTerms
from matching.rows.amendments import AmendmentState

Shape = dict[str, Any]

SIDE: Final = {"buy": "Buy", "sell": "Sell"}
# Of orders that wait for nothing.
ORDER_TYPE: Final = {"limit": "Limit", "market": "Market"}
# What an order of each type waits for, if it does, and as what it trades then.
_KINDS: Final[dict[str, tuple[TriggerKind | None, OrderType]]] = {
    "Limit": (None, "limit"),
    "Market": (None, "market"),
    "Stop": ("stop", "market"),
    "StopLimit": ("stop", "limit"),
    "TakeProfit": ("take_profit", "market"),
    "TakeProfitLimit": ("take_profit", "limit"),
}
_TYPE_OF: Final = {kinds: name for name, kinds in _KINDS.items()}
# A stop that trails; as a limit order where it has a price.
TRAILING_STOP: Final = "TrailingStop"
ORDER_TYPES: Final = (*_KINDS, TRAILING_STOP)
WAITING_TYPES: Final = ORDER_TYPES[2:]
TIME_IN_FORCE: Final = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "gtd": "GTD", "day": "Day"}
STATUS: Final = {
    "new": "New",
    "partially_filled": "PartiallyFilled",
    "filled": "Filled",
    "cancelled": "Cancelled",
    "expired": "Expired",
}
# A new order that has not entered the market: it waits for a price, or for its turn.
WAITING_STATUS: Final = {
    "pending": "Pending",
    "rising": "Pending",
    "falling": "Pending",
    "trailing": "Pending",
    "queued": "Triggered",
}
STATUSES: Final = tuple(dict.fromkeys([*STATUS.values(), *WAITING_STATUS.values()]))
CHANGE: Final = {
    "new": "New",
    "trade": "Trade",
    "cancelled": "Cancelled",
    "expired": "Expired",
    "amended": "Amended",
    "triggered": "Triggered",
    "prevented": "Prevented",
}
TRIGGER_BY: Final = {"last": "Last", "opposite": "Opposite"}
SELF_TRADE: Final = {
    "none": "None",
    "taker": "Taker",
    "maker": "Maker",
    "both": "Both",
    "decrement": "Decrement",
    "transfer": "Transfer",
}
LEG: Final = {"one": "One", "working": "Working", "pending": "Pending"}
LIST_KIND: Final[dict[wire.ListKind, str]] = {"oco": "OCO", "oto": "OTO", "otoco": "OTOCO"}
LIST_STATUS: Final = {"executing": "Executing", "done": "Done"}
POST_ONLY_MODE: Final = {False: "Reject", True: "Slide"}

# Wide enough for any quotient of two NUMERIC(38, 18); the rounding itself is the quantize below.
_DIVISION: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_UNCONDITIONAL: Final = Conditions()


def average_price(filled_quote: str, filled_quantity: str, quote_scale: int) -> str | None:
    """Return the mean price of what was filled, rounded half to even at the quote's scale."""
    quantity = Decimal(filled_quantity)
    if not quantity:
        return None
    mean = _DIVISION.divide(Decimal(filled_quote), quantity)
    return f"{mean.quantize(Decimal(1).scaleb(-quote_scale), context=_DIVISION):f}"


def order(state: wire.OrderState, terms: MarketTerms, account_id: UUID | str) -> Shape:
    """Return an Order."""
    filled = state.filled_quantity
    conditions = state.conditions
    if conditions is None:
        conditions = _UNCONDITIONAL
        asked = _ASKED_POST_ONLY if state.post_only else _ASKED_NOTHING
    else:
        asked = _asked(conditions, post_only=state.post_only)
    return {
        "id": str(state.id),
        "client_order_id": state.client_order_id,
        "user_id": str(account_id),
        "market": terms.symbol,
        "side": SIDE[state.side],
        "order_type": order_type(state.order_type, conditions),
        "price": state.price,
        "quantity": state.quantity,
        "quote_quantity": state.quote_quantity,
        "remaining_quantity": state.remaining_quantity,
        "filled_quantity": filled,
        "filled_quote_quantity": state.filled_quote,
        "average_fill_price": (
            average_price(state.filled_quote, filled, terms.quote.scale)
            if filled.strip("0.")
            else None
        ),
        "prevented_quantity": state.prevented_quantity,
        "time_in_force": TIME_IN_FORCE[state.time_in_force],
        "post_only": state.post_only,
        "status": status(state.status, conditions),
        "reason": state.reason or None,
        "created_at": time_text(state.created_us),
        "updated_at": time_text(state.updated_us),
        **asked,
        **asdict(state.carried),
    }


def engine_type(name: str, price: str | None) -> tuple[TriggerKind | None, OrderType]:
    """Return what an order of a type waits for, if it does, and as what it trades then."""
    if name == TRAILING_STOP:
        return "stop", "market" if price is None else "limit"
    return _KINDS[name]


def order_type(plain: str, conditions: Conditions) -> str:
    """Return the type that an order was placed as, whatever became of it since."""
    if conditions.trigger is None:
        return ORDER_TYPE[plain]
    trails = conditions.trail_price is not None or conditions.trail_bps is not None
    if trails and conditions.trigger == "stop":
        return TRAILING_STOP
    return _TYPE_OF[conditions.trigger, plain]  # type: ignore[index]  # one of two words


def status(plain: str, conditions: Conditions) -> str:
    """Return how far an order is."""
    if plain == "new" and conditions.trigger_state in WAITING_STATUS:
        return WAITING_STATUS[conditions.trigger_state]
    return STATUS[plain]


def _asked(conditions: Conditions, *, post_only: bool) -> Shape:
    """Return what few orders ask for, and when what they waited for came."""
    waits, expires_us = conditions.trigger is not None, conditions.expires_us
    mode = conditions.self_trade
    return {
        "stop_price": conditions.trigger_price,
        "trigger_by": TRIGGER_BY[conditions.trigger_by] if waits else None,
        "trail_price": conditions.trail_price,
        "trail_bps": conditions.trail_bps,
        "activation_price": conditions.activation_price,
        "triggered_at": time_text(conditions.triggered_us) if conditions.triggered_us else None,
        "expires_at": None if expires_us is None else time_text(expires_us),
        "display_quantity": conditions.display_quantity,
        "protection_price": conditions.protection_price,
        "post_only_mode": POST_ONLY_MODE[conditions.slides] if post_only else None,
        "self_trade_prevention": None if mode is None else SELF_TRADE[mode],
        "list_id": str(conditions.list_id) if conditions.list_id else None,
        "leg": None if conditions.leg is None else LEG[conditions.leg],
    }


# Most orders.
_ASKED_NOTHING: Final = _asked(_UNCONDITIONAL, post_only=False)
_ASKED_POST_ONLY: Final = _asked(_UNCONDITIONAL, post_only=True)


def amendment(state: AmendmentState, terms: MarketTerms) -> Shape:
    """Return an Amendment: what an order asked for before, and asks for since."""
    return {
        "id": str(state.id),
        "order_id": str(state.order_id),
        "market": terms.symbol,
        "price_before": state.price_before,
        "price": state.price,
        "quantity_before": state.quantity_before,
        "quantity": state.quantity,
        "stop_price_before": state.trigger_price_before,
        "stop_price": state.trigger_price,
        "created_at": time_text(state.created_us),
    }


def order_list(state: wire.ListState, terms: MarketTerms, account_id: UUID | str) -> Shape:
    """Return an OrderList."""
    return {
        "id": str(state.id),
        "client_list_id": state.client_list_id,
        "user_id": str(account_id),
        "market": terms.symbol,
        "kind": LIST_KIND[state.kind],
        "status": LIST_STATUS[state.status],
        "order_ids": list(map(str, state.order_ids)),
        "created_at": time_text(state.created_us),
    }


def change(step: wire.OrderChange) -> Shape:
    """Return what a step in an order's life was, beside the order right after it."""
    told = {"change": CHANGE[step.kind]}
    if step.prevented is None:
        return told
    return {**told, "prevention": prevention(step.prevented, step.order.id)}


def prevention(state: wire.PreventedState, order_id: int) -> Shape:
    """Return what kept an order from trading with another of its owner.

    The other's id is told where it is the same account's: not all who see one account see both.
    """
    is_maker = order_id == state.maker_order_id
    other = state.taker_order_id if is_maker else state.maker_order_id
    is_own = state.maker_account_id == state.taker_account_id
    return {
        "mode": SELF_TRADE[state.mode],
        "price": state.price,
        "quantity": state.quantity,
        "amount": state.amount,
        "liquidity": "Maker" if is_maker else "Taker",
        "other_order_id": str(other) if is_own else None,
        "created_at": time_text(state.created_us),
    }

"""What few orders ask for, as the order routes take it: fields, and which of them go together.

Each wrong combination is named by its field, with what was expected. Words and figures stay v1's
here, but for ``asked_conditions``, which spells them as commands do.
"""

from typing import Any, Final

from api.v1.fields import Fields
from api.v1.order_words import (
    POST_ONLY_MODE,
    SELF_TRADE,
    TRAILING_STOP,
    TRIGGER_BY,
    WAITING_TYPES,
    engine_type,
)
from matching.conditions import Conditions
from matching.engine.orders import SelfTradeMode, TriggerKind, TriggerReference
from zavora.foundation.times import MOMENT_US_MAX, microseconds_of

TRAIL_BPS_MAX: Final = 9_999
# What is left of a limit order waits in the book.
RESTING_TIMES: Final = ("GTC", "GTD", "Day")
_TRIGGERS_BY: Final[dict[str, TriggerReference]] = {"Last": "last", "Opposite": "opposite"}
_SELF_TRADES: Final[dict[str, SelfTradeMode]] = {
    name: mode  # type: ignore[misc]  # the words are its own
    for mode, name in SELF_TRADE.items()
}
# What an order has that waits for a price, and no other.
_OF_TRIGGERS: Final = ("stop_price", "trigger_by", "trail_price", "trail_bps", "activation_price")
_WAITING: Final = ", ".join(WAITING_TYPES)
_TRAILING: Final = (TRAILING_STOP, "TakeProfit", "TakeProfitLimit")

Asked = dict[str, Any]


def take_stop_price(fields: Fields) -> str | None:
    """Take the price that an order waits for, by either of its names."""
    stop_price, trigger_price = fields.decimal("stop_price"), fields.decimal("trigger_price")
    if stop_price is not None and trigger_price is not None:
        fields.refuse("trigger_price", "is another name of stop_price: give one of them")
    return stop_price if stop_price is not None else trigger_price


def take_conditions(fields: Fields) -> Asked:
    """Take the fields that few orders have; those that are not there are None."""
    return {
        "stop_price": take_stop_price(fields),
        "trigger_by": fields.choice("trigger_by", _spelled(TRIGGER_BY.values())),
        "trail_price": fields.decimal("trail_price"),
        "trail_bps": fields.integer("trail_bps", default=0, low=1, high=TRAIL_BPS_MAX) or None,
        "activation_price": fields.decimal("activation_price"),
        "expires_at": _take_expiry(fields),
        "post_only_mode": fields.choice("post_only_mode", _spelled(POST_ONLY_MODE.values())),
        "display_quantity": fields.decimal("display_quantity"),
        "protection_price": fields.decimal("protection_price"),
        "self_trade_prevention": fields.choice(
            "self_trade_prevention", _spelled(SELF_TRADE.values())
        ),
    }


def _spelled(names: Any) -> dict[str, str]:
    return {name.lower(): name for name in names}


def _take_expiry(fields: Fields) -> Any:
    moment = fields.moment("expires_at")
    if moment is not None and microseconds_of(moment) > MOMENT_US_MAX:
        fields.refuse("expires_at", "expected a time before the year 9999")
    return moment


# --- what goes together ---------------------------------------------------------------------------


def check_conditions(fields: Fields, asked: Asked, *, time: str) -> None:
    """Name what does not go together, of an order whose type is known; ``time``: in force."""
    trigger, plain = engine_type(asked["order_type"], asked["price"])
    if trigger is None:
        for name in _OF_TRIGGERS:
            if asked[name] is not None:
                fields.refuse(_sent(fields, name), f"is for orders that wait: {_WAITING}")
    else:
        _check_trigger(fields, asked)
    _check_book(fields, asked, is_limit=plain == "limit", rests=time in RESTING_TIMES)
    if time == "GTD" and asked["expires_at"] is None:
        fields.refuse("expires_at", "is required for a GTD order")
    if time != "GTD" and asked["expires_at"] is not None:
        fields.refuse("expires_at", "is for GTD orders only")


def _check_book(fields: Fields, asked: Asked, *, is_limit: bool, rests: bool) -> None:
    """Name what an order of its kind cannot do once it meets the book."""
    if is_limit and asked["protection_price"] is not None:
        fields.refuse("protection_price", "is for market orders only; a limit order has its price")
    if asked["display_quantity"] is not None and not is_limit:
        fields.refuse("display_quantity", "is for limit orders only")
    if asked["display_quantity"] is not None and not rests:
        fields.refuse("display_quantity", "is for orders that rest: GTC, GTD or Day")
    if asked["post_only_mode"] is not None and not asked["post_only"]:
        fields.refuse("post_only_mode", "is for post-only orders")


def _check_trigger(fields: Fields, asked: Asked) -> None:
    """Name what a price to wait for, or what moves it, lacks or has too much of."""
    kind: str = asked["order_type"]
    trails = [name for name in ("trail_price", "trail_bps") if fields.has(name)]
    stop = _sent(fields, "stop_price")
    if len(trails) == 2:
        fields.refuse("trail_bps", "excludes trail_price: give one of them")
    if trails and kind not in _TRAILING:
        fields.refuse(trails[0], f"is for orders that trail: {', '.join(_TRAILING)}")
    elif trails and fields.has(stop):
        fields.refuse(stop, f"excludes {trails[0]}, which moves with the market")
    elif kind == TRAILING_STOP and fields.has(stop):
        fields.refuse(stop, "is not for a trailing stop: give trail_price or trail_bps")
    elif kind == TRAILING_STOP and not trails:
        fields.refuse("trail_price", "is required for a trailing stop, unless trail_bps is given")
    elif not trails and not fields.has(stop):
        more = ", unless it trails" if kind in _TRAILING else ""
        fields.refuse(stop, f"is required for an order that waits for a price{more}")
    if fields.has("activation_price") and not trails:
        fields.refuse("activation_price", "is for orders that trail: with trail_price or trail_bps")
    if asked["quote_quantity"] is not None and asked["side"] == "Sell":
        fields.refuse("quote_quantity", "is not for a sell that waits for a price: give quantity")


def _sent(fields: Fields, name: str) -> str:
    """Return the name by which a field was sent, its first one where it was not."""
    if name == "stop_price" and not fields.has(name) and fields.has("trigger_price"):
        return "trigger_price"
    return name


# --- as commands spell it -------------------------------------------------------------------------


def asked_conditions(order: Any, trigger: TriggerKind | None) -> Conditions | None:
    """Return what an order asks for of all that few do; None where it is nothing."""
    expires_at, mode = order.expires_at, order.self_trade_prevention
    conditions = Conditions(
        self_trade=None if mode is None else _SELF_TRADES[mode],
        expires_us=None if expires_at is None else microseconds_of(expires_at),
        slides=order.post_only_mode == POST_ONLY_MODE[True],
        display_quantity=order.display_quantity,
        protection_price=order.protection_price,
        trigger=trigger,
        trigger_by="last" if order.trigger_by is None else _TRIGGERS_BY[order.trigger_by],
        trigger_price=order.stop_price,
        trail_price=order.trail_price,
        trail_bps=order.trail_bps,
        activation_price=order.activation_price,
    )
    return None if conditions == _NONE else conditions


_NONE: Final = Conditions()

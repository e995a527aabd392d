"""What an order can ask for, by name: the same for placing, previewing, replacing and lists."""

import uuid
from collections.abc import Mapping
from typing import Any, Final, Required, TypedDict

from zavora.core.calls import MINE, Figure, Mine, Moment, figure, given, text_of
from zavora.words import OrderType, SelfTradePrevention, Side, TimeInForce


class OrderTerms(TypedDict, total=False):
    """What an order asks for beside its market and side (docs/api.md says what each means).

    Without an `order_type` the figures say it: a `stop_price` makes a stop, with a `price` a stop
    limit; a trail a trailing stop; a `price` a limit order; none of them a market order.
    """

    order_type: OrderType | str
    price: Figure | None
    quantity: Figure | None
    quote_quantity: Figure | None
    time_in_force: TimeInForce | str
    post_only: bool
    client_order_id: str | None
    stop_price: Figure | None
    trigger_by: str | None
    trail_price: Figure | None
    trail_bps: int | None
    activation_price: Figure | None
    expires_at: Moment | None
    post_only_mode: str | None
    display_quantity: Figure | None
    protection_price: Figure | None
    self_trade_prevention: SelfTradePrevention | str | None


class ListedOrder(OrderTerms, total=False):
    """An order of a list: a side, and what it asks for."""

    side: Required[Side | str]


class NewOrder(ListedOrder, total=False):
    """An order of a batch: a market, a side, and what it asks for."""

    market: Required[str]
    account: str


FIGURES: Final = (
    "price",
    "quantity",
    "quote_quantity",
    "stop_price",
    "trail_price",
    "activation_price",
    "display_quantity",
    "protection_price",
)
KNOWN: Final = frozenset(OrderTerms.__annotations__)


def new_key() -> str:
    """Return a key that nobody has used."""
    return uuid.uuid4().hex


def order_body(
    market: str, side: Side | str, terms: Mapping[str, Any], *, account: str | None = None
) -> dict[str, Any]:
    """Return the body of an order."""
    where: dict[str, str | Mine] = {"user_id": account or MINE, "market": market}
    return {**where, **terms_body(side, terms)}


def terms_body(side: Side | str, terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an order asks for, as it is sent. Raises TypeError for an unknown name."""
    if unknown := terms.keys() - KNOWN:
        raise TypeError(f"an order has no {', '.join(sorted(unknown))}")
    figures = {name: figure(terms.get(name), name=name) for name in FIGURES}
    expires_at = terms.get("expires_at")
    said = {name: terms.get(name) for name in KNOWN if name not in {*FIGURES, "expires_at"}}
    said |= {
        "order_type": terms.get("order_type") or _order_type(terms),
        "expires_at": None if expires_at is None else text_of(expires_at),
    }
    return {"side": str(side), **given(**said), **given(**figures)}


def with_name(terms: OrderTerms) -> OrderTerms:
    """Return the terms with a client order id, so that the order can be looked up by it."""
    return terms if terms.get("client_order_id") else {**terms, "client_order_id": new_key()}


def _order_type(terms: Mapping[str, Any]) -> OrderType:
    has = {name for name in ("price", "stop_price", "trail_price", "trail_bps") if terms.get(name)}
    if has & {"trail_price", "trail_bps"}:
        return OrderType.TRAILING_STOP
    if "stop_price" in has:
        return OrderType.STOP_LIMIT if "price" in has else OrderType.STOP
    return OrderType.LIMIT if "price" in has else OrderType.MARKET

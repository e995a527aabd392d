"""The published order types: what each stands for, what it needs, and what contradicts it."""

from typing import Final, Literal

import msgspec

from api.binance.rest.params import Params
from api.binance.words import errors
from matching.engine.orders import TriggerKind


class OrderKind(msgspec.Struct, frozen=True):
    """What a published order type stands for, and which parameters it needs.

    ``trigger``: the order waits for ``stopPrice``, for the market to turn by ``trailingDelta``, or
    for one after the other.
    """

    order_type: Literal["limit", "market"]
    required: tuple[str, ...]
    post_only: bool = False
    trigger: TriggerKind | None = None
    is_full_by_default: bool = False
    # Parameters that would mean something else than what is sent.
    excluded: tuple[str, ...] = ()


_TRIGGERS: Final = ("stopPrice", "trailingDelta")
_LIMIT_NEEDS: Final = ("timeInForce", "quantity", "price")
_NO_MARKET: Final = ("quoteOrderQty",)
_NO_LIMIT: Final = ("price", "icebergQty")
KINDS: Final[dict[str, OrderKind]] = {
    "LIMIT": OrderKind(
        "limit", _LIMIT_NEEDS, is_full_by_default=True, excluded=(*_NO_MARKET, *_TRIGGERS)
    ),
    "MARKET": OrderKind(
        "market",
        (),  # quantity or quoteOrderQty
        is_full_by_default=True,
        excluded=(*_NO_LIMIT, *_TRIGGERS),
    ),
    "LIMIT_MAKER": OrderKind(
        "limit", ("quantity", "price"), post_only=True, excluded=(*_NO_MARKET, *_TRIGGERS)
    ),
    "STOP_LOSS": OrderKind(
        "market", ("quantity",), trigger="stop", excluded=(*_NO_MARKET, *_NO_LIMIT)
    ),
    "STOP_LOSS_LIMIT": OrderKind("limit", _LIMIT_NEEDS, trigger="stop", excluded=_NO_MARKET),
    "TAKE_PROFIT": OrderKind(
        "market", ("quantity",), trigger="take_profit", excluded=(*_NO_MARKET, *_NO_LIMIT)
    ),
    "TAKE_PROFIT_LIMIT": OrderKind(
        "limit", _LIMIT_NEEDS, trigger="take_profit", excluded=_NO_MARKET
    ),
}


def check_required(params: Params) -> None:
    """Raise -1102 for what a new order of its type must have and has not."""
    params.require("symbol", "side", "type")
    kind = KINDS.get(params.needed("type"))
    if kind is not None:  # else it is a wrong value, which comes later
        check_required_by(kind, params)


def check_required_by(kind: OrderKind, params: Params) -> None:
    """Raise -1102 for what an order of a kind must have and has not."""
    params.require(*kind.required)
    if kind.trigger is not None:
        _require_one(params, "stopPrice", "trailingDelta")
    elif kind.order_type == "market":
        _require_one(params, "quantity", "quoteOrderQty")


def check_excluded(params: Params, kind: OrderKind) -> None:
    """Raise -1106 for what contradicts the type of an order."""
    for name in kind.excluded:
        # Clients send a zero for what they do not ask for.
        if name in params and not (name == "icebergQty" and _is_zero(params, name)):
            raise errors.not_required(params.sent_as(name))


def _is_zero(params: Params, name: str) -> bool:
    figure = params.decimal(name) or ""
    return not figure.strip("0.")


def _require_one(params: Params, name: str, other: str) -> None:
    if not (params.get(name) or params.get(other)):
        raise errors.one_of_two(params.sent_as(name), params.sent_as(other))

"""Reading a new list of orders: OCO, OTO, OTOCO.

An OCO is a limit or take-profit order on one side of the last price and a stop order on the other.
In an OTO an order follows another one that is filled, in an OTOCO an OCO does.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec
from msgspec.structs import replace

from accounts.access.callers import Caller
from api.binance.rest import list_names
from api.binance.rest.asked_orders import (
    RESPONSE_TYPES,
    AskedOrder,
    conditions_asked,
    last_price,
    read_kind,
    read_order,
    read_self_trade_mode,
    read_side,
)
from api.binance.rest.list_names import Names
from api.binance.rest.order_filters import filtered
from api.binance.rest.order_kinds import KINDS, OrderKind, check_required_by
from api.binance.rest.order_names import name_of
from api.binance.rest.params import Params, RenamedParams
from api.binance.words import errors, list_errors
from api.binance.words.symbols import find_traded
from marketdata.feed.feed import MarketView
from matching.commands.place import LegOrder
from matching.commands.place_list import PlaceList
from matching.engine.orders import SelfTradeMode
from matching.gateway.client import deadline_ms
from matching.markets.terms import MarketTerms
from matching.wire import ListKind

DEFAULT_RESPONSE: Final = "RESULT"
_LIMIT_MAKER: Final = KINDS["LIMIT_MAKER"]
_STOP_LOSS: Final = KINDS["STOP_LOSS"]
_STOP_LOSS_LIMIT: Final = KINDS["STOP_LOSS_LIMIT"]
_WORKING_KINDS: Final = (KINDS["LIMIT"], _LIMIT_MAKER)


class NewList(msgspec.Struct, frozen=True):
    """A list whose orders are well-formed and pass the filters, ready to be sent."""

    command: PlaceList
    terms: MarketTerms
    response_type: str


class Pair(msgspec.Struct, frozen=True):
    """The two orders of which one is to trade."""

    above: AskedOrder
    below: AskedOrder


# --- what must be there ---------------------------------------------------------------------------


def check_oco(params: Params) -> None:
    """Raise -1102 for what an OCO must have and has not."""
    params.require("symbol", "side", "quantity", "aboveType", "belowType")
    _check_orders(params, list_names.ABOVE, list_names.BELOW)


def check_old_oco(params: Params) -> None:
    """Raise -1102 for what an OCO of the former call must have and has not."""
    params.require("symbol", "side", "quantity", "price")
    check_required_by(_stop_kind(params), RenamedParams(params, list_names.FORMER_STOP))


def check_oto(params: Params) -> None:
    """Raise -1102 for what an OTO must have and has not."""
    params.require("symbol", "workingType", "workingSide", "workingPrice", "workingQuantity")
    params.require("pendingType", "pendingSide", "pendingQuantity")
    _check_orders(params, list_names.WORKING, list_names.PENDING)


def check_otoco(params: Params) -> None:
    """Raise -1102 for what an OTOCO must have and has not."""
    params.require("symbol", "workingType", "workingSide", "workingPrice", "workingQuantity")
    params.require("pendingSide", "pendingQuantity", "pendingAboveType", "pendingBelowType")
    _check_orders(params, list_names.WORKING, list_names.PENDING_ABOVE, list_names.PENDING_BELOW)


def _check_orders(params: Params, *orders: Names) -> None:
    for names in orders:
        order = RenamedParams(params, names)
        kind = KINDS.get(order.needed("type"))
        if kind is not None:  # else it is a wrong value, which comes later
            check_required_by(kind, order)


def _stop_kind(params: Params) -> OrderKind:
    """Return what the stop order of the former call is: with a price it is a limit order."""
    return _STOP_LOSS_LIMIT if "stopLimitPrice" in params else _STOP_LOSS


# --- lists ----------------------------------------------------------------------------------------


def read_oco(params: Params, caller: Caller, account_pk: int) -> NewList:
    """Return the OCO that the parameters ask for. Raises the published errors."""
    view = find_traded(params.needed("symbol"), caller)
    pair = _read_pair(params, view.terms, list_names.ABOVE, list_names.BELOW)
    return _oco(params, view, account_pk, pair)


def read_old_oco(params: Params, caller: Caller, account_pk: int) -> NewList:
    """Return the OCO that the parameters of the former call ask for."""
    view = find_traded(params.needed("symbol"), caller)
    side = read_side(params)
    limit = _read_one(params, view.terms, list_names.FORMER_LIMIT, _LIMIT_MAKER)
    stop = _read_one(params, view.terms, list_names.FORMER_STOP, _stop_kind(params))
    pair = Pair(limit, stop) if side == "sell" else Pair(stop, limit)
    return _oco(params, view, account_pk, pair)


def _oco(params: Params, view: MarketView, account_pk: int, pair: Pair) -> NewList:
    orders = _in_order(pair)
    new = _new_list(params, view, account_pk, "oco", orders)
    _check_relation(pair, last_price(view))
    return new


def read_oto(params: Params, caller: Caller, account_pk: int) -> NewList:
    """Return the OTO that the parameters ask for."""
    view = find_traded(params.needed("symbol"), caller)
    working = _read_working(params, view.terms)
    names = list_names.PENDING
    kind = read_kind(RenamedParams(params, names))
    pending = _read_one(params, view.terms, names, kind)
    return _new_list(params, view, account_pk, "oto", (working, pending))


def read_otoco(params: Params, caller: Caller, account_pk: int) -> NewList:
    """Return the OTOCO that the parameters ask for."""
    view = find_traded(params.needed("symbol"), caller)
    working = _read_working(params, view.terms)
    pair = _read_pair(params, view.terms, list_names.PENDING_ABOVE, list_names.PENDING_BELOW)
    new = _new_list(params, view, account_pk, "otoco", (working, *_in_order(pair)))
    # Where the last price will be when they follow nobody knows.
    _check_relation(pair, None)
    return new


def _new_list(
    params: Params,
    view: MarketView,
    account_pk: int,
    kind: ListKind,
    orders: Sequence[AskedOrder],
) -> NewList:
    terms = view.terms
    name = name_of(params, "listClientOrderId")
    response_type = params.choice("newOrderRespType", RESPONSE_TYPES) or DEFAULT_RESPONSE
    self_trade = read_self_trade_mode(params, terms)
    command = PlaceList(
        account_id=account_pk,
        market_id=terms.market_id,
        kind=kind,
        legs=[_leg(view, order, self_trade) for order in orders],
        client_list_id=name,
        key=None,  # a client order id is no idempotency key here
        deadline_ms=deadline_ms(),
    )
    return NewList(command, terms, response_type)


def _leg(view: MarketView, order: AskedOrder, self_trade: SelfTradeMode | None) -> LegOrder:
    """Return an order of a list that passes the filters."""
    figures = filtered(view, order.figures)
    return LegOrder(
        **order.words(),
        price=figures.price,
        quantity=figures.quantity or "",
        conditions=conditions_asked(replace(order, figures=figures), self_trade),
    )


# --- their orders ---------------------------------------------------------------------------------


def _read_one(params: Params, terms: MarketTerms, names: Names, kind: OrderKind) -> AskedOrder:
    one = RenamedParams(params, names)
    order = read_order(one, terms, read_side(one), kind)
    if order.is_wrong_iceberg:
        raise list_errors.iceberg_not_gtc(names["icebergQty"], names["timeInForce"])
    return order


def _read_working(params: Params, terms: MarketTerms) -> AskedOrder:
    kind = read_kind(RenamedParams(params, list_names.WORKING))
    if kind not in _WORKING_KINDS:
        raise errors.invalid_parameter("workingType")
    return _read_one(params, terms, list_names.WORKING, kind)


def _read_pair(params: Params, terms: MarketTerms, above: Names, below: Names) -> Pair:
    """Return the two orders of an OCO, which must be where they belong."""
    side = read_side(RenamedParams(params, above))
    above_kind, below_kind = (_oco_kind(params, names) for names in (above, below))
    if above_kind is below_kind is _LIMIT_MAKER:
        raise list_errors.none_contingent()
    for kind, is_above in ((above_kind, True), (below_kind, False)):
        # A stop to buy is above the last price; all else that buys is below it.
        if is_above != ((kind.trigger == "stop") == (side == "buy")):
            raise list_errors.misplaced(kind.trigger or "limit", side)
    return Pair(
        _read_one(params, terms, above, above_kind), _read_one(params, terms, below, below_kind)
    )


def _oco_kind(params: Params, names: Names) -> OrderKind:
    kind = KINDS.get(RenamedParams(params, names).needed("type"))
    if kind is None or (kind.trigger is None and kind is not _LIMIT_MAKER):
        raise list_errors.not_in_oco()
    return kind


def _in_order(pair: Pair) -> tuple[AskedOrder, AskedOrder]:
    """Return two orders as they are published: the stop first."""
    is_above = pair.above.kind.trigger == "stop"
    return (pair.above, pair.below) if is_above else (pair.below, pair.above)


def _check_relation(pair: Pair, last: Decimal | None) -> None:
    """Raise -2010 where the last price, if it counts, is not between those of the orders."""
    prices = (_price_of(pair.below), last, _price_of(pair.above))
    known = [price for price in prices if price is not None]
    if any(lower >= higher for lower, higher in pairwise(known)):
        raise list_errors.prices_unrelated()


def _price_of(order: AskedOrder) -> Decimal | None:
    """Return the price at which an order of an OCO has its turn; None: one that only trails."""
    figures = order.figures
    price = figures.price if order.kind.trigger is None else figures.stop_price
    return None if price is None else Decimal(price)

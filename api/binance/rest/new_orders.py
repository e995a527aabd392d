"""Reading a new order: what its type needs, what its values must be, which filters it must pass.

The engine checks every rule again and alone decides what depends on the book. What is checked here
comes first, so that one mistake has one answer.
"""

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from accounts.access.callers import Caller
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
from api.binance.rest.order_filters import filtered
from api.binance.rest.params import Params
from api.binance.words import errors
from api.binance.words.symbols import find_traded
from marketdata.feed.feed import MarketView
from matching.commands.place import PlaceOrder
from matching.gateway.client import deadline_ms
from matching.markets.terms import MarketTerms


class NewOrder(msgspec.Struct, frozen=True):
    """An order that is well-formed and passes the filters, ready to be sent."""

    command: PlaceOrder
    terms: MarketTerms
    response_type: str


def read_new_order(params: Params, caller: Caller, account_pk: int) -> NewOrder:
    """Return the order that the parameters ask for; ``order_kinds.check_required`` passed them.

    Raises the published errors, those of values before those of filters.
    """
    view = find_traded(params.needed("symbol"), caller)
    terms = view.terms
    side, kind = read_side(params), read_kind(params)
    order = read_order(params, terms, side, kind)
    asked = order.figures
    response_type = params.choice("newOrderRespType", RESPONSE_TYPES)
    self_trade = read_self_trade_mode(params, terms)
    if asked.quantity is not None and asked.quote_quantity is not None:
        raise errors.not_required("quoteOrderQty")
    if order.is_wrong_iceberg:
        raise errors.unsupported_combination()
    order = replace(order, figures=filtered(view, asked))
    _check_activation(view, order)
    figures = order.figures
    command = PlaceOrder(
        account_id=account_pk,
        market_id=terms.market_id,
        price=figures.price,
        quantity=figures.quantity,
        quote_quantity=figures.quote_quantity,
        **order.words(),
        key=None,  # a client order id is no idempotency key here
        deadline_ms=deadline_ms(),
        conditions=conditions_asked(order, self_trade),
    )
    default = "FULL" if kind.is_full_by_default else "ACK"
    return NewOrder(command, terms, response_type or default)


def _check_activation(view: MarketView, order: AskedOrder) -> None:
    """Raise -2010 where an order that trails from its stop price on has that behind it already.

    The engine waits for the market to come to it from wherever it is.
    """
    figures, last = order.figures, last_price(view)
    if figures.trail_bps is None or figures.stop_price is None or last is None:
        return
    rises = (order.kind.trigger == "stop") == (order.side == "buy")
    stop = Decimal(figures.stop_price)
    if last >= stop if rises else last <= stop:
        raise errors.would_trigger()

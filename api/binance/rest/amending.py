"""Less of an open order, in its place, and how orders came to their quantities."""

from typing import Final

from accounts.access.callers import Caller
from api.binance.rest.order_filters import lots_filtered, read_figure
from api.binance.rest.order_names import check_named_order, id_of, named_order
from api.binance.rest.order_rows import find_named
from api.binance.rest.params import Params
from api.binance.rest.routes import Route, Routes, Security, rest
from api.binance.words import errors, reports
from api.binance.words.reports import Report
from api.binance.words.symbols import find_market, find_traded
from api.orders import submit
from api.transport.threads import in_thread, read_lasting
from matching.commands.amend import AmendOrder
from matching.gateway.client import deadline_ms
from matching.markets.terms import MarketTerms
from matching.orders.amendments import list_amendments
from matching.orders.selectors import find_order
from matching.rows.amendments import amendment_state
from zavora.foundation.errors import InvalidOrder, OrderNotFound, OrderNotOpen

LIST_DEFAULT: Final = 500
LIST_MAX: Final = 1_000
_UNKNOWN: Final = "Unknown order sent."
_OF_REASON: Final = {
    "quantity_not_less": "Order amend (quantity increase) is not supported.",
    "order_in_list": "Order amend (order of an order list) is not supported.",
    "nothing_to_amend": "The requested action would change no state; rejecting.",
    # The filter has passed it: it is the part that is filled already.
    "quantity_out_of_range": "Order amend (quantity not above what is executed) is not supported.",
}


async def amend(params: Params, caller: Caller, account_pk: int, request_id: str) -> Report:
    """Reduce an order's quantity; refused where the order would lose its place (-2038).

    It keeps its client order id, too: another name for it is refused (-1130).
    """
    terms = find_traded(params.needed("symbol"), caller).terms
    quantity = read_figure(params, "newQty", terms.base.scale) or ""
    name = params.text("newClientOrderId")
    named_order(params)  # values come before filters
    lots = lots_filtered(quantity, terms)
    order = await in_thread(find_named, params, account_pk, terms)
    if order is None:
        raise errors.amend_refused(_UNKNOWN)
    if name not in (None, order.client_order_id):
        raise errors.invalid_parameter("newClientOrderId")
    command = AmendOrder(
        account_id=account_pk,
        market_id=terms.market_id,
        order_id=order.id,
        price=None,
        quantity=terms.quantity_text(lots),
        key=None,
        deadline_ms=deadline_ms(),
        keeps_priority=True,
    )
    try:
        reply = await submit(command, request_id)
    except (OrderNotFound, OrderNotOpen):
        raise errors.amend_refused(_UNKNOWN) from None
    except InvalidOrder as error:
        msg = _OF_REASON.get(str(error.details.get("reason")))
        if msg is None:
            raise
        raise errors.amend_refused(msg) from None
    return reports.amended(reply.orders[0], terms)


async def list_of_order(
    params: Params, _caller: Caller, account_pk: int, _request_id: str
) -> list[Report]:
    """Return an order's changes of quantity from one of them on, oldest first.

    -2013 for an order that is not the account's, as for one that there is not.
    """
    terms = find_market(params.needed("symbol")).terms
    return await read_lasting(
        _read_of_order,
        account_pk,
        terms,
        order_id=id_of(params, "orderId") or 0,
        from_id=id_of(params, "fromExecutionId"),
        limit=params.limit(default=LIST_DEFAULT, high=LIST_MAX),
    )


def _read_of_order(
    account_pk: int, terms: MarketTerms, *, order_id: int, from_id: int | None, limit: int
) -> list[Report]:
    order = find_order(order_id, account_id=account_pk, market_id=terms.market_id)
    if order is None:
        raise errors.unknown_order()
    rows = list_amendments(order_id, from_id=from_id, of_quantity=True, is_oldest=True, limit=limit)
    name = order.client_order_id or ""
    return [reports.amendment(amendment_state(row, terms), terms, name) for row in rows]


def check_amendment(params: Params) -> None:
    """Raise -1102 for what an amendment must have and has not."""
    check_named_order(params)
    params.require("newQty")


ROUTES: Final[Routes] = {
    ("GET", "/api/v3/order/amendments"): Route(
        rest(list_of_order), 4, Security.USER_DATA, required=("symbol", "orderId")
    ),
    ("PUT", "/api/v3/order/amend/keepPriority"): Route(
        rest(amend), 4, Security.TRADE, required=check_amendment
    ),
}

"""Orders: place, cancel, look up. REST and the WebSocket API call the same functions.

Each takes the parameters, the caller, the account's primary key and the request's id; each raises
a published error (or one that ``failures.known_compat_error`` knows) and returns a plain object.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal

import msgspec
import structlog
from django.db import DatabaseError, InterfaceError

from accounts.access.callers import Caller
from api.binance import limits
from api.binance.rest.list_rows import cancelled_lists
from api.binance.rest.new_orders import NewOrder, read_new_order
from api.binance.rest.order_kinds import check_required
from api.binance.rest.order_names import check_named_order, name_of, named_order
from api.binance.rest.order_rows import last_prevented_id, shown_order, shown_orders
from api.binance.rest.params import Params
from api.binance.rest.routes import Call, CompatRequest, Handler, Route, Routes, Security, rest
from api.binance.words import errors, reports
from api.binance.words.errors import CompatError
from api.binance.words.reports import Report
from api.binance.words.symbols import find_market, find_traded, list_offered
from api.orders import submit
from api.transport.exact_json import encode
from api.transport.threads import in_thread, read_lasting
from matching import wire
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.commands.place import PlaceOrder
from matching.commands.place_list import PlaceList
from matching.commands.replace import ReplaceOrder
from matching.markets.terms import MarketTerms
from matching.orders.selectors import (
    OPEN_PAGE,
    find_order,
    list_open_orders,
)
from zavora.foundation.errors import (
    OrderNotFound,
    OrderNotOpen,
    OutcomeUnknown,
    Overloaded,
    ZavoraError,
)

log = structlog.get_logger(__name__)

OnlyStatus = Literal["", "new", "partially_filled"]
RESTRICTIONS: Final[dict[str, OnlyStatus]] = {
    "ONLY_NEW": "new",
    "ONLY_PARTIALLY_FILLED": "partially_filled",
}


# --- new orders -----------------------------------------------------------------------------------


async def place(params: Params, caller: Caller, account_pk: int, request_id: str) -> Report:
    """Place an order; answer with what the engine decided and the fills it made at once."""
    return await _send(read_new_order(params, caller, account_pk), request_id)


async def place_test(params: Params, caller: Caller, account_pk: int, _request_id: str) -> Report:
    """Check an order as far as the engine; nothing is sent and nothing changes."""
    read_new_order(params, caller, account_pk)
    return {}


async def _send(order: NewOrder, request_id: str) -> Report:
    await limits.take_order(order.command.account_id)
    return await send_counted(order, request_id)


async def send_counted(order: NewOrder, request_id: str) -> Report:
    """Send an order that is counted already; one that is refused counts no more."""
    reply = await submit_counted(order.command, request_id)
    return await placed(reply.orders[0], reply.trades, order.terms, order.response_type)


async def submit_counted(
    command: PlaceOrder | PlaceList | ReplaceOrder, request_id: str, *, count: int = 1
) -> wire.Reply:
    """Submit so many orders that are counted already; what is refused counts no more."""
    try:
        return await submit(command, request_id)
    except OutcomeUnknown:
        raise  # it may live, so it counts
    except ZavoraError:
        limits.give_order_back(command.account_id, count)
        raise


async def placed(
    state: wire.OrderState,
    trades: Sequence[wire.TradeState],
    terms: MarketTerms,
    response_type: str,
) -> Report:
    """Return the answer to a new order, with the trades that it had at once where they belong."""
    if response_type == "ACK":
        return reports.ack(state, terms)
    prevented_id = await _prevented_id(state)
    if response_type == "RESULT":
        return reports.result(state, terms, prevented_id)
    return reports.full(state, trades, terms, prevented_id)


async def _prevented_id(state: wire.OrderState) -> int | None:
    """Return the prevented match by which a new order lost something, where that can be read.

    The order is there whatever becomes of this look-up: it must not answer for the order.
    """
    if reports.prevented_text(state) is None:
        return None
    try:
        return await in_thread(last_prevented_id, state)
    except (DatabaseError, InterfaceError, Overloaded) as error:
        log.warning("prevented_match_not_read", error=type(error).__name__)
        return None


# --- cancels --------------------------------------------------------------------------------------


async def cancel(params: Params, caller: Caller, account_pk: int, request_id: str) -> Report:
    """Cancel an open order by ``orderId`` or ``origClientOrderId`` (both: they must agree)."""
    view = find_traded(params.needed("symbol"), caller)
    order_id, client_order_id = named_order(params)
    command = CancelOrder(
        account_id=account_pk,
        market_id=view.terms.market_id,
        order_id=order_id,
        client_order_id=client_order_id,
        cancel_name=name_of(params, "newClientOrderId"),
        only_status=restriction(params),
    )
    return await cancel_one(command, view.terms, request_id)


async def cancel_all(
    params: Params, caller: Caller, account_pk: int, request_id: str
) -> list[Report]:
    """Cancel every open order of the account in a symbol; -2011 where there is none.

    Lists are told as such, before the others.
    """
    terms = find_traded(params.needed("symbol"), caller).terms
    name = name_of(params, "newClientOrderId")
    command = CancelAllOrders(account_pk, terms.market_id, None, cancel_name=name)
    reply = await submit(command, request_id)
    if not reply.orders:
        raise errors.unknown_order_to_cancel()
    ended = {id_ for state in reply.orders if (id_ := reports.conditions_of(state).list_id)}
    lists = await _cancelled_lists(ended, account_pk, terms, name)
    return lists + [
        reports.cancelled(state, terms, name)
        for state in reply.orders
        if not lists or not reports.conditions_of(state).list_id
    ]


async def _cancelled_lists(
    list_ids: Collection[int], account_pk: int, terms: MarketTerms, name: str
) -> list[Report]:
    """Return lists that a cancel of all has ended, where they can be read; it is done anyway."""
    if not list_ids:
        return []
    try:
        return await in_thread(cancelled_lists, list_ids, account_pk, terms, name)
    except (DatabaseError, InterfaceError, Overloaded) as error:
        log.warning("lists_not_read", error=type(error).__name__)
        return []


async def cancel_one(command: CancelOrder, terms: MarketTerms, request_id: str) -> Report:
    """Cancel the order of an id, of a client order id, or of both: then they must agree."""
    command = await agreed(command)
    try:
        reply = await submit(command, request_id)
    except (OrderNotFound, OrderNotOpen) as error:
        raise cancel_refused(error) from None
    return reports.cancelled(reply.orders[0], terms, command.cancel_name)


async def agreed(command: CancelOrder) -> CancelOrder:
    """Return a cancel that names its order one way only. Raises -2011 where two do not agree."""
    if command.order_id is None or command.client_order_id is None:
        return command
    row = await in_thread(
        find_order,
        command.order_id,
        account_id=command.account_id,
        market_id=command.market_id,
    )
    if row is None or row.client_order_id != command.client_order_id:
        raise errors.unknown_order_to_cancel()
    return msgspec.structs.replace(command, client_order_id=None)


def cancel_refused(error: ZavoraError) -> CompatError:
    """Return the published error of a cancel that found no such open order."""
    if error.details.get("reason") == "cancel_restricted":
        return errors.cancel_restricted()
    return errors.unknown_order_to_cancel()


def restriction(params: Params) -> OnlyStatus:
    """Return the status that an order must have to be cancelled, empty: any."""
    word = params.text("cancelRestrictions")
    if word is None:
        return ""
    if word not in RESTRICTIONS:
        raise errors.invalid_cancel_restrictions()
    return RESTRICTIONS[word]


# --- queries --------------------------------------------------------------------------------------


async def query_order(params: Params, _caller: Caller, account_pk: int, _request_id: str) -> Report:
    """Return one order, in whatever state, by ``orderId`` or ``origClientOrderId``."""
    terms = find_market(params.needed("symbol")).terms
    shown = await read_lasting(shown_order, params, account_pk, terms)
    if shown is None:
        raise errors.unknown_order()
    return shown


async def list_open(params: Params, _caller: Caller, account_pk: int, _request_id: str) -> bytes:
    """Return all open orders of a symbol, or of all of them, oldest first, as ready JSON.

    They are read and written down a page at a time: rows take ten times the room of their text.
    """
    symbol = params.text("symbol")
    views = list_offered() if symbol is None else [find_market(symbol)]
    terms_by_id = {view.terms.market_id: view.terms for view in views}
    pages: list[bytes] = []
    after_id = 0
    while True:
        last_id, page = await read_lasting(_open_page, account_pk, terms_by_id, after_id)
        if page:
            pages.append(page)
        if last_id is None:
            return b"[" + b",".join(pages) + b"]"
        after_id = last_id


def _open_page(
    account_pk: int, terms_by_id: dict[int, MarketTerms], after_id: int
) -> tuple[int | None, bytes]:
    """Return reports of open orders after an id, by commas, and the id to go on after, if any."""
    rows = list_open_orders(account_pk, market_ids=list(terms_by_id), after_id=after_id)
    shown = shown_orders(rows, terms_by_id)
    return rows[-1].pk if len(rows) == OPEN_PAGE else None, encode(shown)[1:-1]


# --- routes ---------------------------------------------------------------------------------------


def counted(call: Call) -> Handler:
    """Return the handler of a call that places an order: it tells the account's count."""
    answer = rest(call)

    async def handle(request: CompatRequest) -> Any:
        answered = await answer(request)
        short, long = limits.order_counts(request.account_pk)
        request.headers.append((b"x-mbx-order-count-10s", b"%d" % short))
        request.headers.append((b"x-mbx-order-count-1d", b"%d" % long))
        return answered

    return handle


def _open_orders_weight(params: Params) -> int:
    return 6 if params.get("symbol") else 80


_SYMBOL: Final = ("symbol",)
_TRADE: Final = Security.TRADE
_READ: Final = Security.USER_DATA
ROUTES: Final[Routes] = {
    ("POST", "/api/v3/order"): Route(counted(place), 1, _TRADE, required=check_required),
    ("POST", "/api/v3/order/test"): Route(rest(place_test), 1, _TRADE, required=check_required),
    ("GET", "/api/v3/order"): Route(rest(query_order), 4, _READ, required=check_named_order),
    ("DELETE", "/api/v3/order"): Route(rest(cancel), 1, _TRADE, required=check_named_order),
    ("GET", "/api/v3/openOrders"): Route(rest(list_open), _open_orders_weight, _READ),
    ("DELETE", "/api/v3/openOrders"): Route(rest(cancel_all), 1, _TRADE, required=_SYMBOL),
}

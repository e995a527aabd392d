"""Orders: place, cancel, replace, look up. REST and the WebSocket API call the same functions.

Each takes the parameters, the caller, the account's primary key and the request's id; each raises
a published error (or one that ``failures.known_compat_error`` knows) and returns a plain object.
"""

from typing import Any, Final, Literal

import msgspec

from accounts.access.callers import Caller
from api.binance import limits
from api.binance.rest.new_orders import NewOrder, check_required, name_of, read_new_order
from api.binance.rest.params import Params
from api.binance.rest.routes import Call, CompatRequest, Handler, Route, Routes, Security, rest
from api.binance.words import errors, reports
from api.binance.words.errors import CompatError
from api.binance.words.failures import known_compat_error
from api.binance.words.reports import Report
from api.binance.words.symbols import find_market, find_traded, list_offered
from api.orders import submit
from api.transport.exact_json import encode
from api.transport.threads import in_thread, read_lasting
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.gateway.client import deadline_ms
from matching.markets.terms import MarketTerms
from matching.orders.selectors import (
    OPEN_PAGE,
    find_order,
    find_order_by_client_id,
    list_open_orders,
)
from matching.rows.orders import state_of_row
from zavora.foundation.errors import (
    AccountFrozen,
    InsufficientBalance,
    InvalidOrder,
    MarketHalted,
    OrderNotFound,
    OrderNotOpen,
    OutcomeUnknown,
    ZavoraError,
)

OnlyStatus = Literal["", "new", "partially_filled"]
# Ids are below this; a larger number names no order.
ORDER_ID_MAX: Final = 2**53
CANCEL_REPLACE_MODES: Final = {"STOP_ON_FAILURE": False, "ALLOW_FAILURE": True}
# What a replacement does where the account has placed too many orders: whether it cancels still.
OVER_LIMIT_MODES: Final = {"DO_NOTHING": False, "CANCEL_ONLY": True}
RESTRICTIONS: Final[dict[str, OnlyStatus]] = {
    "ONLY_NEW": "new",
    "ONLY_PARTIALLY_FILLED": "partially_filled",
}
SUCCESS, FAILURE, NOT_ATTEMPTED = "SUCCESS", "FAILURE", "NOT_ATTEMPTED"
PARTIAL_STATUS: Final = 409


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
    return await _send_counted(order, request_id)


async def _send_counted(order: NewOrder, request_id: str) -> Report:
    account_pk = order.command.account_id
    try:
        reply = await submit(order.command, request_id)
    except OutcomeUnknown:
        raise  # it may live, so it counts
    except ZavoraError:
        limits.give_order_back(account_pk)
        raise
    state = reply.orders[0]
    if order.response_type == "FULL":
        return reports.full(state, reply.trades, order.terms)
    shape = reports.result if order.response_type == "RESULT" else reports.ack
    return shape(state, order.terms)


# --- cancels --------------------------------------------------------------------------------------


async def cancel(params: Params, caller: Caller, account_pk: int, request_id: str) -> Report:
    """Cancel an open order by ``orderId`` or ``origClientOrderId`` (both: they must agree)."""
    view = find_traded(params.needed("symbol"), caller)
    order_id, client_order_id = _named_order(params, "orderId", "origClientOrderId")
    command = CancelOrder(
        account_id=account_pk,
        market_id=view.terms.market_id,
        order_id=order_id,
        client_order_id=client_order_id,
        cancel_name=name_of(params, "newClientOrderId"),
        only_status=_restriction(params),
    )
    return await _cancel(command, view.terms, request_id)


async def cancel_all(
    params: Params, caller: Caller, account_pk: int, request_id: str
) -> list[Report]:
    """Cancel every open order of the account in a symbol; -2011 where there is none."""
    terms = find_traded(params.needed("symbol"), caller).terms
    name = name_of(params, "newClientOrderId")
    command = CancelAllOrders(account_pk, terms.market_id, None, cancel_name=name)
    reply = await submit(command, request_id)
    if not reply.orders:
        raise errors.unknown_order_to_cancel()
    return [reports.cancelled(state, terms, name) for state in reply.orders]


async def _cancel(command: CancelOrder, terms: MarketTerms, request_id: str) -> Report:
    """Cancel the order of an id, of a client order id, or of both: then they must agree."""
    if command.order_id is not None and command.client_order_id is not None:
        row = await in_thread(
            find_order,
            command.order_id,
            account_id=command.account_id,
            market_id=command.market_id,
        )
        if row is None or row.client_order_id != command.client_order_id:
            raise errors.unknown_order_to_cancel()
        command = msgspec.structs.replace(command, client_order_id=None)
    try:
        reply = await submit(command, request_id)
    except (OrderNotFound, OrderNotOpen) as error:
        if error.details.get("reason") == "cancel_restricted":
            raise errors.cancel_restricted() from None
        raise errors.unknown_order_to_cancel() from None
    return reports.cancelled(reply.orders[0], terms, command.cancel_name)


def _restriction(params: Params) -> OnlyStatus:
    """Return the status that an order must have to be cancelled, empty: any."""
    word = params.text("cancelRestrictions")
    if word is None:
        return ""
    if word not in RESTRICTIONS:
        raise errors.invalid_cancel_restrictions()
    return RESTRICTIONS[word]


def _named_order(
    params: Params, id_parameter: str, client_id_parameter: str
) -> tuple[int | None, str | None]:
    """Return which order is meant. Raises -1102 where neither says it."""
    _check_named(params, id_parameter, client_id_parameter)
    order_id = params.integer(id_parameter, high=10**20)
    if order_id is not None:
        order_id = min(order_id, ORDER_ID_MAX)
    # Through v1 a client order id may be any printable text.
    return order_id, params.text(client_id_parameter)


def _check_named(params: Params, id_parameter: str, client_id_parameter: str) -> None:
    if not params.get(id_parameter) and not params.get(client_id_parameter):
        raise errors.one_of_two(client_id_parameter, id_parameter)


# --- cancel and replace ---------------------------------------------------------------------------


async def cancel_replace(
    params: Params, caller: Caller, account_pk: int, request_id: str
) -> Report:
    """Cancel an order, then place another in its symbol; two commands, reported together.

    Whatever can be known of the new order is checked before anything is cancelled: values and
    filters and the order limit here, the rest by the worker with the cancel (``replacement``). A
    refusal of that kind is answered as the order's own. Raises -2022 where nothing came of it and
    -2021 where half of it did, each with both results in ``data``.
    """
    order = read_new_order(params, caller, account_pk)
    goes_on = params.choice("cancelReplaceMode", CANCEL_REPLACE_MODES, required=True)
    cancels_anyway = params.choice("orderRateLimitExceededMode", OVER_LIMIT_MODES)
    order_id, client_order_id = _named_order(params, "cancelOrderId", "cancelOrigClientOrderId")
    command = CancelOrder(
        account_id=account_pk,
        market_id=order.terms.market_id,
        order_id=order_id,
        client_order_id=client_order_id,
        cancel_name=name_of(params, "cancelNewClientOrderId"),
        only_status=_restriction(params),
        replacement=order.command,
    )
    try:
        await limits.take_order(account_pk)
    except CompatError as over:
        if not cancels_anyway:
            raise
        command = msgspec.structs.replace(command, replacement=None)
        cancelled = await _attempt(_cancel(command, order.terms, request_id))
        raise _over_limit(cancelled, over, goes_on=bool(goes_on)) from None
    return await _replace(order, command, request_id, goes_on=bool(goes_on))


async def _replace(
    order: NewOrder, command: CancelOrder, request_id: str, *, goes_on: bool
) -> Report:
    """Do both halves. The order is counted; as published it stays so where it is not tried."""
    try:
        cancelled: Report | CompatError = await _cancel(command, order.terms, request_id)
    except _OF_THE_NEW_ORDER:
        limits.give_order_back(command.account_id)
        raise
    except (ZavoraError, CompatError) as error:
        cancelled = known_compat_error(error)
    if isinstance(cancelled, CompatError) and not goes_on:
        raise _replace_failed(cancelled, None)
    # Its time runs from now: the cancel may have waited.
    sent = msgspec.structs.replace(order.command, deadline_ms=deadline_ms())
    order = msgspec.structs.replace(order, command=sent)
    placed = await _attempt(_send_counted(order, request_id))
    if isinstance(cancelled, CompatError) or isinstance(placed, CompatError):
        raise _replace_failed(cancelled, placed)
    return _both(cancelled, placed)


# What a cancel is refused with only for the sake of the order that is to follow it.
_OF_THE_NEW_ORDER: Final = (MarketHalted, AccountFrozen, InsufficientBalance, InvalidOrder)


def _over_limit(
    cancelled: Report | CompatError, over: CompatError, *, goes_on: bool
) -> CompatError:
    """Return how ``CANCEL_ONLY`` over the order limit is answered: the new order never went out."""
    is_tried = goes_on or not isinstance(cancelled, CompatError)
    failed = _replace_failed(cancelled, over if is_tried else None)
    if not is_tried:
        failed.status, failed.retry_after_s = over.status, over.retry_after_s
    return failed


async def _attempt(step: Any) -> Report | CompatError:
    """Return what a step answers, or the published error of its failure."""
    try:
        answer: Report = await step
    except (ZavoraError, CompatError) as error:
        return known_compat_error(error)
    return answer


def _replace_failed(
    cancelled: Report | CompatError, placed: Report | CompatError | None
) -> CompatError:
    data = _both(cancelled, placed)
    if SUCCESS in (data["cancelResult"], data["newOrderResult"]):
        return CompatError(
            -2021, "Order cancel-replace partially failed.", PARTIAL_STATUS, data=data
        )
    return CompatError(-2022, "Order cancel-replace failed.", data=data)


def _both(cancelled: Report | CompatError, placed: Report | CompatError | None) -> Report:
    return {
        "cancelResult": _outcome(cancelled),
        "newOrderResult": _outcome(placed),
        "cancelResponse": _shown(cancelled),
        "newOrderResponse": _shown(placed),
    }


def _outcome(result: Report | CompatError | None) -> str:
    if result is None:
        return NOT_ATTEMPTED
    return FAILURE if isinstance(result, CompatError) else SUCCESS


def _shown(result: Report | CompatError | None) -> Report | None:
    return result.body() if isinstance(result, CompatError) else result


# --- order lists ----------------------------------------------------------------------------------


async def place_oco(params: Params, _caller: Caller, _account_pk: int, _request_id: str) -> Report:
    """Refuse an OCO: the engine does not have order lists yet."""
    find_market(params.needed("symbol"))
    raise errors.unsupported("OCO orders")


# --- queries --------------------------------------------------------------------------------------


async def query_order(params: Params, _caller: Caller, account_pk: int, _request_id: str) -> Report:
    """Return one order, in whatever state, by ``orderId`` or ``origClientOrderId``."""
    terms = find_market(params.needed("symbol")).terms
    order_id, client_order_id = _named_order(params, "orderId", "origClientOrderId")
    named = {"account_id": account_pk, "market_id": terms.market_id}
    if order_id is not None:
        row = await read_lasting(find_order, order_id, **named)
        if row is not None and client_order_id not in (None, row.client_order_id):
            row = None
    else:
        row = await read_lasting(find_order_by_client_id, client_order_id or "", **named)
    if row is None:
        raise errors.unknown_order()
    return reports.order(state_of_row(row, terms), terms)


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
    shown = [
        reports.order(state_of_row(row, terms_by_id[row.market_id]), terms_by_id[row.market_id])
        for row in rows
    ]
    return rows[-1].pk if len(rows) == OPEN_PAGE else None, encode(shown)[1:-1]


# --- routes ---------------------------------------------------------------------------------------


def _counted(call: Call) -> Handler:
    """Return the handler of a call that places an order: it tells the account's count."""
    answer = rest(call)

    async def handle(request: CompatRequest) -> Any:
        answered = await answer(request)
        short, long = limits.order_counts(request.account_pk)
        request.headers.append((b"x-mbx-order-count-10s", b"%d" % short))
        request.headers.append((b"x-mbx-order-count-1d", b"%d" % long))
        return answered

    return handle


def check_named_order(params: Params) -> None:
    """Raise -1102 unless symbol and order are named."""
    params.require("symbol")
    _check_named(params, "orderId", "origClientOrderId")


def check_replacement(params: Params) -> None:
    """Raise -1102 for what cancelReplace must have and has not."""
    check_required(params)
    params.require("cancelReplaceMode")
    _check_named(params, "cancelOrderId", "cancelOrigClientOrderId")


def check_oco(params: Params) -> None:
    """Raise -1102 for what an order list must have and has not."""
    params.require("symbol", "side", "quantity", "aboveType", "belowType")


def _open_orders_weight(params: Params) -> int:
    return 6 if params.get("symbol") else 80


_SYMBOL: Final = ("symbol",)
_TRADE: Final = Security.TRADE
_READ: Final = Security.USER_DATA
ROUTES: Final[Routes] = {
    ("POST", "/api/v3/order"): Route(_counted(place), 1, _TRADE, required=check_required),
    ("POST", "/api/v3/order/test"): Route(rest(place_test), 1, _TRADE, required=check_required),
    ("GET", "/api/v3/order"): Route(rest(query_order), 4, _READ, required=check_named_order),
    ("DELETE", "/api/v3/order"): Route(rest(cancel), 1, _TRADE, required=check_named_order),
    ("GET", "/api/v3/openOrders"): Route(rest(list_open), _open_orders_weight, _READ),
    ("DELETE", "/api/v3/openOrders"): Route(rest(cancel_all), 1, _TRADE, required=_SYMBOL),
    ("POST", "/api/v3/order/cancelReplace"): Route(
        _counted(cancel_replace), 1, _TRADE, required=check_replacement
    ),
    ("POST", "/api/v3/orderList/oco"): Route(rest(place_oco), 1, _TRADE, required=check_oco),
}

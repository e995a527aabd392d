"""Lists of orders: place, cancel, look up. REST and the WebSocket API call the same functions."""

from collections.abc import Callable
from typing import Final

from accounts.access.callers import Caller
from api.binance import limits
from api.binance.rest.list_rows import (
    FoundList,
    cancelled_lists,
    find_named_list,
    is_name_taken,
    shown_list,
    shown_lists,
    shown_open_lists,
)
from api.binance.rest.new_lists import (
    NewList,
    check_oco,
    check_old_oco,
    check_oto,
    check_otoco,
    read_oco,
    read_old_oco,
    read_oto,
    read_otoco,
)
from api.binance.rest.order_names import check_named, id_of, name_of
from api.binance.rest.params import Params
from api.binance.rest.routes import Call, Route, Routes, Security, rest
from api.binance.rest.trading import counted, placed, submit_counted
from api.binance.words import errors, list_errors, list_reports
from api.binance.words.errors import CompatError
from api.binance.words.reports import Report
from api.binance.words.symbols import find_traded, list_offered
from api.orders import submit, told_after
from api.transport.threads import in_thread, read_lasting
from matching.commands.cancel import CancelOrder
from matching.engine.orders import OPEN_STATUSES
from matching.markets.terms import MarketTerms
from matching.orders.legs import list_state
from zavora.foundation.errors import InvalidOrder, OrderNotFound, OrderNotOpen
from zavora.foundation.times import moment_of

LIST_DEFAULT: Final = 500
LIST_MAX: Final = 1_000


# --- new lists ------------------------------------------------------------------------------------


def _place(read: Callable[[Params, Caller, int], NewList]) -> Call:
    """Return the call that places a list which ``read`` makes of the parameters."""

    async def place(params: Params, caller: Caller, account_pk: int, request_id: str) -> Report:
        new = read(params, caller, account_pk)
        command = new.command
        if "listClientOrderId" in params and await in_thread(
            is_name_taken, command.client_list_id or "", account_pk
        ):
            raise errors.duplicate_order()
        count = len(command.legs)
        await limits.take_order(account_pk, count)
        try:
            reply = await submit_counted(command, request_id, count=count)
        except InvalidOrder as error:
            if error.details.get("reason") == "would_trigger_at_once":
                raise list_errors.prices_unrelated() from None
            raise
        reports = [
            await placed(
                order,
                [trade for trade in reply.trades if trade.taker_order_id == order.id],
                new.terms,
                new.response_type,
            )
            for order in reply.orders
        ]
        state = list_state(
            reply.list_id,
            account_id=account_pk,
            market_id=command.market_id,
            kind=command.kind,
            client_list_id=command.client_list_id,
            status="done" if list_reports.is_done(reply.orders) else "executing",
            created_us=reply.orders[0].created_us,
        )
        return list_reports.reported(state, reply.orders, new.terms, reports)

    return place


# --- cancels --------------------------------------------------------------------------------------


async def cancel(params: Params, caller: Caller, account_pk: int, request_id: str) -> Report:
    """Cancel a list by ``orderListId`` or ``listClientOrderId`` (both: they must agree)."""
    terms = find_traded(params.needed("symbol"), caller).terms
    name = name_of(params, "newClientOrderId")
    here = {terms.market_id: terms}
    found = await in_thread(find_named_list, params, account_pk, here, "listClientOrderId")
    if found is None or not await _cancel_one(found, name, request_id):
        raise errors.unknown_order_to_cancel()
    reading = read_lasting(cancelled_lists, [found.state.id], account_pk, terms, name)
    (ended,) = await told_after(reading)
    return ended


async def _cancel_one(found: FoundList, name: str, request_id: str) -> bool:
    """Cancel an open order of a list, with which all of it ends; tell whether one was open."""
    for order in found.orders:
        if order.status not in OPEN_STATUSES:
            continue
        command = CancelOrder(
            account_id=order.account_id,
            market_id=order.market_id,
            order_id=order.id,
            client_order_id=None,
            cancel_name=name,
        )
        try:
            await submit(command, request_id)
        except (OrderNotFound, OrderNotOpen):
            continue  # it ended meanwhile; another one may follow it
        return True
    return False


# --- queries --------------------------------------------------------------------------------------


async def query(params: Params, _caller: Caller, account_pk: int, _request_id: str) -> Report:
    """Return one list, done or not, by ``orderListId`` or ``origClientOrderId``."""
    terms_by_id = _terms_by_id()
    found = await read_lasting(
        find_named_list, params, account_pk, terms_by_id, "origClientOrderId"
    )
    if found is None:
        raise list_errors.unknown_list()
    return shown_list(found, terms_by_id[found.state.market_id])


async def list_all(
    params: Params, _caller: Caller, account_pk: int, _request_id: str
) -> list[Report]:
    """Return lists, done or not, by ascending id: the newest, or those asked for."""
    from_id = id_of(params, "fromId")
    start_us, end_us = params.start_us(), params.end_us()
    limit = params.limit(default=LIST_DEFAULT, high=LIST_MAX)
    if from_id is not None and (start_us is not None or end_us is not None):
        raise CompatError(-1128, "Combination of optional parameters invalid.")
    return await read_lasting(
        shown_lists,
        account_pk,
        _terms_by_id(),
        from_id=from_id,
        start=None if start_us is None else moment_of(start_us),
        end=None if end_us is None else moment_of(end_us),
        limit=limit,
    )


async def list_open(
    _params: Params, _caller: Caller, account_pk: int, _request_id: str
) -> list[Report]:
    """Return all lists of which an order is open, oldest first."""
    return await read_lasting(shown_open_lists, account_pk, _terms_by_id())


def _terms_by_id() -> dict[int, MarketTerms]:
    return {view.terms.market_id: view.terms for view in list_offered()}


# --- routes ---------------------------------------------------------------------------------------


def _check_cancel(params: Params) -> None:
    params.require("symbol")
    check_named(params, "orderListId", "listClientOrderId")


def _check_query(params: Params) -> None:
    check_named(params, "orderListId", "origClientOrderId")


def _placing(
    read: Callable[[Params, Caller, int], NewList], required: Callable[[Params], None]
) -> Route:
    return Route(counted(_place(read)), 1, Security.TRADE, required=required)


_READ: Final = Security.USER_DATA
ROUTES: Final[Routes] = {
    ("POST", "/api/v3/orderList/oco"): _placing(read_oco, check_oco),
    ("POST", "/api/v3/orderList/oto"): _placing(read_oto, check_oto),
    ("POST", "/api/v3/orderList/otoco"): _placing(read_otoco, check_otoco),
    ("POST", "/api/v3/order/oco"): _placing(read_old_oco, check_old_oco),
    ("DELETE", "/api/v3/orderList"): Route(rest(cancel), 1, Security.TRADE, required=_check_cancel),
    ("GET", "/api/v3/orderList"): Route(rest(query), 4, _READ, required=_check_query),
    ("GET", "/api/v3/allOrderList"): Route(rest(list_all), 20, _READ),
    ("GET", "/api/v3/openOrderList"): Route(rest(list_open), 6, _READ),
}

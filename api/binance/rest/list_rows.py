"""Lists of the tables as answers show them. These run in threads: they read."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from api.binance.rest.order_names import id_of
from api.binance.rest.params import Params
from api.binance.words import list_reports
from api.binance.words.reports import Report
from matching.markets.terms import MarketTerms
from matching.orders.lists import (
    find_order_list_by_client_id,
    list_lists_by_id,
    list_order_lists,
    list_orders_of,
    state_of_row,
)
from matching.orders.selectors import PAGE_MAX
from matching.rows.orders import state_of_row as order_state_of_row
from matching.wire import ListState, OrderState
from zavora.foundation.times import microseconds_of


class FoundList(msgspec.Struct, frozen=True):
    """A list with its orders. ``changed_us``: when it was placed, or when it was done."""

    state: ListState
    orders: list[OrderState]
    changed_us: int


def find_named_list(
    params: Params,
    account_pk: int,
    terms_by_id: Mapping[int, MarketTerms],
    name_parameter: str,
) -> FoundList | None:
    """Return the list of ``orderListId``, else of a name, in one of the markets, if any."""
    list_id, name = id_of(params, "orderListId"), params.text(name_parameter)
    if list_id is not None:
        row = next(iter(list_lists_by_id([list_id], account_id=account_pk)), None)
        if row is not None and name not in (None, row.client_list_id):
            row = None
    else:
        row = find_order_list_by_client_id(name or "", account_id=account_pk)
    if row is None or row.market_id not in terms_by_id:
        return None
    return _with_orders([row], terms_by_id)[0]


def is_name_taken(name: str, account_pk: int) -> bool:
    """Tell whether a list of the account that is not done has this name."""
    row = find_order_list_by_client_id(name, account_id=account_pk)
    return row is not None and row.done_at is None


def shown_list(found: FoundList, terms: MarketTerms) -> Report:
    """Return a list as queries show it."""
    names = [order.client_order_id for order in found.orders]
    return list_reports.shown(found.state, names, terms, found.changed_us)


def shown_lists(
    account_pk: int, terms_by_id: Mapping[int, MarketTerms], **wanted: Any
) -> list[Report]:
    """Return the wanted lists (``list_order_lists``) in the markets, by ascending id."""
    return _shown(list_order_lists(account_pk, **wanted), terms_by_id)


def shown_open_lists(account_pk: int, terms_by_id: Mapping[int, MarketTerms]) -> list[Report]:
    """Return all lists in the markets of which an order is open, by ascending id."""
    rows: list[Any] = []
    before_id: int | None = None
    while True:
        page = list_order_lists(account_pk, is_done=False, before_id=before_id, limit=PAGE_MAX)
        rows += page
        if len(page) < PAGE_MAX:
            return _shown(rows, terms_by_id)
        before_id = page[-1].pk


def _shown(rows: Sequence[Any], terms_by_id: Mapping[int, MarketTerms]) -> list[Report]:
    """Return rows, which are newest first, the other way round."""
    told = [row for row in reversed(rows) if row.market_id in terms_by_id]
    found = _with_orders(told, terms_by_id)
    return [shown_list(one, terms_by_id[one.state.market_id]) for one in found]


def cancelled_lists(
    list_ids: Collection[int], account_pk: int, terms: MarketTerms, name: str
) -> list[Report]:
    """Return lists of a market as a cancel of that name has left them."""
    found = _with_orders(
        list_lists_by_id(list_ids, account_id=account_pk), {terms.market_id: terms}
    )
    return [list_reports.cancelled(one.state, one.orders, terms, name) for one in found]


def _with_orders(rows: Sequence[Any], terms_by_id: Mapping[int, MarketTerms]) -> list[FoundList]:
    orders = list_orders_of(rows)
    return [
        FoundList(
            state_of_row(row),
            [order_state_of_row(order, terms_by_id[row.market_id]) for order in orders[row.pk]],
            microseconds_of(row.done_at or row.created_at),
        )
        for row in rows
    ]

"""Orders of the tables as queries and lists show them. These run in threads: they read."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.binance.rest.order_names import named_order
from api.binance.rest.params import Params
from api.binance.words import reports
from api.binance.words.reports import Report
from matching import wire
from matching.markets.terms import MarketTerms
from matching.orders.prevented import last_prevented_ids
from matching.orders.selectors import find_order, find_order_by_client_id
from matching.rows.orders import state_of_row


def find_named(params: Params, account_pk: int, terms: MarketTerms) -> wire.OrderState | None:
    """Return the order of ``orderId`` or ``origClientOrderId`` (both: they must agree), if any."""
    order_id, client_order_id = named_order(params)
    named = {"account_id": account_pk, "market_id": terms.market_id}
    if order_id is None:
        row = find_order_by_client_id(client_order_id or "", **named)
    else:
        row = find_order(order_id, **named)
        if row is not None and client_order_id not in (None, row.client_order_id):
            row = None
    return None if row is None else state_of_row(row, terms)


def shown_order(params: Params, account_pk: int, terms: MarketTerms) -> Report | None:
    """Return the order that the parameters name."""
    state = find_named(params, account_pk, terms)
    if state is None:
        return None
    return reports.order(state, terms, last_prevented_id(state))


def shown_orders(rows: Sequence[Any], terms_by_id: Mapping[int, MarketTerms]) -> list[Report]:
    """Return rows of orders, each of one of the markets."""
    states = [state_of_row(row, terms_by_id[row.market_id]) for row in rows]
    lost = [state.id for state in states if reports.prevented_text(state) is not None]
    met = last_prevented_ids(lost) if lost else {}
    return [
        reports.order(state, terms_by_id[state.market_id], met.get(state.id)) for state in states
    ]


def last_prevented_id(state: wire.OrderState) -> int | None:
    """Return the last prevented match by which an order lost something, None: it did not."""
    if reports.prevented_text(state) is None:
        return None
    return last_prevented_ids([state.id]).get(state.id)

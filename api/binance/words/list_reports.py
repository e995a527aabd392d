"""How lists of orders read in this API."""

from collections.abc import Sequence
from typing import Final

from api.binance.words import reports
from api.binance.words.reports import Report
from api.binance.words.symbols import symbol_of
from api.binance.words.text import ms_of_us
from matching.engine.orders import OPEN_STATUSES
from matching.markets.terms import MarketTerms
from matching.wire import ListKind, ListState, OrderState

# A pair that follows an order is published as no kind of its own.
CONTINGENCIES: Final[dict[ListKind, str]] = {"oco": "OCO", "oto": "OTO", "otoco": "OTO"}
STATUS_TYPES: Final = {"executing": "EXEC_STARTED", "done": "ALL_DONE"}
ORDER_STATUSES: Final = {"executing": "EXECUTING", "done": "ALL_DONE"}


def shown(
    state: ListState, names: Sequence[str | None], terms: MarketTerms, time_us: int
) -> Report:
    """Return a list as queries show it. ``names``: its orders' client order ids."""
    symbol = symbol_of(terms)
    orders = zip(state.order_ids, names, strict=True)
    return {
        "orderListId": state.id,
        "contingencyType": CONTINGENCIES[state.kind],
        "listStatusType": STATUS_TYPES[state.status],
        "listOrderStatus": ORDER_STATUSES[state.status],
        "listClientOrderId": state.client_list_id or "",
        "transactionTime": ms_of_us(time_us),
        "symbol": symbol,
        "orders": [
            {"symbol": symbol, "orderId": order_id, "clientOrderId": name or ""}
            for order_id, name in orders
        ],
    }


def reported(
    state: ListState, orders: Sequence[OrderState], terms: MarketTerms, order_reports: list[Report]
) -> Report:
    """Return a list that was placed or cancelled, with the reports of its orders."""
    names = [order.client_order_id for order in orders]
    time_us = max(order.updated_us for order in orders)
    return shown(state, names, terms, time_us) | {"orderReports": order_reports}


def cancelled(
    state: ListState, orders: Sequence[OrderState], terms: MarketTerms, cancel_name: str
) -> Report:
    """Return the answer to the cancel of a list that the client calls ``cancel_name``."""
    told = [reports.cancelled(order, terms, cancel_name) for order in orders]
    return reported(state, orders, terms, told)


def is_done(orders: Sequence[OrderState]) -> bool:
    """Tell whether no order of a list is open."""
    return all(order.status not in OPEN_STATUSES for order in orders)

"""``executionReport``: one step of one order, by the published names.

Two steps of ours that are published as one, the meeting of two orders of one owner and the end of
one of them, are brought together here; and a meeting is told only to who loses something by it.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from api.binance.words import reports
from api.binance.words.symbols import symbol_of
from api.binance.words.text import ZERO, eight, ms_of_us
from marketdata.feed.account_streams import AccountStep
from matching.engine.orders import LOSING_MODES
from matching.markets.terms import MarketTerms
from matching.wire import OrderState, PreventedState
from zavora.foundation.money import EXACT

# The trade of a step that is none.
NO_TRADE: Final = -1
PREVENTED: Final = "TRADE_PREVENTION"
EXECUTIONS: Final = {
    # Once accepted, and, of an order that waited for a price, once more when it enters the market.
    "new": "NEW",
    "triggered": "NEW",
    "trade": "TRADE",
    "cancelled": "CANCELED",
    "expired": "EXPIRED",
    "amended": "REPLACED",
    "prevented": PREVENTED,
}
OPEN_STATUSES: Final = frozenset({"new", "partially_filled"})

Report = dict[str, Any]


def execution_reports(
    terms: MarketTerms, steps: Sequence[AccountStep], batch_us: int
) -> Iterator[Report]:
    """Return the reports of an account's steps in a market, in their order."""
    if not any(step.change.prevented for step in steps):
        for step in steps:
            yield execution_report(terms, step, batch_us)
        return
    ended_by = _ended_by(steps)
    for step in steps:
        prevented = step.change.prevented
        if prevented is None:
            yield execution_report(terms, step, batch_us, ended_by.get(step.execution_id))
        # The end of an order tells how it came to it; of what goes on, only its loss is told.
        elif prevented.mode in LOSING_MODES and step.execution_id not in ended_by:
            yield execution_report(terms, step, batch_us, prevented)


def _ended_by(steps: Sequence[AccountStep]) -> dict[int, PreventedState | None]:
    """Return by which meeting orders ended; of that meeting's own step: that it is told there.

    Keys are the steps' execution ids. The meeting is the order's last before its end.
    """
    meetings: dict[int, AccountStep] = {}
    ended_by: dict[int, PreventedState | None] = {}
    for step in steps:
        order_id = step.change.order.id
        if step.change.prevented is not None:
            meetings[order_id] = step
        elif step.change.kind == "cancelled" and step.change.order.reason == "self_trade":
            meeting = meetings.pop(order_id, None)
            if meeting is not None:
                ended_by[meeting.execution_id] = None
                ended_by[step.execution_id] = meeting.change.prevented
    return ended_by


def execution_report(
    terms: MarketTerms, step: AccountStep, batch_us: int, prevented: PreventedState | None = None
) -> Report:
    """Return one step of an order's life. ``prevented``: the meeting by which it lost something."""
    change, order, trade = step.change, step.change.order, step.trade
    is_prevented = prevented is not None or order.reason == "self_trade"
    is_cancel = change.kind == "cancelled" and not is_prevented
    client_order_id = order.client_order_id or ""
    conditions = reports.conditions_of(order)
    charged: tuple[str, str | None] = ("0", None)
    if trade is not None:
        charged = reports.commission(trade, terms, is_maker=change.is_maker)
    works = reports.is_working(order)
    report = {
        "e": "executionReport",
        "E": ms_of_us(batch_us),
        "s": symbol_of(terms),
        "c": (change.cancel_name or client_order_id) if is_cancel else client_order_id,
        "S": reports.side_word(order),
        "o": reports.type_word(order),
        "f": reports.lifetime_word(order),
        "q": reports.quantity_text(order),
        "p": reports.price_text(order),
        "P": _text(reports.stop_price(order)),
        "F": _text(conditions.display_quantity),
        "g": reports.list_id(order),
        "C": client_order_id if is_cancel else "",
        "x": PREVENTED if is_prevented else EXECUTIONS[change.kind],
        "X": reports.status_word(order),
        "r": "NONE",
        "i": order.id,
        "l": ZERO if trade is None else eight(trade.quantity),
        "z": eight(order.filled_quantity),
        "L": ZERO if trade is None else eight(trade.price),
        "n": charged[0],
        "N": charged[1],
        "T": ms_of_us(batch_us if trade is None else trade.created_us),
        "t": NO_TRADE if trade is None else trade.sequence,
        "I": step.execution_id,
        "w": works and order.status in OPEN_STATUSES,
        "m": trade is not None and change.is_maker,
        "M": trade is not None,
        "O": ms_of_us(order.created_us),
        "Z": eight(order.filled_quote),
        "Y": ZERO if trade is None else eight(trade.amount),
        "Q": _text(order.quote_quantity),
    }
    if works:
        report["W"] = reports.working_ms(order)
    report["V"] = reports.self_trade_word(order, terms)
    if conditions.trail_bps is not None:
        report["d"] = conditions.trail_bps
        if (since_ms := reports.trailing_ms(order)) is not None:
            report["D"] = since_ms
    if is_prevented:
        report["A"] = reports.prevented_text(order) or ZERO
    if prevented is not None:
        report.update(_meeting(terms, order, prevented))
    return report


def _meeting(terms: MarketTerms, order: OrderState, prevented: PreventedState) -> Report:
    """Return what is told of a trade that was prevented to who lost something by it."""
    is_taker = order.id == prevented.taker_order_id
    # Where both lose what they would have traded, no more of them is lost by it.
    lost = prevented.quantity if prevented.mode in LOSING_MODES else order.remaining_quantity
    amount = EXACT.multiply(Decimal(prevented.price), Decimal(prevented.quantity))
    return {
        "v": prevented.id,
        "B": eight(lost),
        "u": reports.NO_GROUP,
        "U": prevented.maker_order_id if is_taker else prevented.taker_order_id,
        "Cs": symbol_of(terms),
        "pl": eight(prevented.quantity),
        "pL": eight(prevented.price),
        "pY": eight(amount),
    }


def _text(figure: str | None) -> str:
    return ZERO if figure is None else eight(figure)

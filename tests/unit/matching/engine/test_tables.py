"""The worked examples of the rule book, and more beside this file, are run as they stand."""

from collections.abc import Iterator
from typing import get_args

import pytest

from matching.engine.commands import Place, SetPhase
from matching.engine.events import OrderRejected, Prevented, RejectReason
from matching.engine.orders import (
    CloseReason,
    OrderStatus,
    OrderType,
    SelfTradeMode,
    TimeInForce,
    TriggerKind,
    TriggerReference,
    TriggerState,
)
from matching.engine.rules import MarketPhase
from tests.property.engine_views import orders_in
from tests.unit.matching.engine.rule_tables import (
    ALWAYS,
    FILES,
    GIVEN,
    SEEN,
    Seen,
    read_rows,
    run_row,
)

ROWS = [found for path in FILES for found in read_rows(path)]
ROWS_MIN = 500
WORDS = (
    *(CloseReason, OrderStatus, OrderType, RejectReason, SelfTradeMode, TimeInForce),
    *(TriggerKind, TriggerReference, TriggerState, MarketPhase),
)
# The engine knows of open orders only; whoever asks it for others has another answer for them.
NOT_THE_ENGINES = {"order_not_found"}


@pytest.mark.parametrize(("place", "row"), ROWS, ids=[place for place, _ in ROWS])
def test_row(place, row):
    assert row.keys() <= {*GIVEN, *SEEN}, place

    seen = run_row(row)

    told = [*row, *(column for column in ALWAYS if column not in row)]
    shown = {column: SEEN[column](seen) for column in told if column in SEEN}
    assert shown == {column: row.get(column, "") for column in shown}, row


@pytest.mark.unmutated
def test_the_tables_are_many_and_use_every_column_and_every_word():
    assert len(ROWS) >= ROWS_MIN
    assert {column for _, row in ROWS for column, cell in row.items() if cell} == {*GIVEN, *SEEN}

    met = {word for _, row in ROWS for word in _words(run_row(row))}

    assert {word for words in WORDS for word in get_args(words)} - met == NOT_THE_ENGINES


def _words(seen: Seen) -> Iterator[str | None]:
    """Yield the words of what was asked for and of what came of it."""
    for command in seen.desk.applied:
        if isinstance(command, SetPhase):
            yield command.phase
        elif isinstance(command, Place):
            terms = command.terms
            yield from (terms.order_type, terms.time_in_force, terms.conditions.self_trade)
            yield from (terms.conditions.trigger, terms.conditions.trigger_by)
    for event in seen.events:
        if isinstance(event, OrderRejected):
            yield event.reason
        elif isinstance(event, Prevented):
            yield event.mode
    for order in (*orders_in(seen.events), *seen.desk.engine.market(1).open_orders()):
        yield from (order.status, order.reason, order.trigger_state)

"""The worked examples of the rule book, and more of their kind beside this file, run as they stand."""

from typing import get_args

import pytest

from matching.engine.events import RejectReason
from matching.engine.orders import (
    CloseReason,
    OrderStatus,
    SelfTradeMode,
    TriggerState,
)
from matching.engine.rules import MarketPhase
from tests.unit.matching.engine.rule_tables import ALWAYS, FILES, GIVEN, SEEN, read_rows, run_row

ROWS = [found for path in FILES for found in read_rows(path)]
ROWS_MIN = 300


@pytest.mark.parametrize(("place", "row"), ROWS, ids=[place for place, _ in ROWS])
def test_row(place, row):
    assert row.keys() <= {*GIVEN, *SEEN}, place

    seen = run_row(row)

    told = [*row, *(column for column in ALWAYS if column not in row)]
    shown = {column: SEEN[column](seen) for column in told if column in SEEN}
    assert shown == {column: row.get(column, "") for column in shown}, row


def test_the_tables_are_many_and_every_column_is_used():
    assert len(ROWS) >= ROWS_MIN
    assert {column for _, row in ROWS for column, cell in row.items() if cell} == {*GIVEN, *SEEN}

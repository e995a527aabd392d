"""The worked examples of docs/matching.md are run as they stand."""

from pathlib import Path

import pytest

from matching.engine.events import OrderClosed
from tests.unit.matching.engine.notation import Desk, end, refusals, trades

DOCUMENT = Path(__file__).parents[4] / "docs" / "matching.md"


def _examples() -> list[dict[str, str]]:
    """Return the rows of every table that has a book and an order, by column."""
    rows: list[dict[str, str]] = []
    header: list[str] | None = None
    for line in DOCUMENT.read_text().splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if header is None:
            header = cells
        elif not set(line) <= set("|-") and header[:2] == ["Book", "Order"]:
            rows.append(dict(zip(header, cells, strict=True)))
    return rows


EXAMPLES = _examples()


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: f"{row['Book']} / {row['Order']}")
def test_worked_example(row):
    setting, _, value = row.get("With", "").partition(" ")
    rules = {setting: int(value) if value.isdigit() else value} if setting else {}
    desk = Desk(row["Book"], tick_lot_units=10, **rules)  # both assets have two decimals there

    events = desk.place(row["Order"].replace(".", ""))

    assert set(row) <= CHECKS.keys() | GIVEN
    for column, text in row.items():
        if column in CHECKS:
            assert CHECKS[column](desk, events) == text, column


def _amount(units: int, order) -> str:
    return f"{units // 100}.{units % 100:02} {'USD' if order.terms.side == 'buy' else 'BTC'}"


def _given_back(_desk, events) -> str:
    return "".join(_amount(e.released_units, e.order) for e in events if isinstance(e, OrderClosed))


GIVEN = {"Book", "Order", "With"}
CHECKS = {
    "Trades": lambda _desk, events: "; ".join(trades(events)),
    "Ends as": lambda _desk, events: end(events),
    "Book after": lambda desk, _events: desk.book(),
    "Locks": lambda _desk, events: _amount(events[0].hold_units, events[0].order),
    "Gives back at the end": _given_back,
    "Refused": lambda _desk, events: "".join(refusals(events)),
}


def test_document_has_examples_for_every_column():
    assert len(EXAMPLES) > 25
    assert {column for row in EXAMPLES for column in row} == CHECKS.keys() | GIVEN

"""The rule tables: Markdown tables in book notation, read from the rule book and run row by row.

A row says how a market stands (``GIVEN``), what comes (``Order``, ``Then``), and what is to be seen
after it (``SEEN``). *It* is the row's order. Orders of ``Book`` belong to somebody, those of
``Waiting`` to another, the order and the steps to the taker, unless they say otherwise.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from string import digits
from typing import Any, Final

import msgspec

from matching.engine import Engine
from matching.engine.commands import Command
from matching.engine.events import (
    Event,
    OrderClosed,
    OrderPlaced,
    OrderRejected,
    OrderTriggered,
    Prevented,
    Replaced,
)
from matching.engine.orders import Order
from tests.unit.matching.engine.notation import MARKET_ID, PLENTY_UNITS, Desk, refusals, trades
from tests.unit.matching.engine.showing import amount, in_decimals

ROOT: Final = Path(__file__).parents[4]
FILES: Final = (
    *sorted((ROOT / "docs").glob("matching*.md")),
    *sorted((Path(__file__).parent / "tables").glob("*.md")),
)
GIVEN: Final = ("Last", "Book", "Waiting", "With", "Phase", "Has", "Order", "Then")
CELLS: Final = re.compile(r"(?<!\\)\|")  # a bar that belongs to a cell has a backslash before it
Row = dict[str, str]


class Seen(msgspec.Struct):
    """What one row came to: the order it placed, if that was accepted, and all that happened."""

    desk: Desk
    order: Order | None
    events: list[Event]


# --- reading --------------------------------------------------------------------------------------


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield (place, cells by column) for each row of a page's tables with a column ``Order``."""
    header: list[str] | None = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.startswith("|"):
            header = None
            continue
        found = CELLS.split(line.strip().removeprefix("|").removesuffix("|"))
        cells = [cell.strip().strip("`").replace("\\|", "|") for cell in found]
        if header is None:
            header = cells
        elif not set(line) <= set("|- ") and "Order" in header:
            yield f"{path.stem}:{number}", dict(zip(header, cells, strict=True))


# --- running --------------------------------------------------------------------------------------


def run_row(row: Row) -> Seen:
    """Do what a row says, and check that it can be taken back, repeated and loaded again."""
    desk = Desk(tick_lot_units=10)  # both assets have two decimals there
    if row.get("Last"):
        desk.place(f"ann: sell 1 @ {row['Last']}")
        desk.place(f"bob: buy 1 @ {row['Last']}")
    desk.configure(**dict(map(_rule, filter(None, row.get("With", "").split("; ")))))
    desk.set_up(row.get("Book", ""), account="maker")
    desk.set_up(row.get("Waiting", ""), account="waiter")
    if row.get("Phase"):
        desk.phase(row["Phase"])
    desk.engine.commit()
    started = len(desk.applied)
    before = desk.engine.state_hash()

    seen = Seen(desk, None, [])
    told = []
    for number, step in enumerate([row["Order"], *row.get("Then", "").split("; ")]):
        if not step:
            continue
        has = row.get("Has", "") if number == 0 else ""
        unchanged = desk.engine.state_hash()
        events = desk.step(step, available=_units(has) if has else PLENTY_UNITS)
        if number == 0 and isinstance(events[0], OrderPlaced):
            seen.order = events[0].order
            desk.names["it"] = seen.order.account_id, seen.order.order_id
        if refusals(events):
            assert desk.engine.state_hash() == unchanged
        seen.events += events
        told.append(list(map(repr, events)))
    _check_repeatable(desk, before, desk.applied[started:], told)
    return seen


def _check_repeatable(
    desk: Desk, before: str, commands: list[Command], told: list[list[str]]
) -> None:
    """Check an undo, a second time, and an engine rebuilt from what the tables would hold."""
    engine, after = desk.engine, desk.engine.state_hash()
    rebuilt = Engine()
    orders = [msgspec.structs.replace(o) for m in engine.markets() for o in m.open_orders()]
    rebuilt.load(markets=[market.snapshot() for market in engine.markets()], orders=orders)
    assert rebuilt.state_hash() == after

    shown = desk.book(), desk.waiting()
    engine.undo()
    assert engine.state_hash() == before
    assert [list(map(repr, engine.apply(command))) for command in commands] == told
    assert engine.state_hash() == after
    assert (desk.book(), desk.waiting()) == shown


def _rule(text: str) -> tuple[str, Any]:
    """Return a rule of the market by its name: ``band 5%``, ``max_open_orders 2``."""
    name, _, value = text.partition(" ")
    if name in ("band", "protection", "dynamic_collar", "static_collar"):
        return f"{name}_ppm", int(value.removesuffix("%")) * 10_000
    if name in ("min_notional", "max_notional"):
        return f"{name}_units", _units(value)
    if name == "self_trade_modes":
        return name, tuple(value.split(" "))
    return name, int(value) if value.isdigit() else value


def _units(text: str) -> int:
    """Return an amount, of either asset, in units."""
    return int(text.split(" ")[0].replace(".", ""))


# --- what is seen ---------------------------------------------------------------------------------


def _name(seen: Seen, order: Order) -> str:
    if seen.order is not None and order.order_id == seen.order.order_id:
        return "it"
    assert order.terms.client_order_id is not None, "what a row tells of needs a name"
    return order.terms.client_order_id


def _enters(seen: Seen) -> str:
    """Return who entered, in order; of many that are numbered, the first and the last."""
    found: list[list[str]] = []
    for event in seen.events:
        if isinstance(event, OrderTriggered):
            name = _name(seen, event.order)
            word, number = name.rstrip(digits), name.removeprefix(name.rstrip(digits))
            if found and number and found[-1][-1] == f"{word}{int(number) - 1}":
                found[-1][1:] = [name]
            else:
                found.append([name])
    return "; ".join(" to ".join(run) for run in found)


def _closed(seen: Seen) -> str:
    return "; ".join(
        f"{_name(seen, e.order)} {e.order.status} {e.order.reason}".strip()
        for e in seen.events
        if isinstance(e, OrderClosed)
    )


def _own(seen: Seen) -> Order:
    assert seen.order is not None, "the row's order was not accepted"
    return seen.order


def _ends_as(seen: Seen) -> str:
    return "" if seen.order is None else f"{seen.order.status} {seen.order.reason}".strip()


def _locks(seen: Seen) -> str:
    placed = next(e for e in seen.events if isinstance(e, OrderPlaced))
    return amount(placed.hold_units, placed.order)


def _given_back(seen: Seen) -> str:
    order, units = _own(seen), []
    for event in seen.events:
        match event:
            case OrderClosed(other) | OrderTriggered(other) if other is order:
                units.append(event.released_units)
            case Prevented(taker=other, taker_released_units=released) if other is order:
                units.append(released)
    return amount(sum(units), order) if units else ""


def _prevented(seen: Seen) -> str:
    found = (e for e in seen.events if isinstance(e, Prevented))
    return "; ".join(f"{e.quantity_lots} @ {e.price_ticks}" for e in found)


def _moved(seen: Seen) -> str:
    found = (e for e in seen.events if isinstance(e, Prevented) and e.mode == "transfer")
    return "; ".join(
        f"{in_decimals(e.base_units)} BTC for {in_decimals(e.quote_units)} USD" for e in found
    )


def _refused(seen: Seen) -> str:
    found: list[OrderRejected | None] = []
    for event in seen.events:
        if isinstance(event, OrderRejected):
            found.append(event)
        elif isinstance(event, Replaced):
            found += [event.cancel_refused, event.place_refused]
    return "; ".join(one.reason for one in found if one is not None)


SEEN: Final[dict[str, Callable[[Seen], str]]] = {
    "Refused": _refused,
    "Trades": lambda seen: "; ".join(trades(seen.events)),
    "Prevented": _prevented,
    "Moved": _moved,
    "Enters": _enters,
    "Ends as": _ends_as,
    "Waits": lambda seen: _own(seen).trigger_state,
    "Closed": _closed,
    "Locks": _locks,
    "Holds after": lambda seen: amount(_own(seen).hold_units, _own(seen)),
    "Gives back": _given_back,
    "Book after": lambda seen: seen.desk.book(),
    "Public after": lambda seen: seen.desk.public(),
    "Phase after": lambda seen: seen.desk.engine.market(MARKET_ID).phase,
    "Waiting after": lambda seen: seen.desk.waiting(),
}
# These are to be told: a row whose table has no such column has nothing to tell there.
ALWAYS: Final = ("Refused", "Enters")

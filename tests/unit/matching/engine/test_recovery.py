"""An engine rebuilt from the tables, and the fingerprint that proves it."""

import ast
from pathlib import Path

import msgspec
import pytest

import matching.engine
from matching.engine import Engine, EngineError
from matching.engine.orders import Order, OrderTerms
from matching.engine.rules import MarketSnapshot, TrailMark
from tests.unit.matching.engine.notation import CONDITIONS, MARKET_ID, RULES, Desk, changed

RESTING = "buy 5 @ 98; ann: buy 2 @ 98 #a; sell 3 @ 100; ann: sell 2 @ 100; sell 3 @ 101"
SNAPSHOT = MarketSnapshot(RULES, "continuous", 0, 0, None)


def _orders(engine: Engine) -> list[Order]:
    return [msgspec.structs.replace(o) for o in engine.market(MARKET_ID).open_orders()]


def test_rebuilt_engine_has_the_same_hash_and_goes_on_the_same():
    desk, twin = Desk(RESTING), Desk(RESTING)
    for each in (desk, twin):
        each.place("buy 4 @ 100")
    rebuilt = Engine()
    rebuilt.load(
        markets=[desk.engine.market(MARKET_ID).snapshot()],
        orders=reversed(_orders(desk.engine)),
    )
    assert rebuilt.state_hash() == desk.engine.state_hash()

    desk.engine = rebuilt
    ours, theirs = desk.place("bob: buy 9 @ 101"), twin.place("bob: buy 9 @ 101")

    assert repr(ours) == repr(theirs)
    assert desk.engine.state_hash() == twin.engine.state_hash()


def test_hash_is_the_same_everywhere():
    # Written down once, so that a change of format or of an order's fields is seen.
    assert Desk(RESTING).engine.state_hash() == (
        "9f619893e07f03464e9eaefeac10d0401d13e4a7c117b1e48e99b38da83897e8"
    )


@pytest.mark.parametrize(
    "field",
    sorted(
        {*Order.__struct_fields__, *OrderTerms.__struct_fields__, *CONDITIONS}
        - {"carried", "conditions", "terms"}
    ),
)
def test_hash_tells_every_field_of_an_order(field):
    desk = Desk(RESTING)
    before = desk.engine.state_hash()
    order = desk.engine.order(1)
    parts = (order, order.terms, order.terms.conditions)
    value = next(getattr(part, field) for part in parts if hasattr(part, field))

    other = changed(order, {field: not value if isinstance(value, bool) else "other"})
    for name in Order.__struct_fields__:
        setattr(order, name, getattr(other, name))

    assert desk.engine.state_hash() != before


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "halted"},
        {"trade_sequence": 1},
        {"depth_sequence": 1},
        {"last_price_ticks": 1},
        {"trigger_sequence": 1},
        {"trails": (TrailMark("last", False, 1, 100),)},
        {"rules": msgspec.structs.replace(RULES, band_ppm=1)},
    ],
)
def test_hash_tells_every_figure_of_a_market(change):
    one, other = Engine(), Engine()
    one.load(markets=[SNAPSHOT], orders=[])
    other.load(markets=[msgspec.structs.replace(SNAPSHOT, **change)], orders=[])

    assert one.state_hash() != other.state_hash()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "filled"}, "cannot be open"),
        ({"order_type": "market"}, "cannot be open"),
        ({"time_in_force": "ioc"}, "cannot be open"),
        ({"price_ticks": None}, "cannot be open"),
        ({"price_ticks": 0}, "cannot be open"),
        ({"quantity_lots": 6}, "cannot be open"),
        ({"filled_lots": 5, "remaining_lots": 0}, "cannot be open"),
        ({"status": "partially_filled"}, "cannot be open"),
        ({"hold_units": 2449}, "does not hold"),
        ({"market_id": 7}, "no market 7"),
        ({"order_id": 2}, "came twice"),
        ({"price_ticks": 100, "hold_units": 2500}, "crossed"),
    ],
)
def test_tables_that_contradict_themselves_are_not_loaded(change, message):
    orders = _orders(Desk(RESTING).engine)
    orders[0] = changed(orders[0], change)

    with pytest.raises(EngineError, match=message):
        Engine().load(markets=[SNAPSHOT], orders=orders)


def test_market_is_loaded_once():
    engine = Engine()
    engine.load(markets=[SNAPSHOT], orders=[])

    with pytest.raises(EngineError, match="there already"):
        engine.load(markets=[SNAPSHOT], orders=[])


def test_engine_imports_nothing_that_could_make_it_differ_from_run_to_run():
    allowed = {
        "bisect",
        "collections",
        "hashlib",
        "heapq",
        "itertools",
        "matching",
        "msgspec",
        "typing",
    }
    for path in Path(matching.engine.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {name.name.split(".")[0] for name in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                assert module.split(".")[0] in allowed, path
                if module.startswith("matching"):
                    assert module.startswith("matching.engine"), path
            elif isinstance(node, ast.Constant):
                assert not isinstance(node.value, float), path
            elif isinstance(node, ast.BinOp):
                assert not isinstance(node.op, ast.Div), path

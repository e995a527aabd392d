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
        "8474e77bbce90e0707a375628446a0ed90cd78624c41853130ba18aa16327b9c"
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


@pytest.mark.parametrize("phase", ["continuous", "post_only"])
def test_a_book_that_crosses_is_loaded_in_no_phase_that_trades(phase):
    desk = Desk()
    desk.phase("auction")
    desk.set_up("buy 1 @ 101; sell 1 @ 100", account="maker")
    in_auction = desk.engine.market(MARKET_ID).snapshot()
    orders = _orders(desk.engine)

    Engine().load(markets=[in_auction], orders=orders)
    with pytest.raises(EngineError, match="crossed"):
        Engine().load(markets=[msgspec.structs.replace(in_auction, phase=phase)], orders=orders)


def test_a_price_from_which_nobody_trails_stands_in_nobody_s_way():
    falls, rises = TrailMark("last", False, 1, 100), TrailMark("last", True, 2, 100)
    desk = Desk("sell 1 @ 99; sell 1 @ 200 stop 9")
    market = desk.engine.market(MARKET_ID)
    snapshot = msgspec.structs.replace(market.snapshot(), trails=(falls, rises), trigger_sequence=2)
    orders = _orders(desk.engine)
    desk.engine = Engine()
    desk.engine.load(markets=[snapshot], orders=orders)

    desk.place("buy 1 @ 99")

    lower = msgspec.structs.replace(rises, price_ticks=99)
    assert desk.engine.market(MARKET_ID).snapshot().trails == (falls, lower)


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


WAITING = (
    "sell 1 market stop 96 #a; buy 2 market stop 105; sell 2 @ 95 gtd 20 trail 3; "
    "buy for 20.00 take-profit 98 by opposite; sell 3 @ 99 trail 150bps from 110"
)


def _waiting_desk() -> Desk:
    """Return a market with orders that hide, end in time, wait, trail and (65th) are queued."""
    desk = Desk()
    desk.set_up("sell 1 @ 100", account="ann")
    desk.place("bob: buy 1 @ 100")
    desk.set_up("buy 90 @ 99 show 20; sell 9 @ 102 gtd 30; sell 2 @ 103 day", account="maker")
    desk.set_up("65 x sell 1 market stop 99 #q", account="bob")
    desk.set_up(WAITING, account="waiter")
    desk.place("sell 1 @ 99")
    desk.place("sibling: sell 2 @ 99 self decrement")
    desk.engine.commit()
    return desk


def test_rebuilt_engine_goes_on_the_same_with_all_that_waits_hides_and_ends():
    desk, twin = _waiting_desk(), _waiting_desk()
    states = {order.trigger_state for order in _orders(desk.engine)}
    assert states == {"", "rising", "falling", "trailing"}
    desk.set_up("70 x sell 1 market stop 98 #r", account="ann")
    twin.set_up("70 x sell 1 market stop 98 #r", account="ann")
    for each in (desk, twin):
        each.place("bob: buy 1 @ 98")
        each.cancel(3)
        each.place("sell 1 @ 98")
    assert "queued" in {order.trigger_state for order in _orders(desk.engine)}
    rebuilt = Engine()
    rebuilt.load(
        markets=[desk.engine.market(MARKET_ID).snapshot()],
        orders=reversed(_orders(desk.engine)),
    )
    assert rebuilt.state_hash() == desk.engine.state_hash()
    desk.engine = rebuilt

    for step in ("continue", "buy 3 @ 102", "at 20", "bob: sell 9 @ 97", "buy 9 @ 110", "at 30"):
        assert repr(desk.step(step)) == repr(twin.step(step))
        assert desk.engine.state_hash() == twin.engine.state_hash()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("limit", {"price_ticks": 0}, "cannot be open"),
        ("limit", {"quantity_lots": None}, "cannot be open"),
        ("limit", {"remaining_lots": 0, "quantity_lots": 0}, "cannot be open"),
        ("limit", {"prevented_lots": 1}, "cannot be open"),
        ("limit", {"hidden_lots": 1}, "cannot be open"),
        ("limit", {"hold_units": 29}, "does not hold"),
        ("budget", {"quantity_lots": 1}, "cannot be open"),
        ("budget", {"hold_units": 2001}, "does not hold"),
        ("market", {"hold_units": 1549}, "does not hold"),
        ("market", {"protection_ticks": 104}, "does not hold"),
        ("market", {"trigger_state": ""}, "cannot be open"),
        ("market", {"trigger_state": "triggered"}, "cannot be open"),
        ("market", {"status": "expired"}, "cannot be open"),
    ],
)
def test_orders_that_wait_and_contradict_themselves_are_not_loaded(name, change, message):
    desk = Desk()
    desk.set_up(
        "sell 3 @ 95 stop 96 #limit; buy for 20.00 stop 105 #budget; "
        "buy 3 market protect 103 stop 102 #market",
        account="waiter",
    )
    orders = _orders(desk.engine)
    position = [order.terms.client_order_id for order in orders].index(name)
    orders[position] = changed(orders[position], change)

    with pytest.raises(EngineError, match=message):
        Engine().load(markets=[SNAPSHOT], orders=orders)


@pytest.mark.parametrize(
    ("orders", "name", "change"),
    [
        ("oco: sell 5 @ 110 #t | sell 5 @ 90 stop 95 #s", "t", {"hold_units": 49}),
        ("oco: sell 5 @ 110 #t | sell 5 @ 90 stop 95 #s", "s", {"hold_units": 1}),
        ("oto: buy 5 @ 99 #w | sell 5 @ 110 #t", "w", {"hold_units": 2474}),
        ("oto: buy 5 @ 99 #w | sell 5 @ 110 #t", "t", {"hold_units": 51}),
    ],
)
def test_lists_that_do_not_hold_what_they_need_are_not_loaded(orders, name, change):
    desk = Desk()
    desk.step(orders)
    orders = _orders(desk.engine)
    position = [order.terms.client_order_id for order in orders].index(name)
    orders[position] = changed(orders[position], change)

    with pytest.raises(EngineError, match="does not hold what it needs"):
        Engine().load(markets=[SNAPSHOT], orders=orders)


def test_a_working_order_whose_followers_are_gone_is_loaded_as_one_that_stands_alone():
    desk = Desk()
    desk.step("oto: buy 5 @ 99 #w | sell 5 @ 110 #t")
    working = [order for order in _orders(desk.engine) if order.terms.client_order_id == "w"]
    engine = Engine()

    engine.load(markets=[SNAPSHOT], orders=working)

    assert [order.order_id for order in engine.market(MARKET_ID).open_orders()] == [1]


def test_market_is_loaded_once():
    engine = Engine()
    engine.load(markets=[SNAPSHOT], orders=[])

    with pytest.raises(EngineError, match="there already"):
        engine.load(markets=[SNAPSHOT], orders=[])


@pytest.mark.unmutated
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

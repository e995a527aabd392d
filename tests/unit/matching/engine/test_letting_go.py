"""A market that one engine lets go and another takes in: the same market, in one place only."""

import msgspec
import pytest

from matching.engine import Engine, EngineError
from matching.engine.commands import AdoptMarket, ConfigureMarket, ReleaseMarket
from matching.engine.events import MarketReleased, OrderPlaced
from tests.property.engine_views import fields_of
from tests.unit.matching.engine.notation import (
    MARKET_ID,
    RULES,
    SECOND_US,
    Desk,
    changed,
    refusals,
    trades,
)

RESTING = (
    "buy 5 @ 98; ann: buy 2 @ 98 #a; bob: buy 1 @ 97 gtd 20; sell 1 @ 102; ann: sell 2 @ 102 #b; "
    "sell 9 @ 103 show 2; waiter: sell 1 market stop 95 #c; waiter: buy 1 market trail 2 #d"
)
OTHER_ID = 2


def _desk() -> Desk:
    """Return a market with orders of all sorts and a last price, beside a market of one order."""
    desk = Desk()
    desk.place("ann: sell 1 @ 100")
    desk.place("bob: buy 1 @ 100")
    desk.set_up(RESTING, account="maker")
    desk.apply(ConfigureMarket(changed(RULES, {"market_id": OTHER_ID}), "continuous", 1))
    order = changed(desk.command("buy 1 @ 99"), {"market_id": OTHER_ID})
    assert type(desk.apply(order)[0]) is OrderPlaced
    desk.engine.commit()
    return desk


def _let_go(desk: Desk) -> MarketReleased:
    (event,) = desk.engine.apply(ReleaseMarket(MARKET_ID, 9))
    assert type(event) is MarketReleased
    return event


def _adopt(released: MarketReleased, **changes: object) -> AdoptMarket:
    snapshot = released.market.snapshot()
    orders = [msgspec.structs.replace(order) for order in released.orders]
    command = AdoptMarket(snapshot, orders, released.state_hash, 9)
    return msgspec.structs.replace(command, **changes)


def _moved(desk: Desk) -> Desk:
    """Return the desk of an engine that took the market in, and knows the same names."""
    other = Desk()
    other.engine, other.names, other.order_count = Engine(), desk.names, desk.order_count
    assert other.engine.apply(_adopt(_let_go(desk))) == []
    return other


def test_market_is_the_same_elsewhere_and_goes_on_the_same():
    stays = _desk()
    stays.engine.apply(ReleaseMarket(OTHER_ID, 9))
    moved = _moved(_desk())
    moved.time_us = stays.time_us
    for desk in (stays, moved):
        desk.engine.commit()
    assert fields_of(moved.engine) == fields_of(stays.engine)
    assert moved.engine.state_hash() == stays.engine.state_hash()

    for step in ("taker: sell 6 market", "taker: sell 2 @ 95", "cancel b", "at 20"):
        assert repr(moved.step(step)) == repr(stays.step(step)), step

    assert moved.engine.state_hash() == stays.engine.state_hash()


def test_released_tells_all_that_the_market_had():
    desk = _desk()
    market, ids = desk.engine.market(MARKET_ID), desk.ids()
    alone = Engine()
    alone.load(markets=[market.snapshot()], orders=_adopt(_let_go(_desk())).orders)

    released = _let_go(desk)

    assert released.market is market
    assert [order.order_id for order in released.orders] == ids
    assert released.state_hash == alone.state_hash()


def test_who_let_it_go_has_nothing_of_it_any_more():
    desk = _desk()
    desk.step("at 1")  # somebody looked for what is due, and more is to come
    desk.engine.commit()
    assert desk.engine.next_expiry_us() is not None
    mine = _let_go(desk).orders

    for order in mine:
        assert desk.engine.order(order.order_id) is None
    assert not desk.engine.has_market(MARKET_ID)
    assert desk.engine.next_expiry_us() is None
    assert [one.rules.market_id for one in desk.engine.markets()] == [OTHER_ID]
    assert refusals(desk.place("buy 1 @ 90")) == ["market_not_found"]
    assert refusals(desk.cancel(mine[0].order_id)) == ["order_not_open"]
    assert refusals(desk.engine.apply(ReleaseMarket(MARKET_ID, 9))) == ["market_not_found"]
    other = desk.engine.market(OTHER_ID)
    assert [order.market_id for order in other.open_orders()] == [OTHER_ID]


def test_quiet_market_is_let_go_too():
    desk = _desk()
    assert desk.engine.due_markets(9) == []  # quiet markets are not looked at again
    before = fields_of(desk.engine)

    desk.engine.apply(ReleaseMarket(OTHER_ID, 9))
    assert [one.rules.market_id for one in desk.engine.markets()] == [MARKET_ID]
    desk.engine.undo()

    assert fields_of(desk.engine) == before


def test_taking_back_what_was_let_go_puts_all_of_it_back():
    desk = _desk()
    before, orders = fields_of(desk.engine), list(desk.engine.market(MARKET_ID).open_orders())

    desk.place("taker: sell 1 market")
    _let_go(desk)
    assert desk.engine.due_markets(30 * SECOND_US) == []
    desk.engine.undo()

    assert fields_of(desk.engine) == before
    assert all(desk.engine.order(order.order_id) is order for order in orders)
    assert desk.engine.due_markets(30 * SECOND_US) == [MARKET_ID]
    assert desk.engine.next_expiry_us() == 20 * SECOND_US
    assert trades(desk.place("taker: sell 6 @ 98")) == ["5 @ 98", "1 @ 98"]


def test_taking_back_what_was_taken_in_leaves_nothing_of_it():
    released = _let_go(_desk())
    desk = Desk()
    desk.engine = Engine()
    desk.apply(ConfigureMarket(changed(RULES, {"market_id": OTHER_ID}), "continuous", 1))
    desk.engine.commit()
    before = fields_of(desk.engine)

    desk.engine.apply(_adopt(released))
    assert desk.engine.due_markets(30 * SECOND_US) == [MARKET_ID]
    desk.engine.undo()

    assert fields_of(desk.engine) == before
    assert desk.engine.order(released.orders[0].order_id) is None
    assert desk.engine.due_markets(30 * SECOND_US) == []
    assert desk.engine.apply(_adopt(released)) == []


def test_market_that_is_there_is_not_taken_in():
    released = _let_go(_desk())
    desk = Desk("buy 3 @ 97")
    before = fields_of(desk.engine)

    with pytest.raises(EngineError, match=r"^market 1 is there already$"):
        desk.engine.apply(_adopt(released))

    assert fields_of(desk.engine) == before


def _with_less_held(command: AdoptMarket) -> AdoptMarket:
    first, *others = command.orders
    less = msgspec.structs.replace(first, hold_units=first.hold_units - 1)
    return msgspec.structs.replace(command, orders=[less, *others], state_hash="")


def _at_another_price(command: AdoptMarket) -> AdoptMarket:
    snapshot = msgspec.structs.replace(command.snapshot, last_price_ticks=7)
    return msgspec.structs.replace(command, snapshot=snapshot)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda command: msgspec.structs.replace(command, orders=[]), "is not what was let go$"),
        (_at_another_price, "^market 1 is not what was let go$"),
        (_with_less_held, "hold"),
    ],
)
def test_market_that_is_not_what_was_let_go_is_not_taken_in(change, said):
    command = change(_adopt(_let_go(_desk())))
    engine = Engine()

    with pytest.raises(EngineError, match=said):
        engine.apply(command)

    assert fields_of(engine) == fields_of(Engine())
    assert engine.markets() == []


def test_market_that_cannot_be_made_leaves_nothing():
    command = _adopt(_let_go(_desk()))
    broken = msgspec.structs.replace(command.snapshot, trails=None)
    engine = Engine()

    with pytest.raises(TypeError):
        engine.apply(msgspec.structs.replace(command, snapshot=broken))

    assert fields_of(engine) == fields_of(Engine())


def test_where_no_hash_is_told_none_is_compared():
    command = _adopt(_let_go(_desk()), state_hash="")
    engine = Engine()

    assert engine.apply(command) == []

    assert len(list(engine.market(MARKET_ID).open_orders())) == len(command.orders)

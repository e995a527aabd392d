"""Taking back: a batch, and a command that raised, wherever it raised."""

import sys
from collections.abc import Callable

import msgspec
import pytest

import matching.engine
from matching.engine import Engine
from matching.engine.commands import (
    AdoptMarket,
    Amend,
    Cancel,
    CancelAll,
    Command,
    ConfigureMarket,
    Continue,
    Expire,
    ReleaseMarket,
    SetPhase,
)
from tests.property.engine_views import fields_of
from tests.unit.matching.engine.notation import (
    ACCOUNTS,
    MARKET_ID,
    RULES,
    SECOND_US,
    Desk,
    trades,
)

ENGINE_FOLDER = matching.engine.__path__[0]
RESTING = (
    "buy 5 @ 98; ann: buy 2 @ 98 #a; buy 1 @ 97; sell 1 @ 100; ann: sell 2 @ 100 #b; "
    "sell 3 @ 101; bob: sell 4 @ 103"
)
# What waits, in every state; the last price is 100.
ICEBERG = "buy 6 @ 98 show 2; ann: buy 2 @ 97; sell 1 @ 102; sell 1 @ 104; sell 9 @ 105 gtd 20"
WAITING = (
    "sell 1 market stop 98 #a; sell 2 @ 97 post-only slide stop 98 #b; sell 1 market trail 2 #c; "
    "ann: sell 1 market trail 300bps #d; bob: buy 1 market stop 104 #e; "
    "sell 1 @ 99 trail 9 from 102 #f; sell 1 @ 90 gtd 20 stop 95 #g; "
    "bob: sell 1 market stop 97 by opposite #h; sell 1 market stop 50 #i"
)


class InjectedError(Exception):
    """Raised by the test at one line of the engine."""


COMMANDS: dict[str, Callable[[Desk], Command]] = {
    "sweep": lambda desk: desk.command("buy 9 @ 103 #mine"),
    "rest": lambda desk: desk.command("buy 9 @ 99 #mine"),
    "rest in a level": lambda desk: desk.command("buy 9 @ 98 #mine"),
    "expire": lambda desk: desk.command("buy for 100000"),
    "stop at own order": lambda desk: desk.command("ann: sell 9 market"),
    "cancel all": lambda desk: CancelAll(MARKET_ID, ACCOUNTS["maker"], None, 9),
    "cancel": lambda desk: _cancel(1),
    "add a market": lambda desk: ConfigureMarket(
        msgspec.structs.replace(RULES, market_id=5), "halted", 9
    ),
    "replace rules": lambda desk: ConfigureMarket(
        msgspec.structs.replace(RULES, band_ppm=7), "halted", 9
    ),
    "halt": lambda desk: SetPhase(MARKET_ID, "halted", 9),
    "release": lambda desk: ReleaseMarket(MARKET_ID, 9),
    "adopt": lambda desk: _adopt_other(),
    "amend across the book": lambda desk: _amend(2, price=103, lots=9),
    "amend in place": lambda desk: _amend(2, price=None, lots=1),
    "amend within the level": lambda desk: _amend(2, price=None, lots=7),
}


def _adopt_other():
    """Return the command that adopts another market, with orders on both sides."""
    market = Desk(RESTING).engine.market(MARKET_ID)
    snapshot = msgspec.structs.replace(
        market.snapshot(), rules=msgspec.structs.replace(RULES, market_id=5)
    )
    orders = [
        msgspec.structs.replace(order, order_id=order.order_id + 100, market_id=5)
        for order in market.open_orders()
    ]
    return AdoptMarket(snapshot, orders, "", 9)


def _cancel(order_id):
    return Cancel(MARKET_ID, ACCOUNTS["maker"], order_id, 9)


def _amend(order_id, *, price, lots):
    return Amend(MARKET_ID, ACCOUNTS["ann"], order_id, price, lots, 99, 10**9, 9)


def _amend_named(desk, name, *, lots=None, trigger=None):
    return Amend(MARKET_ID, *desk.names[name], None, lots, 99, 10**9, 99, trigger)


WAITING_COMMANDS: dict[str, Callable[[Desk], Command]] = {
    "fall": lambda desk: desk.command("ann: sell 1 @ 98"),
    "rise": lambda desk: desk.command("bob: buy 2 @ 104"),
    "begin to trail": lambda desk: desk.command("buy 1 @ 90 trail 3"),
    "wait": lambda desk: desk.command("sell 1 @ 90 stop 96"),
    "slide": lambda desk: desk.command("sell 1 @ 90 post-only slide"),
    "decrement": lambda desk: desk.command("maker: sell 5 @ 98 self decrement"),
    "cancel both": lambda desk: desk.command("maker: sell 5 @ 98 self both"),
    "cancel what trails": lambda desk: Cancel(MARKET_ID, *desk.names["c"], 99),
    "cancel all that waits": lambda desk: CancelAll(MARKET_ID, ACCOUNTS["waiter"], None, 99),
    "amend a trigger price": lambda desk: _amend_named(desk, "a", trigger=97),
    "amend what trails": lambda desk: _amend_named(desk, "d", lots=3),
    "end in time": lambda desk: Expire(MARKET_ID, 20 * SECOND_US),
    "continue": lambda desk: Continue(MARKET_ID, 99),
    "release": lambda desk: ReleaseMarket(MARKET_ID, 99),
}


def _waiting_desk() -> Desk:
    """Return a market with every kind of order that waits, one of them queued."""
    desk = Desk()
    desk.place("ann: sell 1 @ 100")
    desk.place("bob: buy 1 @ 100")
    desk.set_up(ICEBERG, account="maker")
    desk.set_up(WAITING, account="waiter")
    market = desk.engine.market(MARKET_ID)
    orders = [msgspec.structs.replace(order) for order in market.open_orders()]
    orders[-1].trigger_state, orders[-1].trigger_number = "queued", 9
    desk.engine = Engine()
    snapshot = msgspec.structs.replace(market.snapshot(), trigger_sequence=9)
    desk.engine.load(markets=[snapshot], orders=orders)
    return desk


@pytest.mark.unmutated
@pytest.mark.parametrize("name", WAITING_COMMANDS)
def test_command_that_raises_leaves_no_trace_of_what_waits(name):
    desk = _waiting_desk()
    command = WAITING_COMMANDS[name](desk)

    _raise_at_every_line(desk.engine, command)

    desk.engine.undo()
    assert fields_of(desk.engine) == fields_of(_waiting_desk().engine)


@pytest.mark.unmutated
@pytest.mark.parametrize("name", COMMANDS)
def test_command_that_raises_at_any_line_leaves_no_trace(name):
    desk = Desk(RESTING)
    desk.place("bob: sell 1 @ 104")  # uncommitted: must survive the failed command

    _raise_at_every_line(desk.engine, COMMANDS[name](desk))

    desk.engine.undo()
    assert fields_of(desk.engine) == fields_of(Desk(RESTING).engine)


def _raise_at_every_line(engine: Engine, command: Command) -> None:
    """Let a command fail at each of its lines in turn, check it, and let it take effect at last."""
    before, hash_before = fields_of(engine), engine.state_hash()

    lines_met = 0
    while _raises_at_line(engine, command, lines_met):
        lines_met += 1
        assert fields_of(engine) == before
    assert lines_met > 5

    after = engine.state_hash()
    assert after != hash_before
    assert fields_of(engine) != before


def _raises_at_line(engine: Engine, command: Command, line_count: int) -> bool:
    """Apply ``command`` with an exception after so many lines; tell whether it came to that."""
    left = line_count

    def trace(frame, event, _argument):
        nonlocal left
        if not frame.f_code.co_filename.startswith(ENGINE_FOLDER) or (
            frame.f_code.co_name in ("apply", "_roll_back")
        ):
            return trace if event == "call" else None
        if event == "line":
            if left == 0:
                raise InjectedError
            left -= 1
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        engine.apply(command)
    except InjectedError:
        return True
    finally:
        sys.settrace(former)
    return False


def test_command_that_raises_by_itself_in_the_middle_of_a_match_leaves_no_trace():
    desk = Desk(RESTING)
    before = fields_of(desk.engine)
    # The third maker's fee cannot be worked out: two fills are already made by then.
    broken = desk.engine.order(6)
    broken.maker_ppm = "much"

    with pytest.raises(TypeError):
        desk.place("buy 9 @ 103")

    broken.maker_ppm = 0
    assert fields_of(desk.engine) == before


def test_undo_goes_back_to_the_last_commit_and_no_further():
    desk = Desk(RESTING)
    desk.place("buy 2 @ 100")
    desk.engine.commit()
    before = fields_of(desk.engine)
    same_order = desk.engine.order(2)

    assert trades(desk.place("bob: sell 6 @ 98")) == ["5 @ 98", "1 @ 98"]
    desk.cancel(6)
    desk.phase("halted")
    desk.engine.undo()

    assert fields_of(desk.engine) == before
    assert desk.engine.order(2) is same_order
    desk.engine.undo()
    assert fields_of(desk.engine) == before


def test_undo_puts_orders_back_between_their_neighbours():
    desk = Desk("; ".join(f"sell 1 @ {100 + n % 2}" for n in range(1, 41)))
    ids = desk.ids()

    for order_id in (7, 20, 3, 39, 2, 40, 1, 21):
        desk.cancel(order_id)
    desk.place("buy 9 market")
    desk.engine.undo()

    assert desk.ids() == ids
    assert desk.place("buy 1 market")[1].maker.order_id == 2


def test_market_added_in_the_batch_goes_with_its_orders():
    desk = Desk()
    before = fields_of(desk.engine)
    rules = msgspec.structs.replace(RULES, market_id=2)

    desk.apply(ConfigureMarket(rules, "continuous", 5))
    desk.apply(msgspec.structs.replace(desk.command("buy 1 @ 99"), market_id=2))
    assert desk.engine.order(1) is not None
    desk.engine.undo()

    assert fields_of(desk.engine) == before
    assert desk.engine.order(1) is None


def test_market_added_in_the_batch_goes_although_somebody_looked_for_what_is_due():
    desk = Desk()
    before = fields_of(desk.engine)

    desk.apply(ConfigureMarket(msgspec.structs.replace(RULES, market_id=2), "continuous", 5))
    assert desk.engine.due_markets(9) == []  # quiet markets are not looked at again
    desk.engine.undo()

    assert fields_of(desk.engine) == before

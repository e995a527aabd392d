"""Taking back: a batch, and a command that raised, wherever it raised."""

import sys
from collections.abc import Callable

import msgspec
import pytest

import matching.engine
from matching.engine import Engine
from matching.engine.commands import Amend, Cancel, CancelAll, Command, ConfigureMarket, SetPhase
from tests.property.engine_views import fields_of
from tests.unit.matching.engine.notation import ACCOUNTS, MARKET_ID, RULES, Desk, trades

ENGINE_FOLDER = matching.engine.__path__[0]
RESTING = (
    "buy 5 @ 98; ann: buy 2 @ 98 #a; buy 1 @ 97; sell 1 @ 100; ann: sell 2 @ 100 #b; "
    "sell 3 @ 101; bob: sell 4 @ 103"
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
    "amend across the book": lambda desk: _amend(2, price=103, lots=9),
    "amend in place": lambda desk: _amend(2, price=None, lots=1),
    "amend within the level": lambda desk: _amend(2, price=None, lots=7),
}


def _cancel(order_id):
    return Cancel(MARKET_ID, ACCOUNTS["maker"], order_id, 9)


def _amend(order_id, *, price, lots):
    return Amend(MARKET_ID, ACCOUNTS["ann"], order_id, price, lots, 99, 10**9, 9)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_that_raises_at_any_line_leaves_no_trace(name):
    desk = Desk(RESTING)
    desk.place("bob: sell 1 @ 104")  # uncommitted: must survive the failed command
    command = COMMANDS[name](desk)
    before, hash_before = fields_of(desk.engine), desk.engine.state_hash()

    lines_met = 0
    while _raises_at_line(desk.engine, command, lines_met):
        lines_met += 1
        assert fields_of(desk.engine) == before
        assert desk.engine.state_hash() == hash_before

    # The last attempt met no fault: the command took effect, and undo takes both commands back.
    assert lines_met > 5
    assert fields_of(desk.engine) != before
    desk.engine.undo()
    assert fields_of(desk.engine) == fields_of(Desk(RESTING).engine)


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

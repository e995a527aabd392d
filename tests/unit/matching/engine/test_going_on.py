"""Commands that go on with what was too much for one: how many orders each lets enter."""

from matching.engine.commands import Continue
from matching.engine.events import OrderTriggered
from matching.engine.firing import CHAIN_MAX
from tests.unit.matching.engine.notation import MARKET_ID, desk_at


def test_a_command_that_goes_on_may_let_fewer_enter_and_never_more():
    desk = desk_at(100, "buy 999 @ 99", f"{3 * CHAIN_MAX} x sell 1 market stop 99 #a")
    desk.place("sell 1 @ 99")
    for enter_max, entered in ((1, 1), (5, 5), (CHAIN_MAX + 1, CHAIN_MAX), (None, CHAIN_MAX - 6)):
        events = desk.apply(Continue(MARKET_ID, desk.time_us, enter_max))
        assert sum(isinstance(event, OrderTriggered) for event in events) == entered

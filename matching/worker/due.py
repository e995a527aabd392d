"""What is due by the clock becomes a command: journaled, decided and settled like any other.

The engine remembers what is due when: switches, and orders whose time in force ends. Only here is
that held against the clock, and only the worker makes such a command: one that comes by the stream
is none (``stream``). What a command had no room for goes on in the same way: triggered orders, and
those of a market that was closed. So do auctions end.

Between two batches of what is due everybody else has their turn, so such a batch is bounded over
all markets together.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Final

from matching.commands.base import WireCommand
from matching.commands.due import FireTimer
from matching.engine import Engine
from matching.engine.changing import CLOSED_MAX
from matching.engine.engine import EXPIRIES_MAX

# So many switches at most, and markets in which something is due.
DUE_IN_BATCH_MAX: Final = 100
# So many orders at most that end by them, unless one alone has more: an account is cancelled, and
# an auction ends, in one piece.
DUE_ORDERS_MAX: Final = 256
# How many triggered orders enter by one command that goes on, of the 64 that might: about 5 ms of
# work for worker and PostgreSQL. Each counts as so many that end, for it trades.
GO_ON_MAX: Final = 16
ENTERING_COUNTS: Final = 8
# What could not be decided or stored was journaled as void and is still due: it is tried again.
RETRY_US: Final = 5_000_000


class Due:
    """What is due and was not tried just before."""

    def __init__(self) -> None:
        # What was tried, and until when it is not tried again.
        self._held: dict[WireCommand, int] = {}
        # Where the last round of markets ended: the next one begins behind it.
        self._last_market_id = 0
        # Whether something was due in this round of the loop, which may have left more.
        self._may_go_on = True

    def are_due(self, engine: Engine, now_us: int) -> bool:
        """Tell whether something is to be done now."""
        self._may_go_on = any(
            True for due in (self._switches, self._in_markets) for _ in due(engine, now_us)
        )
        return self._may_go_on

    def wait_ms(self, engine: Engine, now_us: int, at_most_ms: int) -> int:
        """Return how long the worker may wait for commands: not at all where something goes on.

        Asked after ``are_due`` in a round: markets are only looked through again where it may be
        otherwise by now.
        """
        times_us = [engine.next_expiry_us() or 0, engine.next_auction_end_us() or 0]
        has_come = any(0 < time_us <= now_us for time_us in times_us)
        if (has_come or self._may_go_on) and any(
            True for due in (self._switches, self._in_markets) for _ in due(engine, now_us)
        ):
            return 0
        times_us += islice((due_us for due_us, _, _ in engine.switches if due_us > now_us), 1)
        waits_ms = (-(-(due_us - now_us) // 1000) for due_us in times_us if due_us > now_us)
        return min([at_most_ms, *waits_ms])

    def take(self, engine: Engine, now_us: int) -> list[FireTimer]:
        """Return commands for what is due; each is given once, then held.

        Switches first, the earliest of them first. Of a market one command of a kind: what that
        leaves follows, once the others had their turn.
        """
        self._held = {command: until for command, until in self._held.items() if until > now_us}
        due: list[FireTimer] = []
        orders = 0
        for command in self._switches(engine, now_us):
            more = engine.count_of(command.account_id)
            if due and (orders + more > DUE_ORDERS_MAX or len(due) >= DUE_IN_BATCH_MAX):
                break
            orders += more
            due.append(command)
        due += self._take_in_markets(engine, now_us, DUE_ORDERS_MAX - orders)
        self._held.update(dict.fromkeys(due, now_us + RETRY_US))
        return due

    def _take_in_markets(self, engine: Engine, now_us: int, room: int) -> list[FireTimer]:
        """Return commands for markets in turn, for about so many orders; for one market at least.

        Nothing else is done in a market while there are more orders in it whose time is over.
        """
        due: list[FireTimer] = []
        in_turn = sorted(self._in_markets(engine, now_us), key=self._turn)
        for market_id, commands in groupby(in_turn, key=_market_of):
            for command in commands:
                orders = _orders_of(engine, command, now_us)
                if due and (orders > room or len(due) >= DUE_IN_BATCH_MAX):
                    return due
                room -= orders
                due.append(command)
                self._last_market_id = market_id
                if command.what == "expiry" and orders == EXPIRIES_MAX:
                    break
        return due

    def go_on(self, commands: Iterable[WireCommand]) -> None:
        """Hold commands no longer that did something: what they left may follow at once."""
        for command in commands:
            self._held.pop(command, None)

    def _switches(self, engine: Engine, now_us: int) -> Iterator[FireTimer]:
        for due_us, account_id, key_id in engine.switches:
            if due_us > now_us:
                return
            command = FireTimer(account_id, key_id, due_us)
            if self._held.get(command, 0) <= now_us:
                yield command

    def _in_markets(self, engine: Engine, now_us: int) -> Iterator[FireTimer]:
        for market_id in engine.due_markets(now_us):
            command = FireTimer(0, 0, 0, "expiry", market_id)
            if self._held.get(command, 0) <= now_us:
                yield command
        for market_id, ends_us in engine.ending_auctions(now_us):
            command = FireTimer(0, 0, ends_us, "auction", market_id)
            if self._held.get(command, 0) <= now_us:
                yield command
        for market_id in engine.unfinished_markets():
            command = FireTimer(0, 0, 0, "triggers", market_id, GO_ON_MAX)
            if self._held.get(command, 0) <= now_us:
                yield command

    def _turn(self, command: FireTimer) -> tuple[bool, int]:
        return command.market_id <= self._last_market_id, command.market_id


def _market_of(command: FireTimer) -> int:
    return command.market_id


def _orders_of(engine: Engine, command: FireTimer, now_us: int) -> int:
    """Return for how many orders that end a command in a market counts."""
    if command.what == "auction":
        return DUE_ORDERS_MAX
    market = engine.market(command.market_id)
    if command.what == "expiry":
        return market.expiries.count_due(now_us, at_most=EXPIRIES_MAX)
    if market.phase == "continuous":
        return ENTERING_COUNTS * min(GO_ON_MAX, len(market.triggers.queue))
    return CLOSED_MAX

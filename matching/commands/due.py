"""Do what is due: a switch, the end of orders, triggered orders. Made by the worker alone."""

from typing import Literal

from matching.commands.base import Given, Id, Kind, Shard, Step, WireCommand
from matching.commands.cancel_all import steps_everywhere
from matching.engine.commands import Continue, EndAuction, Expire, FireSwitch


class FireTimer(WireCommand, frozen=True, array_like=True, gc=False, tag="due"):
    """Do ``what`` is due.

    A switch: cancel all of an account's orders on the shard, if it still is ``due_us``. An expiry:
    end the market's orders whose time is over. Triggers: go on with what was too much for one
    command; ``enter_max`` at most enter by it (0: as many as by any command). An auction: end the
    market's, if it still ends at ``due_us``.
    """

    account_id: Id
    key_id: Id
    due_us: Id
    what: Literal["switch", "expiry", "triggers", "auction"] = "switch"
    market_id: Id = 0
    enter_max: Id = 0


class DueKind(Kind[FireTimer]):
    """It does nothing where nothing is due any more: the switch was set anew, the order is gone."""

    wire = FireTimer
    name = "due"
    is_workers_own = True

    def steps(self, command: FireTimer, given: Given, shard: Shard) -> list[Step]:
        """Return a step for each market concerned, in id order."""
        if command.what == "switch":
            if shard.engine.switches.due_us(command.account_id, command.key_id) != command.due_us:
                return []
            return steps_everywhere(command.account_id, None, given, shard)
        terms = shard.terms_here(command.market_id)
        if command.what == "auction":
            end = EndAuction(command.market_id, command.due_us, given.time_us)
            return [Step(end, terms)]
        if command.what == "expiry":
            return [Step(Expire(command.market_id, given.time_us), terms)]
        go_on = Continue(command.market_id, given.time_us, command.enter_max or None)
        return [Step(go_on, terms)]

    def afterwards(self, command: FireTimer, given: Given, shard: Shard) -> list[FireSwitch]:
        """Return what ends the switch."""
        if command.what != "switch":
            return []
        return [FireSwitch(command.account_id, command.key_id, command.due_us, given.time_us)]

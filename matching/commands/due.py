"""Cancel everything of an account whose switch has come due. Made by the worker alone."""

from matching.commands.base import Given, Id, Kind, Shard, Step, WireCommand
from matching.commands.cancel_all import steps_everywhere
from matching.engine.commands import FireSwitch


class FireTimer(WireCommand, frozen=True, array_like=True, gc=False, tag="due"):
    """Cancel all of an account's orders on the shard, if its switch still is ``due_us``."""

    account_id: Id
    key_id: Id
    due_us: Id


class DueKind(Kind[FireTimer]):
    """It does nothing where the switch was set anew or cleared since."""

    wire = FireTimer
    name = "due"
    is_workers_own = True

    def steps(self, command: FireTimer, given: Given, shard: Shard) -> list[Step]:
        """Return a step for each market of the shard, in id order."""
        if shard.engine.switches.due_us(command.account_id, command.key_id) != command.due_us:
            return []
        return steps_everywhere(command.account_id, None, given, shard)

    def afterwards(self, command: FireTimer, given: Given) -> list[FireSwitch]:
        """Return what ends the switch."""
        return [FireSwitch(command.account_id, command.key_id, command.due_us, given.time_us)]

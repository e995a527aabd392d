"""Say when everything of an account is to be cancelled, put it off, or call it off."""

from typing import Annotated, Final

import msgspec

from matching.commands.base import Given, Id, Kind, Shard, WireCommand
from matching.engine.commands import SetSwitch

TIMEOUT_MAX_MS: Final = 86_400_000
Timeout = Annotated[int, msgspec.Meta(ge=0, le=TIMEOUT_MAX_MS)]


class SetTimer(WireCommand, frozen=True, array_like=True, gc=False, tag="switch"):
    """Cancel all of an account's orders on the shard in ``timeout_ms``; 0: not any more.

    Counted from the batch's time. ``key_id``: the credential that asks, each for itself; 0: a
    session of the account's owner.
    """

    account_id: Id
    key_id: Id
    timeout_ms: Timeout


class SwitchKind(Kind[SetTimer]):
    """An account that may not trade may set one: it only ever cancels."""

    wire = SetTimer
    name = "switch"
    is_cancel = True
    may_fly = True

    def afterwards(self, command: SetTimer, given: Given, shard: Shard) -> list[SetSwitch]:
        """Return the switch with the time at which it is due."""
        due_us = given.time_us + command.timeout_ms * 1000 if command.timeout_ms else None
        return [SetSwitch(command.account_id, command.key_id, due_us, given.time_us)]

"""Cancel all open orders of an account."""

from typing import Literal

from matching.commands.base import Batch, Given, Id, Key, Kind, Shard, Step, WireCommand
from matching.engine.commands import CancelAll
from matching.engine.orders import Side


class CancelAllOrders(WireCommand, frozen=True, array_like=True, gc=False, tag="cancel_all"):
    """Cancel an account's open orders; None: in every market of the shard, on both sides.

    ``actor``: who had them cancelled, where it was not the account's owner.
    """

    account_id: Id
    market_id: Id | None
    side: Literal["buy", "sell"] | None
    key: Key | None = None
    cancel_name: str = ""
    actor: str = ""


class CancelAllKind(Kind[CancelAllOrders]):
    """One step for each market concerned, in id order."""

    wire = CancelAllOrders
    name = "cancel_all"
    is_cancel = True

    def given(self, command: CancelAllOrders, batch: Batch) -> Given:
        """Return the time."""
        if command.market_id is not None:
            batch.terms_here(command.market_id)
        return Given(batch.time_us)

    def steps(self, command: CancelAllOrders, given: Given, shard: Shard) -> list[Step]:
        """Return a step for each market concerned."""
        if command.market_id is None:
            return steps_everywhere(command.account_id, command.side, given, shard)
        return [_step(command.market_id, command.account_id, command.side, given, shard)]

    def cancel_name(self, command: CancelAllOrders) -> str:
        """Return what the client calls the cancel."""
        return command.cancel_name


def steps_everywhere(account_id: int, side: Side | None, given: Given, shard: Shard) -> list[Step]:
    """Return a step for each market of the shard, in id order."""
    return [
        _step(market.rules.market_id, account_id, side, given, shard)
        for market in shard.engine.markets()
    ]


def _step(market_id: int, account_id: int, side: Side | None, given: Given, shard: Shard) -> Step:
    cancel = CancelAll(market_id, account_id, side, given.time_us)
    return Step(cancel, shard.terms_here(market_id))

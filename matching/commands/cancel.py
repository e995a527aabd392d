"""Cancel one open order, on conditions."""

from collections.abc import Sequence
from typing import Literal

from matching.commands import room
from matching.commands.base import (
    Batch,
    ClientOrderId,
    Given,
    Id,
    Key,
    Kind,
    Refused,
    Shard,
    Step,
    WireCommand,
)
from matching.commands.place import PlaceOrder, placed
from matching.commands.position import check_placed
from matching.engine.commands import Cancel
from matching.engine.entering import refusal_before
from matching.engine.orders import Order
from matching.markets.terms import MarketTerms


class CancelOrder(WireCommand, frozen=True, array_like=True, gc=False, tag="cancel"):
    """Cancel an open order, by its id or by its client order id (then ``order_id`` is None).

    ``cancel_name`` is what the client calls the cancel itself; it comes back in the order's change.
    ``reason`` is why the order ends; another one than the default is the worker's alone to give.
    With ``only_status`` an order of another status stays. ``replacement`` is an order that is to
    follow: where it is known that it would be refused, the old one stays. Both are decided by the
    worker, so that nothing happens in between.
    """

    account_id: Id
    market_id: Id
    order_id: Id | None
    client_order_id: ClientOrderId | None = None
    key: Key | None = None
    cancel_name: str = ""
    reason: Literal["requested", "balance_full"] = "requested"
    only_status: Literal["", "new", "partially_filled"] = ""
    replacement: PlaceOrder | None = None


class CancelKind(Kind[CancelOrder]):
    """A client order id is looked up among the open orders."""

    wire = CancelOrder
    name = "cancel"
    is_cancel = True
    may_fly = True

    def account_ids(self, command: CancelOrder) -> tuple[int, ...]:
        """Return whose funds the order that is to follow needs."""
        return (command.account_id,) if command.replacement else ()

    def messages(self, command: CancelOrder) -> Sequence[tuple[int, int, int]]:
        """Return none: the order that is to follow is a command of its own."""
        return ((command.account_id, command.market_id, 0),) if command.replacement else ()

    def given(self, command: CancelOrder, batch: Batch) -> Given:
        """Return the time."""
        batch.terms_here(command.market_id)
        return Given(batch.time_us)

    def steps(self, command: CancelOrder, given: Given, shard: Shard) -> list[Step]:
        """Return one step; an order that is not open has the id 0."""
        order_id = command.order_id
        if order_id is None:
            order = shard.engine.order_by_client_id(
                command.market_id, command.account_id, command.client_order_id or ""
            )
            order_id = 0 if order is None else order.order_id
        cancel = Cancel(
            command.market_id, command.account_id, order_id, given.time_us, command.reason
        )
        return [Step(cancel, shard.terms_here(command.market_id))]

    def check(self, command: CancelOrder, given: Given, steps: list[Step], batch: Batch) -> None:
        """Raise Refused where a condition does not hold; of no order the engine tells."""
        if not command.only_status and command.replacement is None:
            return
        cancel = steps[0].command
        order = batch.engine.order(cancel.order_id)  # type: ignore[union-attr]
        if order is None or order.account_id != command.account_id:
            return
        if command.only_status and order.status != command.only_status:
            raise Refused("cancel_restricted", f"The order is not {command.only_status}.")
        if command.replacement is not None:
            _check_following(command.replacement, order, steps[0].terms, batch)

    def cancel_name(self, command: CancelOrder) -> str:
        """Return what the client calls the cancel."""
        return command.cancel_name


def _check_following(
    following: PlaceOrder, leaving: Order, terms: MarketTerms, batch: Batch
) -> None:
    """Raise Refused where it is known that the order which is to follow would be refused."""
    account = batch.active_account(leaving.account_id)
    asset = terms.quote if following.side == "buy" else terms.base
    funds_units = batch.available(leaving.account_id, asset.asset_id)
    if following.side == leaving.terms.side:
        funds_units += leaving.hold_units  # what the cancel sets free
    given = Given(batch.time_us, funds_units=funds_units, owner_id=account.owner_id)
    place = placed(following, given, terms)
    market = batch.engine.market(terms.market_id)
    refused = refusal_before(market, place, leaving=leaving)
    if refused is not None:
        raise Refused(refused.reason, refused.message)
    check_placed([place], terms, batch, leaving=leaving)
    brings_units = room.could_bring_units(market, place)
    if batch.watches(leaving.account_id, following.side, terms, brings_units) and batch.would_crowd(
        leaving, place, terms
    ):
        raise room.full()

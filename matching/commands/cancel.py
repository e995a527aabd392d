"""Cancel one open order, on conditions."""

from typing import Literal, Protocol

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
from matching.commands.place import PlaceOrder
from matching.engine.commands import Cancel


class CancelOrder(WireCommand, frozen=True, array_like=True, gc=False, tag="cancel"):
    """Cancel an open order, by its id or by its client order id (then ``order_id`` is None).

    ``cancel_name`` is what the client calls the cancel itself; it comes back in the order's change.
    ``reason`` is why the order ends; another one than the default is the worker's alone to give.
    With ``only_status`` an order of another status stays. ``replacement`` was an order to follow,
    which former versions have asked for, and is looked at no more (``matching.commands.replace``).
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

    def given(self, command: CancelOrder, batch: Batch) -> Given:
        """Return the time."""
        batch.terms_here(command.market_id)
        return Given(batch.time_us)

    def steps(self, command: CancelOrder, given: Given, shard: Shard) -> list[Step]:
        """Return one step; an order that is not open has the id 0."""
        order_id = open_order_id(shard, command)
        cancel = Cancel(
            command.market_id, command.account_id, order_id, given.time_us, command.reason
        )
        return [Step(cancel, shard.terms_here(command.market_id))]

    def check(self, command: CancelOrder, given: Given, steps: list[Step], batch: Batch) -> None:
        """Raise Refused where a condition does not hold; of no order the engine tells."""
        if not command.only_status:
            return
        cancel = steps[0].command
        order = batch.engine.order(cancel.order_id)  # type: ignore[union-attr]
        if order is None or order.account_id != command.account_id:
            return
        if order.status != command.only_status:
            raise Refused("cancel_restricted", f"The order is not {command.only_status}.")

    def cancel_name(self, command: CancelOrder) -> str:
        """Return what the client calls the cancel."""
        return command.cancel_name


class _Named(Protocol):
    """What names an open order of an account, by its id or by its client order id."""

    @property
    def account_id(self) -> int: ...

    @property
    def market_id(self) -> int: ...

    @property
    def order_id(self) -> int | None: ...

    @property
    def client_order_id(self) -> str | None: ...


def open_order_id(shard: Shard, named: _Named) -> int:
    """Return the id that is meant; 0: of that client order id no order is open."""
    if named.order_id is not None:
        return named.order_id
    order = shard.engine.order_by_client_id(
        named.market_id, named.account_id, named.client_order_id or ""
    )
    return 0 if order is None else order.order_id

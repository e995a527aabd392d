"""Cancel one open order and place another in its market, as one command."""

from collections.abc import Sequence
from typing import Final, Literal

from matching.commands import room
from matching.commands.base import (
    Batch,
    ClientOrderId,
    Given,
    Id,
    Kind,
    Shard,
    Step,
    WireCommand,
)
from matching.commands.cancel import open_order_id
from matching.commands.place import PlaceKind, PlaceOrder, placed
from matching.commands.position import check_placed
from matching.engine.commands import Replace
from matching.engine.events import Event, OrderRejected
from matching.engine.replacing import leaving_of
from matching.markets.terms import AssetTerms, MarketTerms
from matching.wire import Halves, Refusal


class ReplaceOrder(WireCommand, frozen=True, array_like=True, gc=False, tag="replace"):
    """Place an order, and cancel another of the same account and market, named as by a cancel.

    ``goes_on``: it is placed even where the other one is not cancelled; ``cancels_only``: an order
    of another status stays. ``cancel_name`` as in ``CancelOrder``. The order's own key and deadline
    are those of the whole command.
    """

    place: PlaceOrder
    order_id: Id | None
    client_order_id: ClientOrderId | None
    goes_on: bool
    cancels_only: Literal["", "new", "partially_filled"] = ""
    cancel_name: str = ""

    @property
    def account_id(self) -> int:
        """Return whose orders they are."""
        return self.place.account_id

    @property
    def market_id(self) -> int:
        """Return the market of both."""
        return self.place.market_id

    @property
    def key(self) -> str | None:
        """Return the idempotency key."""
        return self.place.key

    @property
    def deadline_ms(self) -> int:
        """Return the Unix time to drop it after."""
        return self.place.deadline_ms


_PLACE: Final = PlaceKind()
# Why an order is not cancelled; a new order is refused for other reasons.
_CANCELS: Final = frozenset({"order_not_open", "cancel_restricted"})


class ReplaceKind(Kind[ReplaceOrder]):
    """It is given what the new order is given alone."""

    wire = ReplaceOrder
    name = "replace"
    may_fly = True

    def account_ids(self, command: ReplaceOrder) -> tuple[int, ...]:
        """Return whose orders they are."""
        return (command.account_id,)

    def messages(self, command: ReplaceOrder) -> Sequence[tuple[int, int, int]]:
        """Return the new order."""
        return _PLACE.messages(command.place)

    def pays_with(self, command: ReplaceOrder, shard: Shard) -> AssetTerms:
        """Return what the new order's side pays with."""
        return _PLACE.pays_with(command.place, shard)

    def given(self, command: ReplaceOrder, batch: Batch) -> Given:
        """Return the new order's id, funds, rates and owner."""
        return _PLACE.given(command.place, batch)

    def steps(self, command: ReplaceOrder, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        terms = shard.terms_here(command.market_id)
        return [Step(_replaced(command, given, terms, shard), terms)]

    def check(self, command: ReplaceOrder, given: Given, steps: list[Step], batch: Batch) -> None:
        """Raise Refused where the new order could bring its account too much; then both stay."""
        (step,) = steps
        replaced = step.command
        assert isinstance(replaced, Replace)  # for the type checker: it is this kind's step
        if not batch.engine.has_market(command.market_id):
            return  # the engine says so
        leaving = leaving_of(batch.engine.market(command.market_id), replaced)
        if leaving is not None or command.goes_on:  # else the new order is not tried
            check_placed([replaced.place], step.terms, batch, leaving=leaving or ())

    def is_watched(self, command: ReplaceOrder, step: Step, batch: Batch) -> bool:
        """Count what the new order could bring."""
        market, replaced = batch.engine.market(command.market_id), step.command
        assert isinstance(replaced, Replace)  # for the type checker: it is this kind's step
        brings_units = room.could_bring_units(market, replaced.place)
        return batch.watches(command.account_id, command.place.side, step.terms, brings_units)

    def cancel_name(self, command: ReplaceOrder) -> str:
        """Return what the client calls the cancel."""
        return command.cancel_name

    def halves_refused(self, events: Sequence[Event]) -> Halves | None:
        """Return why both were refused; None: the cancel was not, and was taken back."""
        rejected = [event for event in events if isinstance(event, OrderRejected)]
        if rejected[0].reason not in _CANCELS:
            return None
        cancel_refused, *others = map(refusal_of, rejected)
        return Halves(cancel_refused, others[0] if others else None, is_tried=bool(others))


def _replaced(command: ReplaceOrder, given: Given, terms: MarketTerms, shard: Shard) -> Replace:
    """Return the engine's command; raise Refused where a figure does not fit the market."""
    return Replace(
        command.market_id,
        command.account_id,
        open_order_id(shard, command),
        placed(command.place, given, terms),
        command.goes_on,
        given.time_us,
        command.cancels_only or None,
    )


def refusal_of(rejected: OrderRejected | None) -> Refusal | None:
    """Return a half's refusal as it is told; None: there is none."""
    return None if rejected is None else Refusal(rejected.reason, rejected.message)

"""Change price, quantity or trigger price of an open order."""

from collections.abc import Sequence

from matching.commands import room
from matching.commands.base import (
    Batch,
    Figure,
    Given,
    Id,
    Key,
    Kind,
    Refused,
    Shard,
    Step,
    WireCommand,
    fitting,
)
from matching.commands.position import check_amended
from matching.engine.commands import Amend
from matching.engine.orders import Order
from matching.markets.terms import AssetTerms, MarketTerms


class AmendOrder(WireCommand, frozen=True, array_like=True, gc=False, tag="amend"):
    """Change price, total quantity or trigger price; None leaves a figure as it is.

    ``keeps_priority``: only to less quantity, which leaves the order its place.
    """

    account_id: Id
    market_id: Id
    order_id: Id
    price: Figure | None
    quantity: Figure | None
    key: Key | None
    deadline_ms: int
    trigger_price: Figure | None = None
    keeps_priority: bool = False


class AmendKind(Kind[AmendOrder]):
    """A fresh id gives the order its new place in the queue."""

    wire = AmendOrder
    name = "amend"

    def account_ids(self, command: AmendOrder) -> tuple[int, ...]:
        """Return whose order it is said to be."""
        return (command.account_id,)

    def messages(self, command: AmendOrder) -> Sequence[tuple[int, int, int]]:
        """Return the order."""
        return ((command.account_id, command.market_id, 1),)

    def pays_with(self, command: AmendOrder, shard: Shard) -> AssetTerms:
        """Return what the open order pays with; of no order the engine tells."""
        terms = shard.terms_here(command.market_id)
        order = shard.engine.order(command.order_id)
        return terms.quote if order is None or order.terms.side == "buy" else terms.base

    def given(self, command: AmendOrder, batch: Batch) -> Given:
        """Return a priority and the account's funds."""
        terms = batch.terms_here(command.market_id)
        batch.active_account(command.account_id)
        if command.keeps_priority:
            _check_less(command, batch.engine.order(command.order_id), terms)
        asset = self.pays_with(command, batch)
        return Given(
            batch.time_us,
            batch.new_id(),
            batch.available(command.account_id, asset.asset_id),
            funds_scale=asset.scale,
        )

    def steps(self, command: AmendOrder, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        terms = shard.terms_here(command.market_id)
        amend = Amend(
            command.market_id,
            command.account_id,
            command.order_id,
            fitting("price", command.price, terms.price_to_ticks),
            fitting("quantity", command.quantity, terms.quantity_to_lots),
            given.fresh_id,
            given.funds_units,
            given.time_us,
            fitting("trigger_price", command.trigger_price, terms.price_to_ticks),
        )
        return [Step(amend, terms)]

    def check(self, command: AmendOrder, given: Given, steps: list[Step], batch: Batch) -> None:
        """Raise Refused where more of the order could bring its account too much."""
        order, amend = batch.engine.order(command.order_id), steps[0].command
        if order is None or order.account_id != command.account_id or not isinstance(amend, Amend):
            return
        check_amended(order, amend.quantity_lots, steps[0].terms, batch)

    def is_watched(self, command: AmendOrder, step: Step, batch: Batch) -> bool:
        """Count what the order could bring, and what its fills could sum up to."""
        order = batch.engine.order(command.order_id)
        if order is None or order.account_id != command.account_id:
            return False
        market = batch.engine.market(order.market_id)
        brings, amount = room.could_amount_to_units(market, order, step.command)  # type: ignore[arg-type]
        return batch.watches(command.account_id, order.terms.side, step.terms, brings) or (
            not room.is_harmless(amount, step.terms.quote.scale)
        )


def _check_less(command: AmendOrder, order: Order | None, terms: MarketTerms) -> None:
    """Raise Refused where an order of the account would have more than before."""
    quantity_lots = fitting("quantity", command.quantity, terms.quantity_to_lots)
    if order is None or order.account_id != command.account_id or quantity_lots is None:
        return  # the engine says so, or there is nothing to lose its place by
    if quantity_lots > (order.quantity_lots or 0):
        raise Refused("quantity_not_less", "quantity: expected less than the order has")

"""Place an order."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from matching.commands import room
from matching.commands.base import (
    Batch,
    ClientOrderId,
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
from matching.commands.conditions import asked_conditions
from matching.commands.position import check_placed
from matching.conditions import Conditions
from matching.engine.commands import Place
from matching.engine.orders import NOTHING_CARRIED, UNCONDITIONAL, Carried, Leg, OrderTerms
from matching.fees.rates import rates_of
from matching.markets.terms import AssetTerms, MarketTerms
from zavora.foundation.times import MOMENT_US_MAX


class PlaceOrder(WireCommand, frozen=True, array_like=True, gc=False, tag="place"):
    """Place an order. ``key``: idempotency key; ``deadline_ms``: Unix time to drop it after."""

    account_id: Id
    market_id: Id
    side: Literal["buy", "sell"]
    order_type: Literal["limit", "market"]
    time_in_force: Literal["gtc", "ioc", "fok", "gtd", "day"]
    post_only: bool
    price: Figure | None
    quantity: Figure | None
    quote_quantity: Figure | None
    client_order_id: ClientOrderId | None
    key: Key | None
    deadline_ms: int
    carried: Carried = NOTHING_CARRIED
    conditions: Conditions | None = None


# An order of one of these that names no conditions has none.
TIMELESS: Final = frozenset({"gtc", "ioc", "fok"})


class LegOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One order of a list, as ``PlaceOrder`` has it; none of a list is by quote amount."""

    side: Literal["buy", "sell"]
    order_type: Literal["limit", "market"]
    time_in_force: Literal["gtc", "ioc", "fok", "gtd", "day"]
    post_only: bool
    price: Figure | None
    quantity: Figure
    client_order_id: ClientOrderId | None
    conditions: Conditions | None = None


def alone_of(leg: LegOrder, account_id: int, market_id: int, deadline_ms: int) -> PlaceOrder:
    """Return an order of a list as it would be placed alone."""
    return PlaceOrder(
        account_id,
        market_id,
        leg.side,
        leg.order_type,
        leg.time_in_force,
        leg.post_only,
        leg.price,
        leg.quantity,
        None,
        leg.client_order_id,
        None,
        deadline_ms,
        conditions=leg.conditions,
    )


class PlaceKind(Kind[PlaceOrder]):
    """The order's id is new, its funds and rates are its account's."""

    wire = PlaceOrder
    name = "place"
    may_fly = True

    def account_ids(self, command: PlaceOrder) -> tuple[int, ...]:
        """Return whose order it is."""
        return (command.account_id,)

    def messages(self, command: PlaceOrder) -> Sequence[tuple[int, int, int]]:
        """Return the order."""
        return ((command.account_id, command.market_id, 1),)

    def pays_with(self, command: PlaceOrder, shard: Shard) -> AssetTerms:
        """Return what the order's side pays with."""
        terms = shard.terms_here(command.market_id)
        return terms.quote if command.side == "buy" else terms.base

    def given(self, command: PlaceOrder, batch: Batch) -> Given:
        """Return id, funds, rates and owner."""
        terms = batch.terms_here(command.market_id)
        account = batch.active_account(command.account_id)
        asset = terms.quote if command.side == "buy" else terms.base
        maker_ppm, taker_ppm = rates_of(account, terms, batch.time_us)
        return Given(
            batch.time_us,
            batch.new_id(),
            batch.available(command.account_id, asset.asset_id),
            maker_ppm,
            taker_ppm,
            account.owner_id,
            asset.scale,
        )

    def steps(self, command: PlaceOrder, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        terms = shard.terms_here(command.market_id)
        return [Step(placed(command, given, terms), terms)]

    def check(self, command: PlaceOrder, given: Given, steps: list[Step], batch: Batch) -> None:
        """Raise Refused where the order could bring its account too much."""
        (step,) = steps
        if isinstance(step.command, Place):
            check_placed([step.command], step.terms, batch)

    def is_watched(self, command: PlaceOrder, step: Step, batch: Batch) -> bool:
        """Count what the order could bring."""
        market = batch.engine.market(command.market_id)
        brings_units = room.could_bring_units(market, step.command)  # type: ignore[arg-type]
        return batch.watches(command.account_id, command.side, step.terms, brings_units)


def placed(
    command: PlaceOrder, given: Given, terms: MarketTerms, *, leg: Leg | None = None
) -> Place:
    """Return the engine's command; raise Refused where a figure does not fit the market.

    ``leg``: what the order is in its list.
    """
    price_ticks = fitting("price", command.price, terms.price_to_ticks)
    quantity_lots = fitting("quantity", command.quantity, terms.quantity_to_lots)
    budget_units = None
    if command.quote_quantity is not None:
        budget_units = fitting(
            "quote_quantity", command.quote_quantity, terms.quote_amount_to_units
        )
    if (price_ticks is None) != (command.order_type == "market"):
        raise Refused("validation_error", "price: expected for limit orders, and only for them")
    if (quantity_lots is None) == (budget_units is None):
        raise Refused("validation_error", "quantity: expected it or quote_quantity")
    if budget_units is not None and command.order_type != "market":
        raise Refused("validation_error", "quote_quantity: expected for market orders only")
    asked = OrderTerms(
        budget_units,
        command.side,
        command.order_type,
        command.time_in_force,
        command.post_only,
        command.client_order_id,
        UNCONDITIONAL,
        command.carried,
    )
    if command.conditions is not None or command.time_in_force not in TIMELESS:
        _check_time(command, leg)
        conditions = asked_conditions(command.conditions, asked, terms)
        asked = replace(asked, conditions=conditions)
    return Place(
        command.market_id,
        command.account_id,
        given.fresh_id,
        asked,
        price_ticks,
        quantity_lots,
        given.maker_ppm,
        given.taker_ppm,
        given.funds_units,
        given.time_us,
        given.owner_id,
    )


def _check_time(command: PlaceOrder, leg: Leg | None) -> None:
    """Hold an order's end against its time in force. Raises Refused."""
    asked, time_in_force = command.conditions, command.time_in_force
    expires_us = None if asked is None else asked.expires_us
    waits = leg == "pending" or (asked is not None and asked.trigger is not None)
    wrong = ""
    if time_in_force not in TIMELESS and command.order_type == "market" and not waits:
        wrong = "time_in_force: expected gtc, ioc or fok for market orders that wait for no price"
    elif (expires_us is None) == (time_in_force == "gtd"):
        wrong = "expires_us: expected for orders good till a date, and only for them"
    elif expires_us is not None and not 0 < expires_us <= MOMENT_US_MAX:
        wrong = "expires_us: expected microseconds since 1970, before the year 9999"
    if wrong:
        raise Refused("validation_error", wrong)

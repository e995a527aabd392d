"""Place orders that are one thing: of two one is to trade, or others follow one that fills."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec.structs import replace

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
from matching.commands.place import LegOrder, alone_of, placed
from matching.commands.position import check_placed
from matching.engine.commands import ListLeg, Place
from matching.engine.commands import PlaceList as PlaceListEngine
from matching.fees.rates import rates_of
from matching.markets.terms import AssetTerms, MarketTerms
from matching.orders.legs import LEGS, LEGS_MAX, list_state, order_ids_of
from matching.wire import ListKind, ListState


class PlaceList(WireCommand, frozen=True, array_like=True, gc=False, tag="list"):
    """Place a list of orders: all of them, or none. The working order comes first."""

    account_id: Id
    market_id: Id
    kind: ListKind
    legs: Annotated[list[LegOrder], msgspec.Meta(min_length=2, max_length=LEGS_MAX)]
    client_list_id: ClientOrderId | None
    key: Key | None
    deadline_ms: int


class PlaceListKind(Kind[PlaceList]):
    """The list's id is new, and its orders' ids are the next ones after it."""

    wire = PlaceList
    name = "list"

    def account_ids(self, command: PlaceList) -> tuple[int, ...]:
        """Return whose orders they are."""
        return (command.account_id,)

    def messages(self, command: PlaceList) -> Sequence[tuple[int, int, int]]:
        """Return the orders."""
        return ((command.account_id, command.market_id, len(command.legs)),)

    def pays_with(self, command: PlaceList, shard: Shard) -> AssetTerms:
        """Return what the first order's side pays with."""
        terms = shard.terms_here(command.market_id)
        return terms.quote if command.legs[0].side == "buy" else terms.base

    def given(self, command: PlaceList, batch: Batch) -> Given:
        """Return the list's id, funds, rates and owner; the orders' ids are drawn with it."""
        terms = batch.terms_here(command.market_id)
        account = batch.active_account(command.account_id)
        if len(command.legs) != len(LEGS[command.kind]):
            raise Refused(
                "validation_error", f"orders: expected {len(LEGS[command.kind])} of {command.kind}"
            )
        asset = self.pays_with(command, batch)
        maker_ppm, taker_ppm = rates_of(account, terms, batch.time_us)
        list_id = batch.new_id()
        for _ in command.legs:
            batch.new_id()
        return Given(
            batch.time_us,
            list_id,
            batch.available(command.account_id, asset.asset_id),
            maker_ppm,
            taker_ppm,
            account.owner_id,
            asset.scale,
        )

    def steps(self, command: PlaceList, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        terms = shard.terms_here(command.market_id)
        legs = tuple(
            ListLeg(place.order_id, place.terms, place.price_ticks, place.quantity_lots)
            for place in _places(command, given, terms)
        )
        place_list = PlaceListEngine(
            command.market_id,
            command.account_id,
            legs,
            given.maker_ppm,
            given.taker_ppm,
            given.funds_units,
            given.time_us,
            given.owner_id,
        )
        return [Step(place_list, terms)]

    def check(self, command: PlaceList, given: Given, steps: list[Step], batch: Batch) -> None:
        """Raise Refused where the orders could bring their account too much."""
        terms = steps[0].terms
        check_placed(_places(command, given, terms), terms, batch)

    def is_watched(self, command: PlaceList, step: Step, batch: Batch) -> bool:
        """Count what each order could bring."""
        market = batch.engine.market(command.market_id)
        given = Given(batch.time_us)
        watched = False
        for place in _places(command, given, step.terms):
            brings_units = room.could_bring_units(market, place)
            side = place.terms.side
            watched |= batch.watches(command.account_id, side, step.terms, brings_units)
        return watched

    def list_of(self, command: PlaceList, given: Given) -> ListState:
        """Return the list as it is told when it is placed."""
        return list_state(
            given.fresh_id,
            account_id=command.account_id,
            market_id=command.market_id,
            kind=command.kind,
            client_list_id=command.client_list_id,
            status="executing",
            created_us=given.time_us,
        )


def _places(command: PlaceList, given: Given, terms: MarketTerms) -> list[Place]:
    """Return the orders as if each came alone; raise Refused where one does not fit the market."""
    places = []
    order_ids = order_ids_of(given.fresh_id, command.kind)
    legs = zip(order_ids, LEGS[command.kind], command.legs, strict=True)
    for number, (order_id, leg, order) in enumerate(legs, start=1):
        alone = alone_of(order, command.account_id, command.market_id, command.deadline_ms)
        try:
            place = placed(alone, replace(given, fresh_id=order_id), terms, leg=leg)
        except Refused as refused:
            raise Refused(refused.reason, f"order {number}: {refused}") from None
        asked = replace(place.terms.conditions, leg=leg, list_id=given.fresh_id)
        places.append(replace(place, terms=replace(place.terms, conditions=asked)))
    return places

"""What a preview says is what the engine then does: in random markets, for every kind of order."""

from collections import Counter
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.engine.commands import Place
from matching.engine.events import Event, OrderPlaced, OrderRejected, OrderTriggered, Traded
from matching.engine.market import Market
from matching.engine.orders import WAITING, Order
from matching.preview.rehearsal import Standing, rehearse
from tests.property.engine_trials import Trial

COMMANDS_PER_RUN = 400
OUTCOMES = (
    "limit new ",
    "limit partially_filled ",
    "limit filled ",
    "limit cancelled self_trade",
    "limit expired ioc_unfilled",
    "limit expired fok_unfillable",
    "market filled ",
    "market cancelled self_trade",
    "market expired no_liquidity",
    "market expired fok_unfillable",
    "market expired interrupted",
    "waits",
    "prevented",
    "insufficient_balance",
    "price_band",
    "would_trigger_at_once",
    "no_reference_price",
    "display_quantity",
    "too_many_trigger_orders",
    "post_only_would_cross",
    "protection",
)
MET: Counter[str] = Counter()


def figures(events: list[Event]) -> object:
    """What becomes of the order itself: its refusal, or its hold, its fills and how it ends."""
    placed = events[0]
    if isinstance(placed, OrderRejected):
        return placed
    assert isinstance(placed, OrderPlaced)
    order = placed.order
    fills = [
        (e.price_ticks, e.quantity_lots, e.buyer_fee_units, e.seller_fee_units)
        for e in events
        if isinstance(e, Traded) and e.taker is order and not e.is_auction
    ]
    return placed.hold_units, fills


def end_of(order: Order) -> tuple[object, ...]:
    return order.status, order.reason, order.left_lots, order.price_ticks, order.prevented_lots


class PreviewTrial(Trial):
    """Before each order is placed, it is tried out with what its owner may see."""

    def step(self, command):
        if not isinstance(command, Place) or not self.engine.has_market(command.market_id):
            return super().step(command)
        market = self.engine.market(command.market_id)
        if others_hide(market, command):
            return super().step(command)
        before = self.engine.state_hash()
        expected = preview(market, command)
        assert self.engine.state_hash() == before
        mark = self.engine.mark()
        real = self.engine.apply(command)
        assert merged(figures(expected)) == merged(figures(real))
        if isinstance(real[0], OrderPlaced):
            order, previewed = real[0].order, expected[0].order
            # What was set off by the order may have met it in its turn.
            if not any(isinstance(e, OrderTriggered) for e in real):
                assert end_of(order) == end_of(previewed)
            MET[f"{order.terms.order_type} {previewed.status} {previewed.reason}"] += 1
            MET["waits"] += previewed.trigger_state in WAITING
            MET["prevented"] += previewed.prevented_lots > 0
        else:
            MET[real[0].reason] += 1
        self.engine.undo(mark)
        return super().step(command)


def merged(told):
    """Fills of one price in one, for a level is many orders there and few in the preview."""
    if isinstance(told, OrderRejected):
        return told
    held, fills = told
    lots: Counter[int] = Counter()
    for price_ticks, quantity_lots, *_ in fills:
        lots[price_ticks] += quantity_lots
    return held, lots


def is_own(market: Market, order: Order, command: Place) -> bool:
    if order.account_id == command.account_id:
        return True
    is_by_owner = market.rules.self_trade_scope == "owner" and command.owner_id
    return bool(is_by_owner and order.owner_id == command.owner_id)


def others_hide(market: Market, command: Place) -> bool:
    """Whether others have what the book does not show where the order could go."""
    return any(
        order.hidden_lots and not is_own(market, order, command) for order in market.open_orders()
    )


def preview(market: Market, command: Place) -> list[Event]:
    side = "sell" if command.terms.side == "buy" else "buy"
    standing, others = [], Counter()
    for order in market.open_orders():
        if is_own(market, order, command):
            standing.append(Standing(order, others[order.terms.side, order.price_ticks]))
        elif order.trigger_state not in WAITING:
            others[order.terms.side, order.price_ticks] += order.remaining_lots
    return rehearse(command, market.snapshot(), market.depth(side), standing)


def test_a_preview_says_what_happens():
    @settings(
        max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(seed=st.integers(min_value=0, max_value=2**62))
    def run(seed: int) -> None:
        PreviewTrial(Random(seed)).run(COMMANDS_PER_RUN)

    run()

    # A comparison of refusals only would agree, too: all that matters must have been met.
    assert not [what for what in OUTCOMES if MET[what] < 5], MET

"""Two engines between which markets move do what one does: the same events, books and money."""

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.engine import Engine, EngineError
from matching.engine.commands import AdoptMarket, Command, ReleaseMarket
from matching.engine.events import Event, MarketReleased
from matching.engine.market import Market
from matching.engine.orders import Order
from matching.engine.recovery import state_hash
from matching.engine.rules import MarketSnapshot
from matching.rows.checkpoints import in_parts, packed, unpacked, unpacked_orders
from tests.property.engine_trials import Trial
from tests.property.naive_book import market_of


class EnginePair:
    """Two engines that have some markets each; a command goes to the one that has its market."""

    def __init__(self) -> None:
        self.engines = Engine(), Engine()

    def holder(self, market_id: int) -> int:
        """Return which engine has a market, or is to have it."""
        if self.engines[1].has_market(market_id):
            return 1
        return 0 if self.engines[0].has_market(market_id) else market_id % 2

    def apply(self, command: Command) -> list[Event]:
        return self.engines[self.holder(market_of(command))].apply(command)

    def move(self, market_id: int) -> None:
        """Let a market go from the one, and the other have what was written of it."""
        holder = self.holder(market_id)
        released = self.release(market_id)
        other = self.engines[1 - holder]
        assert other.apply(adoption(released)) == []
        assert other.market(market_id).snapshot() == released.market.snapshot()

    def release(self, market_id: int) -> MarketReleased:
        """Let a market go."""
        (released,) = self.engines[self.holder(market_id)].apply(ReleaseMarket(market_id, 1))
        assert isinstance(released, MarketReleased)
        return released

    def load(self, *, markets: list[Any], orders: list[Order]) -> None:
        for place, engine in enumerate(self.engines):
            mine = {one.rules.market_id for one in markets if one.rules.market_id % 2 == place}
            engine.load(
                markets=[one for one in markets if one.rules.market_id in mine],
                orders=[order for order in orders if order.market_id in mine],
            )

    def market(self, market_id: int) -> Market:
        return self.engines[self.holder(market_id)].market(market_id)

    def markets(self) -> list[Market]:
        found = [market for engine in self.engines for market in engine.markets()]
        return sorted(found, key=lambda market: market.rules.market_id)

    def has_market(self, market_id: int) -> bool:
        return any(engine.has_market(market_id) for engine in self.engines)

    def order(self, order_id: int) -> Order | None:
        found = [engine.order(order_id) for engine in self.engines]
        assert None in found
        return found[0] or found[1]

    def order_by_client_id(self, market_id: int, account_id: int, name: str) -> Order | None:
        return self.engines[self.holder(market_id)].order_by_client_id(market_id, account_id, name)

    @property
    def _orders(self) -> dict[int, Order]:
        return self.engines[0]._orders | self.engines[1]._orders

    @property
    def switches(self) -> Any:
        return self.engines[0].switches

    def state_hash(self) -> str:
        return state_hash(self.markets())

    def commit(self) -> None:
        for engine in self.engines:
            engine.commit()

    def undo(self) -> None:
        for engine in self.engines:
            engine.undo()


def adoption(released: MarketReleased) -> AdoptMarket:
    """Return the command that takes what was let go, from what is written of it."""
    snapshot = unpacked(packed(released.market.snapshot()), 0, MarketSnapshot)
    orders = [
        order
        for number, part in enumerate(in_parts(released.orders), start=1)
        for order in unpacked_orders(packed(part), number)
    ]
    return AdoptMarket(snapshot, orders, released.state_hash, 1)


class MovingTrial(Trial):
    """A trial in which markets are moved at the beginning of batches."""

    new_engine = EnginePair
    engine: EnginePair

    def deposit(self) -> None:
        """Move what ``random`` says."""
        super().deposit()
        for market in self.engine.markets():
            if self.random.random() < 0.4:
                self.engine.move(market.rules.market_id)
                self.count("move")
        # What moves is alone in its batch.
        if self.random.random() < 0.5:
            self.engine.commit()


@pytest.mark.parametrize("seed", range(8))
def test_engines_with_moves_agree_with_one_that_has_none(seed: int) -> None:
    trial = MovingTrial(Random(seed))
    assert trial.run(600) >= 600
    assert trial.counts["move"] > 10
    assert trial.counts["trade"] > 10


@pytest.mark.unmutated
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), command_count=st.integers(1, 60))
def test_short_runs_with_moves_agree_too(random: Random, command_count: int) -> None:
    MovingTrial(random).run(command_count)


@pytest.mark.parametrize("what", ["an order", "a place", "a hold", "the market"])
def test_a_wrong_move_is_noticed(what: str) -> None:
    """The control: one thing is not as it was let go, and nothing of it is taken."""
    trial = MovingTrial(Random(3))
    trial.run(300)
    pair = trial.engine
    market_id = max(pair.markets(), key=lambda one: sum(1 for _ in one.indexed())).rules.market_id
    holder = pair.holder(market_id)
    adopt = adoption(pair.release(market_id))
    other = pair.engines[1 - holder]
    before, orders = other.state_hash(), dict(other._orders)
    resting = next(order for order in adopt.orders if not order.trigger_state)
    match what:
        case "an order":
            adopt.orders.remove(resting)
        case "a place":
            resting.priority += 10**9
        case "a hold":
            resting.hold_units += 1
        case "the market":
            snapshot = msgspec.structs.replace(
                adopt.snapshot, trade_sequence=adopt.snapshot.trade_sequence + 1
            )
            adopt = msgspec.structs.replace(adopt, snapshot=snapshot)
    with pytest.raises(EngineError):
        other.apply(adopt)
    assert (other.state_hash(), other._orders) == (before, orders)

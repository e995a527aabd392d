"""A command goes to its market's shard, and once more where the worker there says it is not."""

from typing import Any

import pytest

from matching import wire
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.commands.place import PlaceOrder
from matching.commands.place_batch import PlaceOrders
from matching.gateway import look_ups
from matching.gateway.client import Gateway
from matching.gateway.routing import Route
from matching.gateway.together import submit_together
from zavora.foundation.errors import EngineUnavailable, MarketNotFound
from zavora.foundation.queue import Subscription

CANCEL = CancelOrder(account_id=1, market_id=7, order_id=9)
DONE = wire.Reply("")
WRONG = wire.Reply("wrong_shard", "the market is not matched here", "wrong_shard")


class Shards(Gateway):
    """A gateway to workers of which only ``right`` matches the market."""

    def __init__(self, *, remembered: int | None, right: int) -> None:
        super().__init__(Subscription(), shard_of=lambda _: remembered)
        self.right = right
        self.asked: list[int] = []

    async def ask(self, command: Any, shard_id: int, request_id: str) -> wire.Reply:
        self.asked.append(shard_id)
        reply = DONE if shard_id == self.right else WRONG
        if isinstance(command, PlaceOrders):
            return wire.Reply("", parts=[wire.encode(reply)] * len(command.orders))
        return reply


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """The shards as the tables have them."""
    shards = {7: 2}

    def find(market_id: int) -> Route | None:
        return Route(shards[market_id], False) if market_id in shards else None

    monkeypatch.setattr(look_ups, "find_route", find)
    return shards


async def test_a_market_that_is_remembered_is_asked_of_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: int) -> int:
        raise AssertionError("the tables were asked")

    monkeypatch.setattr(look_ups, "find_route", fail)
    gateway = Shards(remembered=2, right=2)
    assert await gateway.submit(CANCEL, request_id="r") is DONE
    assert gateway.asked == [2]


async def test_a_market_that_is_not_remembered_is_found_in_the_tables(
    tables: dict[int, int],
) -> None:
    gateway = Shards(remembered=None, right=2)
    assert await gateway.submit(CANCEL, request_id="r") is DONE
    assert gateway.asked == [2]


async def test_a_command_is_routed_again_where_memory_is_behind(tables: dict[int, int]) -> None:
    gateway = Shards(remembered=1, right=2)
    assert await gateway.submit(CANCEL, request_id="r") is DONE
    assert gateway.asked == [1, 2]


async def test_a_shard_that_says_no_to_its_own_market_is_asked_twice(
    tables: dict[int, int],
) -> None:
    gateway = Shards(remembered=2, right=3)
    with pytest.raises(EngineUnavailable):
        await gateway.submit(CANCEL, request_id="r")
    assert gateway.asked == [2, 2]


async def test_a_market_that_nobody_knows_is_not_found(tables: dict[int, int]) -> None:
    tables.clear()
    gateway = Shards(remembered=None, right=2)
    with pytest.raises(MarketNotFound):
        await gateway.submit(CANCEL, request_id="r")
    assert gateway.asked == []


async def test_orders_that_came_to_the_wrong_shard_together_are_sent_again_one_by_one(
    tables: dict[int, int],
) -> None:
    gateway = Shards(remembered=1, right=2)
    order = PlaceOrder(5, 7, "buy", "limit", "gtc", False, "1", "2", None, None, None, 0)

    assert await submit_together(gateway, [order, order], "r") == [DONE, DONE]

    assert gateway.asked == [1, 2, 2]


async def test_what_concerns_a_whole_shard_names_it() -> None:
    gateway = Shards(remembered=None, right=2)
    everything = CancelAllOrders(1, None, None)
    assert await gateway.submit(everything, request_id="r", shard_id=2) is DONE
    with pytest.raises(TypeError):
        await gateway.submit(everything, request_id="r")

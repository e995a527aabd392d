"""What orders asked for before they were amended: stored with the amendment, and only with it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from accounts.models import Account
from matching.commands.amend import AmendOrder
from matching.markets.selectors import get_market_terms
from matching.models import Market, OrderAmendment, Shard
from matching.orders.amendments import list_amendments
from matching.rows.amendments import amendment_state
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from tests.integration.matching.conditions_setup import (
    FOREVER_MS,
    asking,
    assert_replays,
    buys,
    sells,
    the_order,
)
from tests.integration.matching.test_lists import leg, placing
from tests.integration.matching.worker_setup import DrivenWorker, driven_worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account) -> Iterator[DrivenWorker]:
    with driven_worker() as owner:
        yield owner


def amending(
    order: Any, *, price: str | None = None, quantity: str | None = None, **more: Any
) -> AmendOrder:
    return AmendOrder(
        order.account_id, order.market_id, order.id, price, quantity, None, FOREVER_MS, **more
    )


def told(order_id: int, **asked: Any) -> list[tuple[str | None, ...]]:
    """Return an order's amendments: price, quantity and trigger price, before and after."""
    terms = get_market_terms("BTC/USD")
    states = [amendment_state(row, terms) for row in list_amendments(order_id, **asked)]
    return [msgspec.structs.astuple(state)[3:9] for state in states]


def differences() -> list[str]:
    with connect(shard_id=0, owner="verify") as session:
        return verify_shard(session, 0).differences


def test_each_amendment_says_what_was_before_and_what_is_since(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    worker.settle(buys(bob, market, "10.00", "0.1"), sells(ann, market, "10.00", "0.1"))
    stop = asking(sells(ann, market, "8.00"), trigger="stop", trigger_price="9.00")
    order, waiting = map(the_order, worker.settle(buys(ann, market, "9.00"), stop))
    worker.settle(
        amending(order, quantity="0.5", keeps_priority=True),
        amending(order, price="9.50", quantity="2"),
        amending(order, quantity="2"),  # as it is: refused
        amending(waiting, trigger_price="8.50"),
    )

    first = ("9.00", "9.00", "1.000", "0.500", None, None)
    second = ("9.00", "9.50", "0.500", "2.000", None, None)
    assert told(order.id) == [second, first]
    assert told(waiting.id) == [("8.00", "8.00", "1.000", "1.000", "9.00", "8.50")]
    # Not a change of quantity.
    assert told(waiting.id, of_quantity=True) == []
    assert told(order.id, is_oldest=True, limit=1) == [first]
    ids = [row.pk for row in list_amendments(order.id)]
    assert told(order.id, from_id=ids[0]) == [second]
    assert told(order.id, before_id=ids[0]) == [first]
    assert_replays(worker)


def test_what_a_taker_brought_is_no_part_of_its_amendment(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    (order,) = map(the_order, worker.settle(buys(ann, market, "9.00")))
    worker.settle(sells(bob, market, "9.50", "0.4"))
    (reply,) = worker.settle(amending(order, price="9.50"))

    assert the_order(reply).filled_quantity == "0.400"
    assert told(order.id) == [("9.00", "9.50", "1.000", "1.000", None, None)]
    assert_replays(worker)


def test_an_order_of_a_list_that_became_smaller_is_one(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    # The fee leaves less than the second asks for.
    follower = leg("sell", "12.00", "1")
    (placed,) = worker.settle(placing(ann, market, "oto", leg("buy", "9.00"), follower))
    worker.settle(sells(bob, market, "9.00", "1"))

    follows = placed.orders[1]
    assert told(follows.id) == [("12.00", "12.00", "1.000", "0.999", None, None)]
    assert_replays(worker)


def test_an_amendment_of_an_order_that_is_not_ones_own_leaves_no_trace(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    (order,) = map(the_order, worker.settle(buys(ann, market, "9.00")))
    strange = msgspec.structs.replace(order, account_id=bob.pk)
    (reply,) = worker.settle(amending(strange, quantity="0.5"))
    assert reply.reason == "order_not_open"
    assert not OrderAmendment.objects.exists()


def test_a_replay_finds_what_was_changed_or_lost_of_them(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    (order,) = map(the_order, worker.settle(buys(ann, market, "9.00")))
    worker.settle(amending(order, quantity="0.5"), amending(order, quantity="0.4"))
    assert differences() == []
    first, second = OrderAmendment.objects.order_by("pk")

    OrderAmendment.objects.filter(pk=first.pk).update(quantity_before=Decimal(7))
    (found,) = differences()
    assert found.startswith("amendment: stored ")
    OrderAmendment.objects.filter(pk=first.pk).update(quantity_before=Decimal(1))
    second.delete()
    (found,) = differences()
    assert found.startswith("amendment: stored None")


def test_amendments_of_before_they_were_kept_are_not_missed(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    (order,) = map(the_order, worker.settle(buys(ann, market, "9.00")))
    worker.settle(amending(order, quantity="0.5"))
    worker.leave()
    # As a former version left it, whose migration came before its worker ended.
    OrderAmendment.objects.all().delete()
    Shard.objects.update(amended_since=None)
    assert differences() == []

    with driven_worker() as successor:
        began = Shard.objects.get().amended_since
        assert began == Shard.objects.get().journal_sequence
        successor.settle(amending(order, quantity="0.4"))
        assert differences() == []
    with driven_worker() as next_one:
        assert Shard.objects.get().amended_since == began
        assert_replays(next_one)

    assert told(order.id) == [("9.00", "9.00", "0.500", "0.400", None, None)]
    OrderAmendment.objects.all().delete()
    (found,) = differences()
    assert found.startswith("amendment: stored None")

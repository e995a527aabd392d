"""Lists of orders through the worker: replies, events, rows, money, and what a successor has."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from accounts.models import Account, Balance
from matching import wire
from matching.commands.cancel import CancelOrder
from matching.commands.place import LegOrder
from matching.commands.place_list import PlaceList
from matching.conditions import Conditions
from matching.models import Market, Order, OrderList
from matching.orders.lists import (
    find_order_list_by_client_id,
    get_order_list,
    list_order_lists,
    list_orders_of,
    state_of_row,
)
from tests.integration.matching.conditions_setup import (
    FOREVER_MS,
    assert_replays,
    buys,
    sells,
)
from tests.integration.matching.worker_setup import DrivenWorker, driven_worker
from zavora.foundation.errors import OrderNotFound

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account) -> Iterator[DrivenWorker]:
    with driven_worker() as owner:
        yield owner


def leg(side: Any, price: str | None, quantity: str = "1", **asked: Any) -> LegOrder:
    return LegOrder(
        side,
        "market" if price is None else "limit",
        "gtc",
        False,
        price,
        quantity,
        None,
        Conditions(**asked) if asked else None,
    )


def placing(
    account: Account, market: Market, kind: Any, *legs: LegOrder, key: str | None = None
) -> PlaceList:
    return PlaceList(account.pk, market.pk, kind, list(legs), key, key, FOREVER_MS)


def oco(account: Account, market: Market, key: str | None = None) -> PlaceList:
    stop = leg("sell", None, trigger="stop", trigger_price="9.00")
    return placing(account, market, "oco", leg("sell", "11.00"), stop, key=key)


def lists_told(worker: DrivenWorker) -> list[wire.ListState]:
    events, worker.events = worker.events, []
    return [
        state
        for _, payload in events
        for state in wire.decode_private(wire.decode_event(payload).private).lists
    ]


def locked(account: Account, code: str) -> Decimal:
    return Balance.objects.get(account=account, asset__code=code).locked


def test_a_pair_is_placed_told_and_held_once(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    (reply,) = worker.settle(oco(ann, market, key="pair"))

    row = OrderList.objects.get()
    assert reply.list_id == row.pk
    (told,) = lists_told(worker)
    assert told == state_of_row(row)
    assert (told.kind, told.client_list_id, told.status) == ("oco", "pair", "executing")
    assert told.order_ids == [state.id for state in reply.orders]
    conditions = [state.conditions for state in reply.orders]
    assert [(asked.leg, asked.list_id) for asked in conditions if asked] == [("one", row.pk)] * 2
    assert locked(ann, "BTC") == 1
    assert_replays(worker)


def test_a_repeated_key_gets_the_first_list(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    first, again, other = worker.settle(
        oco(ann, market, key="pair"),
        oco(ann, market, key="pair"),
        msgspec.structs.replace(oco(ann, market, key="pair"), kind="oto"),
    )

    assert again == first
    assert other.code == "conflict"
    assert OrderList.objects.count() == 1


def test_a_fill_ends_the_other_and_the_list(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    (reply,) = worker.settle(oco(ann, market))
    lists_told(worker)
    (met,) = worker.settle(buys(bob, market, "11.00", "1"))

    assert [state.account_id for state in met.orders] == [bob.pk]
    assert [state.status for state in lists_told(worker)] == ["done"]
    ends = Order.objects.filter(account=ann).order_by("pk").values_list("status", "reason", "hold")
    assert list(ends) == [("filled", "", 0), ("expired", "list", 0)]
    assert OrderList.objects.get(pk=reply.list_id).done_at is not None
    assert_replays(worker)


def test_a_list_that_ends_as_it_is_placed_is_told_twice(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    worker.settle(buys(bob, market, "11.00", "1"))
    lists_told(worker)
    worker.settle(oco(ann, market))

    assert [state.status for state in lists_told(worker)] == ["executing", "done"]
    assert OrderList.objects.get().done_at is not None
    assert_replays(worker)


def test_what_follows_holds_what_the_first_brings_and_is_amended_to_it(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    """The fee is taken of what a buy brings: what follows is a lot smaller."""
    (reply,) = worker.settle(
        placing(ann, market, "oto", leg("buy", "10.00", "2"), leg("sell", "11.00", "2"))
    )
    working, following = reply.orders
    lists_told(worker)
    (met,) = worker.settle(sells(bob, market, "10.00", "1"))
    assert [state.account_id for state in met.orders] == [bob.pk]
    assert locked(ann, "BTC") == Decimal("0.999")
    assert Order.objects.get(pk=following.id).hold == Decimal("0.999")

    (met,) = worker.settle(sells(bob, market, "10.00", "1"))
    # Nobody learns of another's order by meeting it.
    assert [state.account_id for state in met.orders] == [bob.pk]
    row = Order.objects.get(pk=following.id)
    assert (row.status, row.quantity, row.hold) == ("new", Decimal("1.998"), Decimal("1.998"))
    assert Order.objects.get(pk=working.id).status == "filled"
    assert lists_told(worker) == []
    assert_replays(worker)


def test_a_cancel_of_one_ends_its_list(worker: DrivenWorker, market: Market, ann: Account) -> None:
    (reply,) = worker.settle(oco(ann, market))
    (cancelled,) = worker.settle(CancelOrder(ann.pk, market.pk, reply.orders[1].id))

    assert [state.id for state in cancelled.orders] == [reply.orders[1].id]
    assert list(Order.objects.order_by("pk").values_list("reason", flat=True)) == [
        "list",
        "requested",
    ]
    assert_replays(worker)


def test_what_is_refused_is_refused_whole(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    buy = leg("buy", "1.00", trigger="take_profit", trigger_price="2.00")
    replies = worker.settle(
        placing(ann, market, "oco", leg("sell", "11.00"), buy),
        placing(ann, market, "oco", leg("sell", "11.001"), leg("sell", "12.00")),
        placing(ann, market, "otoco", leg("sell", "11.00"), leg("sell", "12.00")),
        placing(ann, market, "oto", leg("sell", "11.00", "99"), leg("buy", "9.00")),
    )

    assert [reply.reason for reply in replies] == [
        "list_not_possible",
        "validation_error",
        "validation_error",
        "insufficient_balance",
    ]
    assert replies[1].message.startswith("order 1: price: ")
    assert not Order.objects.exists()
    assert not OrderList.objects.exists()
    assert_replays(worker)


def test_lists_are_read_by_account_page_and_name(
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    bob: Account,
    django_assert_num_queries: Any,
) -> None:
    ids = [reply.list_id for reply in worker.settle(*(oco(ann, market, key=k) for k in "abc"))]
    (of_bob,) = worker.settle(oco(bob, market, key="a"))
    worker.settle(CancelOrder(ann.pk, market.pk, list_orders_of([get(ann, ids[0])])[ids[0]][0].pk))

    def found(**filters: Any) -> list[int]:
        return [row.pk for row in list_order_lists(ann.pk, **filters)]

    assert found() == ids[::-1]
    assert found(is_done=True) == ids[:1]
    assert found(is_done=False, market_id=market.pk) == [ids[2], ids[1]]
    assert found(before_id=ids[2], limit=1) == [ids[1]]
    assert found(from_id=ids[0], limit=2) == [ids[1], ids[0]]
    assert found(market_id=market.pk + 1) == []
    named = find_order_list_by_client_id("a", account_id=ann.pk)
    assert named is not None
    assert named.pk == ids[0]
    with pytest.raises(OrderNotFound):
        get_order_list(of_bob.list_id, account_ids=[ann.pk])
    rows = list_order_lists(ann.pk)
    with django_assert_num_queries(1):
        orders = list_orders_of(rows)
        assert [row.conditions.leg for row in orders[ids[2]]] == ["one", "one"]


def get(account: Account, list_id: int) -> OrderList:
    return get_order_list(list_id, account_ids=[account.pk])

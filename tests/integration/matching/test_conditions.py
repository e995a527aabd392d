"""Orders that wait, hide and end in time: stored, told, and gone on with by the worker itself."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from accounts.models import Account
from matching import wire
from matching.commands.amend import AmendOrder
from matching.commands.cancel import CancelOrder
from matching.markets.selectors import get_market_terms
from matching.models import (
    Market,
    OrderConditions,
    PreventedMatch,
    TrailMark,
)
from matching.orders.by_sequence import get_book_snapshot
from matching.orders.prevented import list_prevented_matches
from matching.orders.selectors import get_order, list_orders
from matching.reconcile import reconcile
from matching.rows.orders import state_of_row
from matching.rows.prevented import prevented_state
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from tests.integration.matching.conditions_setup import (
    FOREVER_MS,
    asking,
    assert_replays,
    buys,
    changes_of,
    good_till,
    sells,
    the_order,
)
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    driven_worker,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        yield owner


# --- stored ---------------------------------------------------------------------------------------


def test_conditions_are_told_and_read_back_as_they_were_asked_for(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    later_us = clock.time_us + 60_000_000
    worker.settle(sells(ann, market, "10.00", "0.1"), buys(bob, market, "10.00", "0.1"))
    asked = [
        good_till(buys(ann, market, "9.00"), later_us),
        asking(buys(ann, market, "9.00"), display_quantity="0.100", self_trade="both"),
        asking(
            sells(ann, market, None), trigger="stop", trigger_price="8.00", trigger_by="opposite"
        ),
        asking(buys(ann, market, None), trigger="stop", trail_bps=90, activation_price="9.50"),
        asking(
            buys(ann, market, None),
            own={"quantity": None, "quote_quantity": "5"},
            trigger="take_profit",
            trigger_price="8.00",
            protection_price="8.10",
        ),
        asking(sells(ann, market, "7.00"), trigger="stop", trail_price="0.50"),
        asking(
            sells(ann, market, "9.00"), own={"post_only": True, "time_in_force": "day"}, slides=True
        ),
    ]
    states = [the_order(reply) for reply in worker.settle(*asked)]

    rows = {row.pk: row for row in list_orders(ann.pk)}
    terms = get_market_terms("BTC/USD")
    assert [state_of_row(rows[state.id], terms) for state in states] == states
    told = [state.conditions for state in states]
    assert told[1] == asked[1].conditions
    assert told[2] == msgspec.structs.replace(asked[2].conditions, trigger_state="falling")
    # The engine says up to where a market order to buy holds funds, and when the day ends.
    assert told[3] is not None
    assert (told[3].trigger_state, told[3].protection_price) == ("falling", "10.07")
    assert told[5] is not None
    assert told[5].trigger_state == "trailing"
    assert told[6] is not None
    assert told[6].expires_us == (clock.time_us // 86_400_000_000 + 1) * 86_400_000_000
    # Six of them; the others of the market have no row.
    assert OrderConditions.objects.count() == len(asked)
    assert TrailMark.objects.get().price == 10
    assert_replays(worker)


def test_lists_of_orders_come_with_their_conditions(
    worker: DrivenWorker, market: Market, ann: Account, django_assert_num_queries: Any
) -> None:
    worker.settle(*[asking(buys(ann, market, "9.00"), display_quantity="0.500")] * 3)
    worker.settle(*[buys(ann, market, "9.00")] * 3)
    terms = get_market_terms("BTC/USD")

    with django_assert_num_queries(1):
        states = [state_of_row(row, terms) for row in list_orders(ann.pk, limit=6)]

    assert [state.conditions is None for state in states] == [True] * 3 + [False] * 3


def test_the_book_shows_slices_and_nothing_of_what_waits(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    iceberg = asking(sells(ann, market, "10.00", "1"), display_quantity="0.100")
    (state,) = map(the_order, worker.settle(iceberg))
    worker.settle(sells(bob, market, "10.00", "0.2"))
    worker.settle(asking(sells(ann, market, "9.00"), trigger="stop", trigger_price="8.00"))
    worker.settle(buys(bob, market, "10.00", "0.1"))  # the first slice, a new one is behind

    terms = get_market_terms("BTC/USD")
    snapshot = get_book_snapshot(terms, trades_max=5)
    assert snapshot is not None
    assert snapshot.levels == [("sell", "10.00", "0.300")]
    row = get_order(state.id, account_ids=[ann.pk])
    assert (str(row.remaining_quantity.normalize()), row.conditions.hidden_quantity) == (
        "0.9",
        row.remaining_quantity - row.conditions.display_quantity,
    )
    assert row.priority > row.pk
    assert_replays(worker)


def test_matches_that_were_prevented_are_stored_and_told(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    maker, other = map(
        the_order, worker.settle(sells(ann, market, "10.00", "0.3"), sells(bob, market, "10.01"))
    )
    changes_of(worker)
    (taker,) = map(
        the_order,
        worker.settle(asking(buys(ann, market, "10.01", "0.5"), self_trade="decrement")),
    )

    assert changes_of(worker) == [
        ("new", taker.id, "new", ""),
        ("prevented", maker.id, "new", ""),
        ("prevented", taker.id, "new", ""),
        ("cancelled", maker.id, "cancelled", "self_trade"),
        ("trade", other.id, "partially_filled", ""),
        ("trade", taker.id, "filled", ""),
    ]
    assert (taker.status, taker.filled_quantity, taker.prevented_quantity) == (
        "filled",
        "0.200",
        "0.300",
    )
    (match,) = list_prevented_matches(ann.pk, market.pk, order_id=maker.id)
    state = prevented_state(match, get_market_terms("BTC/USD"))
    assert (state.mode, state.price, state.quantity) == ("decrement", "10.00", "0.300")
    assert list_prevented_matches(bob.pk, market.pk) == []
    assert_replays(worker)

    PreventedMatch.objects.update(quantity=1)
    with connect(shard_id=0, owner="verify") as session:
        (found,) = verify_shard(session, 0).differences
    assert found.startswith("prevented match: stored ")
    assert any("losses are its prevented matches" in b.text() for b in reconcile())


def test_pages_of_prevented_matches_go_either_way(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    worker.settle(*[sells(ann, market, "10.00", "0.1")] * 3)
    worker.settle(asking(buys(ann, market, "10.00", "0.3"), self_trade="maker"))
    ids = list(PreventedMatch.objects.order_by("pk").values_list("pk", flat=True))
    assert len(ids) == 3

    def listed(**asked: Any) -> list[int]:
        return [row.pk for row in list_prevented_matches(ann.pk, market.pk, **asked)]

    assert listed(limit=2) == [ids[2], ids[1]]
    assert listed(before_id=ids[2]) == [ids[1], ids[0]]
    assert listed(from_id=ids[1], is_oldest=True) == [ids[1], ids[2]]
    assert listed(match_id=ids[0]) == [ids[0]]


# --- told -----------------------------------------------------------------------------------------


def test_a_reply_tells_nothing_of_what_the_command_set_off(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    """Not even where the orders that it let enter are of the same account."""
    worker.settle(buys(bob, market, "10.00", "0.1"), buys(bob, market, "9.00", "2"))
    stop = asking(sells(ann, market, None), trigger="stop", trigger_price="10.00")
    (waiting,) = map(the_order, worker.settle(stop))
    changes_of(worker)

    (reply,) = worker.settle(sells(ann, market, "10.00", "0.1"))

    assert the_order(reply).status == "filled"
    assert [trade.price for trade in reply.trades] == ["10.00"]
    told = changes_of(worker)
    assert ("triggered", waiting.id, "new", "") in told
    assert ("trade", waiting.id, "filled", "") in told
    row = get_order(waiting.id, account_ids=[ann.pk])
    assert (row.status, row.conditions.trigger_state) == ("filled", "triggered")
    assert row.conditions.triggered_at == row.updated_at
    assert_replays(worker)


def test_a_cancel_tells_of_its_own_order_and_names_no_other(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    """The best bid leaves: a stop that looks at it enters, and finds nothing to trade with."""
    (bid,) = map(the_order, worker.settle(buys(ann, market, "10.00")))
    stop = asking(
        sells(ann, market, None), trigger="stop", trigger_price="9.50", trigger_by="opposite"
    )
    (waiting,) = map(the_order, worker.settle(stop))
    worker.settle(buys(bob, market, "9.00", "0.1"))
    worker.events.clear()

    (reply,) = worker.settle(CancelOrder(ann.pk, market.pk, bid.id, cancel_name="mine"))

    assert the_order(reply).id == bid.id
    assert reply.trades == []
    changes = [
        change
        for _, payload in worker.events
        for change in wire.decode_private(wire.decode_event(payload).private).changes
    ]
    named = {change.order.id: change.cancel_name for change in changes if change.cancel_name}
    assert named == {bid.id: "mine"}
    assert [change.kind for change in changes if change.order.id == waiting.id] == [
        "triggered",
        "trade",
        "expired",
    ]
    assert_replays(worker)


def test_a_waiting_order_is_amended_where_it_waits(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    stop = asking(buys(ann, market, None), trigger="stop", trigger_price="10.00")
    (waiting,) = map(the_order, worker.settle(stop))

    amend = AmendOrder(ann.pk, market.pk, waiting.id, None, "2", None, FOREVER_MS, "11.00")
    (amended,) = map(the_order, worker.settle(amend))

    assert amended.conditions is not None
    assert (amended.quantity, amended.conditions.trigger_price) == ("2.000", "11.00")
    row = get_order(waiting.id, account_ids=[ann.pk])
    assert state_of_row(row, get_market_terms("BTC/USD")) == amended
    assert row.hold == row.conditions.protection_price * 2
    assert_replays(worker)

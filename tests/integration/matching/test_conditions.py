"""Orders that wait, hide and end in time: stored, told, and gone on with by the worker itself."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import Account
from matching import wire
from matching.commands.amend import AmendOrder
from matching.commands.cancel import CancelOrder
from matching.commands.place import PlaceOrder
from matching.conditions import Conditions
from matching.engine.engine import EXPIRIES_MAX
from matching.engine.firing import CHAIN_MAX
from matching.markets.selectors import get_market_terms
from matching.models import (
    Command,
    Market,
    Order,
    OrderConditions,
    PreventedMatch,
    Trade,
    TrailMark,
)
from matching.orders.by_sequence import get_book_snapshot
from matching.orders.prevented import list_prevented_matches
from matching.orders.selectors import get_order, list_orders
from matching.rows.orders import state_of_row
from matching.rows.prevented import prevented_state
from matching.worker.connection import connect
from matching.worker.due import RETRY_US
from matching.worker.replay import verify_shard
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    assert_sound,
    driven_worker,
    expire_lease,
    journal,
    make_account,
    make_market,
    place,
    rebuilt_hash,
    running_worker,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)

DUE = ("due", "applied", "")
FOREVER_MS = 2**50
FORMER_CONFIGURE_FIELDS = 23  # the tag, and up to the promotion's end


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        yield owner


def asking(command: PlaceOrder, *, own: dict[str, Any] | None = None, **asked: Any) -> PlaceOrder:
    return msgspec.structs.replace(command, conditions=Conditions(**asked), **(own or {}))


def buys(account: Account, market: Market, price: str | None, quantity: str = "1") -> PlaceOrder:
    return place(account, market, "buy", price, quantity, deadline_ms=FOREVER_MS)


def sells(account: Account, market: Market, price: str | None, quantity: str = "1") -> PlaceOrder:
    return place(account, market, "sell", price, quantity, deadline_ms=FOREVER_MS)


def good_till(command: PlaceOrder, expires_us: int) -> PlaceOrder:
    return asking(command, own={"time_in_force": "gtd"}, expires_us=expires_us)


def the_order(reply: wire.Reply) -> wire.OrderState:
    assert reply.code == "", reply.message
    (state,) = reply.orders
    return state


def changes_of(worker: DrivenWorker) -> list[tuple[str, int, str, str]]:
    """Return what was told since the last call: kind, order, status and reason."""
    events, worker.events = worker.events, []
    return [
        (change.kind, change.order.id, change.order.status, change.order.reason)
        for _, payload in events
        for change in wire.decode_private(wire.decode_event(payload).private).changes
    ]


def assert_replays(worker: DrivenWorker) -> None:
    assert_sound()
    with connect(shard_id=0, owner="verify") as session:
        found = verify_shard(session, 0)
    assert found.differences == []
    assert found.state_hash == worker.state_hash() == rebuilt_hash()


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
        states = [state_of_row(row, terms) for row in list_orders(ann.pk)]

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


# --- due ------------------------------------------------------------------------------------------


def test_orders_end_on_time_and_others_stay(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    soon, later = (
        the_order(reply)
        for reply in worker.settle(
            good_till(buys(ann, market, "9.00"), clock.time_us + 1_000_000),
            good_till(buys(ann, market, "9.00"), clock.time_us + 2_000_000),
        )
    )
    clock.pass_ms(999)
    worker.fire_due()
    assert Order.objects.filter(status="new").count() == 2
    clock.pass_ms(1)
    worker.fire_due()
    worker.fire_due()

    row = get_order(soon.id, account_ids=[ann.pk])
    assert (row.status, row.reason, row.hold) == ("expired", "time_over", 0)
    assert get_order(later.id, account_ids=[ann.pk]).status == "new"
    assert [row for row in journal() if row[0] == "due"] == [DUE]
    entry = Command.objects.get(kind="due")
    assert (entry.account_id, entry.market_id) == (None, market.pk)
    assert_replays(worker)


def test_a_worker_by_itself_ends_orders_and_lets_a_chain_go_on(
    market: Market, ann: Account, bob: Account
) -> None:
    """No command comes to wake it."""
    with driven_worker() as worker:
        now_us = worker.memory.clock_us()
        worker.settle(good_till(buys(ann, market, "1.00"), now_us + 1_500_000))
        worker.settle(buys(bob, market, "10.00", "0.1"), buys(bob, market, "9.00", "5"))
        worker.settle(*_stops(ann, market, CHAIN_MAX + 3))
        worker.settle(sells(ann, market, "10.00", "0.1"))
        assert OrderConditions.objects.filter(trigger_state="queued").count() == 3
    with running_worker():
        until(lambda: not _waiting(), what="the end of the chain")
        until(lambda: Order.objects.filter(reason="time_over").exists(), what="the end of an order")
    assert_sound()


def test_a_chain_goes_on_after_a_kill_to_the_same_end(
    market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    former = DrivenWorker(clock_us=clock)
    assert former.take_over()
    former.settle(buys(bob, market, "10.00", "0.1"), buys(bob, market, "9.00", "50"))
    cid = make_account("cid", BTC="10")
    stops = [stop for who in (ann, cid) for stop in _stops(who, market, CHAIN_MAX + 5)]
    former.settle(*stops)
    former.settle(sells(ann, market, "10.00", "0.1"))
    former.close()  # as if killed
    expire_lease()
    with driven_worker(clock_us=clock) as successor:
        assert len(_waiting()) == CHAIN_MAX + 10
        assert successor.shard.pipeline.wait_ms(250) == 0
        successor.fire_due()
        assert len(_waiting()) == 10
        successor.fire_due()
        assert _waiting() == []
        assert successor.shard.pipeline.wait_ms(250) == 250
        assert [row for row in journal() if row[0] == "due"] == [DUE, DUE]
        # Each by its age, though not all by one command.
        rows = Trade.objects.order_by("sequence").exclude(price=10)
        takers = list(rows.values_list("taker_order_id", flat=True))
        assert takers == sorted(takers)
        assert len(takers) == 2 * (CHAIN_MAX + 5)
        assert_replays(successor)


def test_many_that_end_at_once_end_in_parts_and_no_market_waits_for_another(
    market: Market, ann: Account, clock: Clock
) -> None:
    other = make_market("ETH", "EUR")
    cid = make_account("cid", EUR="10")
    with driven_worker(clock_us=clock) as worker:
        at_us = clock.time_us + 1_000_000
        many = [good_till(buys(ann, market, "1.00", "0.001"), at_us)] * (EXPIRIES_MAX + 1)
        worker.settle(*many, good_till(buys(cid, other, "1.00"), at_us))
        clock.pass_ms(1_000)

        worker.fire_due()
        left = Order.objects.filter(status="new").values_list("market_id", flat=True)
        assert list(left) == [market.pk]
        assert worker.shard.pipeline.wait_ms(250) == 0
        worker.fire_due()
        assert not left.all().exists()
        assert [row for row in journal() if row[0] == "due"] == [DUE] * 3
        assert_replays(worker)


def test_an_end_that_cannot_be_stored_is_void_and_tried_again_later(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    worker.settle(good_till(buys(ann, market, "9.00"), clock.time_us + 1_000_000))
    clock.pass_ms(1_000)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE matching_order ADD CONSTRAINT no_end CHECK (reason = '')")
        try:
            worker.fire_due()
            worker.fire_due()
            assert journal()[1:] == [("due", "void", "CheckViolation")]
        finally:
            cursor.execute("ALTER TABLE matching_order DROP CONSTRAINT no_end")
    assert worker.shard.pipeline.wait_ms(250) == 250
    worker.fire_due()
    assert Order.objects.filter(status="new").count() == 1
    clock.pass_ms(RETRY_US // 1_000)
    worker.fire_due()
    assert Order.objects.get().reason == "time_over"
    assert_replays(worker)


# --- before ---------------------------------------------------------------------------------------


def test_orders_of_the_former_version_are_there_after_the_migration_and_trade(
    market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    """There and back: what the migration made goes, and the orders stay."""
    with driven_worker(clock_us=clock) as former:
        former.settle(sells(ann, market, "10.00"), buys(bob, market, "10.00", "0.4"))
        former.settle(buys(bob, market, "9.00"))
    figures = Order.objects.order_by("pk").values_list("pk", "remaining_quantity", "hold")
    before = list(figures)
    try:
        call_command("migrate", "matching", "0009", verbosity=0)
    finally:
        call_command("migrate", "matching", verbosity=0)
    command = Command.objects.get(kind="configure")
    fields = msgspec.msgpack.decode(command.body)[:FORMER_CONFIGURE_FIELDS]
    Command.objects.filter(pk=command.pk).update(body=msgspec.msgpack.encode(fields))

    with driven_worker(clock_us=clock) as successor:
        rules = successor.memory.context.terms[market.pk].rules
        assert rules.self_trade_modes == "none,taker,maker,both,decrement"
        assert (rules.self_trade_mode, rules.max_trigger_orders) == ("taker", None)
        assert list(figures.all()) == before
        assert_replays(successor)
        (bought,) = map(the_order, successor.settle(buys(bob, market, "10.00", "0.6")))
        assert bought.status == "filled"
        assert_replays(successor)


def _stops(account: Account, market: Market, count: int) -> list[PlaceOrder]:
    stop = asking(sells(account, market, None, "0.01"), trigger="stop", trigger_price="10.00")
    return [stop] * count


def _waiting() -> list[int]:
    rows = OrderConditions.objects.exclude(trigger_state__in=("", "triggered"))
    return list(rows.order_by("pk").values_list("pk", flat=True))

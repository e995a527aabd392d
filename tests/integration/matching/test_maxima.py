"""What an account may have in a market at most: lists, a position, messages in a window."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from accounts.models import Account
from matching.commands.amend import AmendOrder
from matching.commands.cancel import CancelOrder
from matching.commands.place import PlaceOrder
from matching.markets.selectors import get_market_terms
from matching.models import Market, Order
from matching.preview.services import Seen, preview_order
from matching.worker.messages import MessageCounts
from tests.integration.matching.conditions_setup import (
    FOREVER_MS,
    asking,
    assert_replays,
    buys,
    sells,
    the_order,
)
from tests.integration.matching.test_flights import Flights, flights  # noqa: F401
from tests.integration.matching.test_lists import leg, oco, placing
from tests.integration.matching.trial_setup import set_rules
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    driven_worker,
    entries_of,
    place,
)

pytestmark = pytest.mark.django_db(transaction=True)
TOO_LARGE = "position_too_large"
TOO_MANY = "too_many_messages"
WINDOW_US = 10_000_000


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.time_us += WINDOW_US - clock.time_us % WINDOW_US  # a window begins
    return clock


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock, flight_min=1) as owner:
        yield owner


def reasons(worker: DrivenWorker, *commands: Any) -> list[str]:
    return [reply.reason for reply in worker.settle(*commands)]


def amending(order: Any, **more: Any) -> AmendOrder:
    return AmendOrder(
        order.account_id,
        order.market_id,
        order.id,
        more.get("price"),
        more.get("quantity"),
        None,
        FOREVER_MS,
    )


# --- lists ----------------------------------------------------------------------------------------


def test_so_many_lists_and_no_more(worker: DrivenWorker, market: Market, ann: Account) -> None:
    set_rules(worker, max_order_lists=2)
    first, _, third = worker.settle(*[oco(ann, market)] * 3)
    assert (third.code, third.reason) == ("invalid_order", "too_many_order_lists")
    assert Order.objects.count() == 4
    # Single orders do not count, and a list that has ended does not, either.
    assert reasons(worker, sells(ann, market, "12.00", "0.1")) == [""]
    worker.settle(CancelOrder(ann.pk, market.pk, first.orders[0].id))
    assert reasons(worker, *[oco(ann, market)] * 2) == ["", "too_many_order_lists"]
    set_rules(worker, max_order_lists=0)
    assert reasons(worker, oco(ann, market)) == ["too_many_order_lists"]
    assert_replays(worker)


# --- position -------------------------------------------------------------------------------------


def test_a_position_is_what_there_is_and_what_is_bought(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    set_rules(worker, max_position=Decimal("12.5"))
    # Ten are there, two locked for a sale among them.
    worker.settle(sells(ann, market, "11.00", "2"))
    assert reasons(worker, buys(ann, market, "9.00", "2.501")) == [TOO_LARGE]
    # In one batch, each is counted before the next.
    assert reasons(
        worker,
        buys(ann, market, "9.00", "1.5"),
        buys(ann, market, "8.00", "1.001"),
        buys(ann, market, "8.00", "1"),
        buys(bob, market, "9.50", "2.5"),
    ) == ["", TOO_LARGE, "", ""]
    (refused,) = worker.settle(buys(ann, market, "1.00", "0.001"))
    assert refused.code == "invalid_order"
    assert "12.50100000 BTC; the market allows 12.50000000." in refused.message
    # What was sold makes room in the same batch; whoever has too much may always sell.
    assert reasons(
        worker,
        sells(ann, market, "9.50", "0.5"),
        buys(ann, market, "1.00", "0.5"),
        buys(ann, market, "1.00", "0.001"),
    ) == ["", "", TOO_LARGE]
    assert_replays(worker)


def test_more_of_an_order_counts_and_another_price_or_less_of_it_does_not(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    (order,) = map(the_order, worker.settle(buys(ann, market, "9.00", "2")))
    set_rules(worker, max_position=Decimal("12.5"))
    asked = ({"quantity": "2.501"}, {"quantity": "2.5"}, {"price": "9.10"}, {"quantity": "1"})
    replies = reasons(worker, *(amending(order, **changes) for changes in asked))
    assert replies == [TOO_LARGE, "", "", ""]
    set_rules(worker, max_position=Decimal(5))  # it has more already
    replies = reasons(
        worker, amending(order, quantity="0.9"), amending(order, quantity="0.95"),
        buys(ann, market, "1.00", "0.001"), sells(ann, market, "20.00", "1"),
    )  # fmt: skip
    assert replies == ["", TOO_LARGE, TOO_LARGE, ""]
    assert_replays(worker)


def test_an_amount_buys_what_it_does_at_the_best_price_and_a_trigger_at_its_own(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    worker.settle(sells(bob, market, "10.00", "3"), buys(ann, market, "10.00", "0.1"))
    set_rules(worker, max_position=Decimal(12))  # ann has nearly 10.1

    def amount(text: str, **asked: Any) -> PlaceOrder:
        own = {"quantity": None, "quote_quantity": text}
        return asking(buys(ann, market, None), own=own, **asked)

    waiting = {"trigger": "stop", "trigger_price": "20.00"}
    assert reasons(worker, amount("25"), amount("40", **waiting)) == [TOO_LARGE, TOO_LARGE]
    assert reasons(worker, amount("20", **waiting), amount("5"), amount("5")) == ["", "", TOO_LARGE]
    assert_replays(worker)


def test_of_a_list_the_larger_of_two_counts(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    set_rules(worker, max_position=Decimal("12.5"))
    pair = (
        leg("buy", "9.00", "2"),
        leg("buy", "12.00", "2", trigger="stop", trigger_price="11.00"),
    )
    assert reasons(worker, placing(ann, market, "oco", *pair)) == [""]
    assert reasons(worker, buys(ann, market, "1.00", "0.6")) == [TOO_LARGE]
    assert reasons(worker, placing(ann, market, "oco", *pair)) == [TOO_LARGE]
    # What follows buys as much again.
    working, follows = leg("buy", "9.00", "0.3"), leg("buy", "8.00", "0.3")
    assert reasons(worker, placing(ann, market, "oto", working, follows)) == [TOO_LARGE]
    assert reasons(worker, buys(ann, market, "1.00", "0.5")) == [""]
    assert_replays(worker)


def test_a_batch_of_many_accounts_is_decided_once_and_does_not_fly(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    set_rules(worker, max_position=Decimal(11))
    batch = [buys(ann, market, "9.00", "0.6"), buys(bob, market, "9.00", "0.6")]
    attempts = len(worker.settlement.results)

    assert reasons(worker, *batch, *batch) == ["", "", TOO_LARGE, TOO_LARGE]

    assert len(worker.settlement.results) == attempts + 1
    # Its totals are read after the commit of the one before.
    assert not worker.shard.pipeline.can_fly(entries_of(worker, batch))
    cancels = [CancelOrder(ann.pk, market.pk, 1)]
    assert worker.shard.pipeline.can_fly(entries_of(worker, cancels))


def test_a_preview_knows_the_largest_position(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    set_rules(worker, max_position=Decimal("12.5"))
    worker.settle(buys(ann, market, "9.00", "2"))
    terms = get_market_terms("BTC/USD")
    seen = Seen(terms, [("10.00", "5")], None)
    told = [preview_order(buys(ann, market, "9.00", q), seen) for q in ("0.501", "0.5")]
    assert [(one.is_accepted, one.reason) for one in told] == [(False, TOO_LARGE), (True, "")]
    amount = asking(buys(ann, market, None), own={"quantity": None, "quote_quantity": "6"})
    assert preview_order(amount, seen).reason == TOO_LARGE


# --- messages -------------------------------------------------------------------------------------


def test_so_many_messages_in_a_window_of_the_clock(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    set_rules(worker, max_messages=4)
    (order, *_) = worker.settle(
        buys(ann, market, "9.00", "1"),
        buys(ann, market, "9.00", "99999"),  # refused, and sent all the same
        buys(ann, market, "9.00", "1"),
    )
    number = order.orders[0].id
    replies = worker.settle(
        amending(order.orders[0], quantity="0.5"), buys(ann, market, "9.00"), buys(bob, market, "9")
    )
    assert [reply.reason for reply in replies] == ["", TOO_MANY, ""]
    assert (replies[1].code, replies[1].limit) == ("rate_limit_exceeded", 4)
    # Cancels are always taken.
    assert reasons(worker, CancelOrder(ann.pk, market.pk, number)) == [""]
    clock.time_us += WINDOW_US - 1 - clock.time_us % WINDOW_US
    assert reasons(worker, buys(ann, market, "9.00")) == [TOO_MANY]
    clock.time_us += 1
    assert reasons(worker, *[buys(ann, market, "9.00", "0.1")] * 5) == [*[""] * 4, TOO_MANY]
    assert_replays(worker)


def test_a_list_is_as_many_messages_as_it_has_orders(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    set_rules(worker, max_messages=3)
    assert reasons(worker, oco(ann, market), oco(ann, market)) == ["", TOO_MANY]
    assert reasons(worker, *[buys(ann, market, "9.00")] * 2) == ["", TOO_MANY]


def test_what_was_one_too_many_may_be_sent_again_by_its_key(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    set_rules(worker, max_messages=1)
    first = place(ann, market, "buy", "9.00", "1", key="a", deadline_ms=FOREVER_MS)
    other = place(ann, market, "buy", "9.00", "1", key="b", deadline_ms=FOREVER_MS)
    # An answer that was given before is no message.
    assert reasons(worker, first, other, first, other) == ["", TOO_MANY, "", TOO_MANY]
    clock.time_us += WINDOW_US
    assert reasons(worker, other) == [""]


def test_batches_in_flight_are_counted_one_after_the_other(
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    flights: Flights,  # noqa: F811
) -> None:
    set_rules(worker, max_messages=5)
    batch: list[Any] = [buys(ann, market, "9.00", "0.1")] * 2
    replies = flights(batch, batch, batch)
    assert flights.decided_ahead == [True, True]
    assert [reply.reason for reply in replies] == [*[""] * 5, TOO_MANY]


def test_who_takes_the_shard_over_goes_on_counting(
    market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    with driven_worker(clock_us=clock) as worker:
        set_rules(worker, max_messages=3)
        asked = [buys(ann, market, "9.00"), buys(ann, market, "9.00", "99999"), oco(ann, market)]
        keyed = place(ann, market, "buy", "9.00", "1", key="k", deadline_ms=FOREVER_MS)
        assert reasons(worker, *asked) == ["", "insufficient_balance", TOO_MANY]
        other = msgspec.structs.replace(keyed, quantity="2")
        told = reasons(worker, keyed, keyed, other, b"\xff")
        assert told == ["", "", "conflict", "bad_command"]
    with driven_worker(clock_us=clock) as successor:
        assert reasons(successor, buys(ann, market, "9.00")) == [TOO_MANY]
        assert reasons(successor, *[buys(bob, market, "9.00", "0.1")] * 4) == [
            *[""] * 3,
            TOO_MANY,
        ]


def test_counts_of_a_batch_that_did_not_commit_are_forgotten(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    set_rules(worker, max_messages=2)
    before = worker.memory.context.messages
    key = ann.pk, market.pk
    layer = MessageCounts(worker.memory.context.last_batch_us, before)
    layer.add(key, 2, 2)
    assert (before.count(key), layer.count(key)) == (0, 2)
    assert reasons(worker, *[buys(ann, market, "9.00", "0.1")] * 3) == ["", "", TOO_MANY]


def test_rules_without_maxima_are_what_markets_of_before_have(
    worker: DrivenWorker, market: Market
) -> None:
    rules = get_market_terms("BTC/USD").rules
    assert (rules.max_order_lists, rules.max_position, rules.max_messages) == (100, None, None)
    set_rules(worker, max_order_lists=None)
    assert Market.objects.get(pk=market.pk).max_order_lists is None
    assert msgspec.structs.replace(rules, max_position=Decimal(1)) != rules

"""An order in another's place through the worker: replies, rows, money, and keys."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from accounts.models import Account
from matching import wire
from matching.commands.replace import ReplaceOrder
from matching.models import Command, Market, Order
from tests.integration.matching.conditions_setup import (
    asking,
    assert_replays,
    buys,
    changes_of,
    sells,
    the_order,
)
from tests.integration.matching.worker_setup import DrivenWorker, driven_worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account) -> Iterator[DrivenWorker]:
    with driven_worker() as owner:
        yield owner


def replaces(old: wire.OrderState | str, place: Any, **more: Any) -> ReplaceOrder:
    order_id, name = (None, old) if isinstance(old, str) else (old.id, None)
    return ReplaceOrder(place, order_id, name, **{"goes_on": False, **more})


def halves_of(reply: wire.Reply) -> tuple[str, str, bool]:
    """Return why cancel and new order were refused, and whether the latter was tried."""
    assert reply.code == "", reply.message
    halves = reply.halves
    assert halves is not None
    cancel, place = (
        "" if refusal is None else refusal.reason
        for refusal in (halves.cancel_refused, halves.place_refused)
    )
    return cancel, place, halves.is_tried


def test_both_are_told_stored_and_replayed(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    old, other = map(
        the_order, worker.settle(buys(ann, market, "9.00"), sells(bob, market, "9.50", "0.4"))
    )
    changes_of(worker)

    (reply,) = worker.settle(replaces(old, buys(ann, market, "9.50"), cancel_name="mine"))

    assert halves_of(reply) == ("", "", True)
    assert [(one.id == old.id, one.status, one.filled_quantity) for one in reply.orders] == [
        (True, "cancelled", "0.000"),
        (False, "partially_filled", "0.400"),
    ]
    assert [trade.maker_order_id for trade in reply.trades] == [other.id]
    new = reply.orders[1]
    assert changes_of(worker) == [
        ("cancelled", old.id, "cancelled", "requested"),
        ("new", new.id, "new", ""),
        ("trade", other.id, "filled", ""),
        ("trade", new.id, "partially_filled", ""),
    ]
    row = Command.objects.latest("sequence")
    assert (row.kind, row.order_id, row.account_id, row.market_id, row.outcome) == (
        *("replace", new.id, ann.pk, market.pk),
        "applied",
    )
    assert_replays(worker)


@pytest.mark.parametrize("goes_on", [False, True])
def test_what_is_not_open_is_not_replaced_unless_it_goes_on(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, goes_on: bool
) -> None:
    old = the_order(worker.settle(buys(ann, market, "9.00"))[0])
    worker.settle(sells(bob, market, "9.00", "0.4"))
    before = worker.state_hash()

    partly, unknown = worker.settle(
        replaces(old, buys(ann, market, "9.10"), goes_on=goes_on, cancels_only="new"),
        replaces("nothing", buys(bob, market, "8.00"), goes_on=goes_on),
    )

    assert halves_of(partly) == ("cancel_restricted", "", goes_on)
    assert halves_of(unknown) == ("order_not_open", "", goes_on)
    assert [[one.price for one in reply.orders] for reply in (partly, unknown)] == (
        [["9.10"], ["8.00"]] if goes_on else [[], []]
    )
    assert (worker.state_hash() == before) == (not goes_on)
    assert Order.objects.get(pk=old.id).status == "partially_filled"
    assert_replays(worker)


def test_of_two_refusals_both_are_told_and_nothing_changes(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    before = worker.state_hash()

    (reply,) = worker.settle(replaces("nothing", buys(ann, market, "9.00", "900"), goes_on=True))

    assert halves_of(reply) == ("order_not_open", "insufficient_balance", True)
    assert reply.orders == []
    assert worker.state_hash() == before
    row = Command.objects.latest("sequence")
    assert (row.outcome, row.reason, row.reached_engine) == ("rejected", "order_not_open", True)
    assert_replays(worker)


def test_what_is_known_of_the_new_order_leaves_the_old_one_and_the_book_does_not(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    old = the_order(worker.settle(buys(ann, market, "9.00"))[0])
    worker.settle(sells(bob, market, "9.50"))
    before = worker.state_hash()
    maker = msgspec.structs.replace(buys(ann, market, "9.50"), post_only=True)

    (dear,) = worker.settle(replaces(old, buys(ann, market, "9.00", "900"), goes_on=True))
    assert (dear.code, dear.halves) == ("insufficient_balance", None)
    assert worker.state_hash() == before
    (crosses,) = worker.settle(replaces(old, maker))

    assert halves_of(crosses) == ("", "post_only_would_cross", True)
    assert [(one.id, one.status) for one in crosses.orders] == [(old.id, "cancelled")]
    assert_replays(worker)


def test_told_again_it_is_the_first_result_and_with_other_content_a_conflict(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    old = the_order(worker.settle(asking(buys(ann, market, "9.00"), own={"key": None}))[0])
    keyed = msgspec.structs.replace(buys(ann, market, "9.10"), key="again")
    command = replaces(old, keyed)

    first, again = worker.settle(command, command)
    (later,) = worker.settle(command)

    assert first == again == later
    others = (
        replaces(old, keyed, goes_on=True),
        replaces(old, keyed, cancels_only="new"),
        replaces("x", keyed),
        replaces(old, msgspec.structs.replace(keyed, price="9.20")),
        keyed,
    )
    assert {reply.code for reply in worker.settle(*others)} == {"conflict"}
    aside = msgspec.structs.replace(keyed, deadline_ms=keyed.deadline_ms + 1)
    assert worker.settle(replaces(old, aside, cancel_name="other")) == [first]
    assert Order.objects.filter(account=ann).count() == 2
    assert_replays(worker)

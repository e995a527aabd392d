"""Two accounts of one owner that exchange what their orders would have traded."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Account, Balance, LedgerEntry, LedgerTransaction
from matching import wire
from matching.commands.place import PlaceOrder
from matching.markets.selectors import get_market_terms
from matching.models import Market, PreventedMatch, Trade
from matching.reconcile import reconcile
from matching.rows.prevented import prevented_state
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from tests.integration.matching.conditions_setup import (
    asking,
    assert_replays,
    buys,
    sells,
    the_order,
)
from tests.integration.matching.trial_setup import set_rules, sibling_of
from tests.integration.matching.worker_setup import DrivenWorker, driven_worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account) -> Iterator[DrivenWorker]:
    with driven_worker() as owner:
        set_rules(owner)
        yield owner


def transferring(command: PlaceOrder) -> PlaceOrder:
    return asking(command, self_trade="transfer")


def owned(account: Account) -> dict[str, tuple[Decimal, Decimal]]:
    rows = Balance.objects.filter(account=account).select_related("asset")
    return {row.asset.code: (row.available, row.locked) for row in rows}


def moved_between(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Decimal]:
    return {code: sum(after[code]) - sum(before[code]) for code in before}


def test_they_exchange_it_without_a_fee_and_without_a_trade(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    sibling = sibling_of(ann)
    before = owned(ann), owned(sibling)
    maker = the_order(worker.settle(transferring(sells(sibling, market, "10.00", "0.3")))[0])
    worker.events.clear()

    taker = the_order(worker.settle(transferring(buys(ann, market, "10.50", "0.5")))[0])

    assert (taker.status, taker.filled_quantity, taker.prevented_quantity) == (
        *("new", "0.000"),
        "0.300",
    )
    assert moved_between(before[0], owned(ann)) == {"USD": Decimal(-3), "BTC": Decimal("0.3")}
    assert moved_between(before[1], owned(sibling)) == {"USD": 3, "BTC": Decimal("-0.3")}
    assert owned(ann)["USD"][1] == Decimal("2.1")  # the rest, at its own price
    row = PreventedMatch.objects.get()
    state = prevented_state(row, get_market_terms("BTC/USD"))
    assert (state.mode, state.price, state.quantity, Decimal(state.amount or 0)) == (
        *("transfer", "10.00", "0.300"),
        3,
    )
    (event,) = (wire.decode_event(payload) for _, payload in worker.events)
    private = wire.decode_private(event.private)
    assert [change.prevented for change in private.changes if change.prevented] == [state, state]
    assert {balance.account_id for balance in private.balances} == {ann.pk, sibling.pk}
    entries = LedgerEntry.objects.filter(kind="prevented")
    posted = LedgerTransaction.objects.get(kind="prevented")
    assert (posted.pk, posted.reference) == (row.pk, str(row.pk))
    assert {(e.transaction_id, e.account_id, e.asset.code, e.amount) for e in entries} == {
        (row.pk, ann.pk, "BTC", Decimal("0.3")),
        (row.pk, ann.pk, "USD", Decimal(-3)),
        (row.pk, sibling.pk, "BTC", Decimal("-0.3")),
        (row.pk, sibling.pk, "USD", Decimal(3)),
    }
    assert (Trade.objects.count(), event.trades) == (0, [])
    assert not LedgerEntry.objects.filter(kind="fee").exists()
    assert maker.id == row.maker_order_id
    assert_replays(worker)


def test_a_market_order_pays_the_other_account_and_then_others(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    sibling = sibling_of(ann)
    worker.settle(
        transferring(sells(sibling, market, "10.00", "0.3")), sells(bob, market, "10.10", "1")
    )
    before = owned(ann)

    taker = the_order(worker.settle(transferring(buys(ann, market, None, "0.5")))[0])

    assert (taker.status, taker.filled_quantity, taker.prevented_quantity) == (
        *("filled", "0.200"),
        "0.300",
    )
    assert moved_between(before, owned(ann))["USD"] == Decimal("-5.02")
    assert owned(ann)["USD"][1] == 0
    assert Trade.objects.count() == 1
    assert_replays(worker)


@pytest.mark.parametrize("who", ["same", "sibling"])
def test_within_an_account_or_where_one_did_not_ask_for_it_nothing_moves(
    worker: DrivenWorker, market: Market, ann: Account, who: str
) -> None:
    sibling = sibling_of(ann)
    if who == "same":
        resting = transferring(sells(ann, market, "10.00", "0.3"))
    else:
        resting = sells(sibling, market, "10.00", "0.3")
    before = owned(ann), owned(sibling)
    worker.settle(resting)

    worker.settle(transferring(buys(ann, market, "10.00", "0.3")))

    assert PreventedMatch.objects.get().mode == "decrement"
    assert (owned(ann), owned(sibling)) == before
    assert not LedgerTransaction.objects.filter(kind="prevented").exists()
    assert_replays(worker)


def test_what_the_ledger_lacks_or_has_too_much_is_found(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    sibling = sibling_of(ann)
    worker.settle(
        transferring(sells(sibling, market, "10.00", "0.3")),
        transferring(buys(ann, market, "10.00", "0.3")),
    )
    PreventedMatch.objects.update(mode="decrement")
    found = {one.text().partition(":")[0] for one in reconcile()}
    assert any("ledger transaction has its prevented match" in text for text in found)
    PreventedMatch.objects.update(mode="transfer", price=11)
    assert any("one owner's accounts is in the ledger" in one.text() for one in reconcile())
    with connect(shard_id=0, owner="verify") as session:
        assert len(verify_shard(session, 0).differences) == 1

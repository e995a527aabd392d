"""A balance that is full: what an order could bring is refused, and nobody else is stopped."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from matching.commands.amend import AmendOrder
from matching.commands.replace import ReplaceOrder
from matching.conditions import Conditions
from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench

pytestmark = pytest.mark.django_db(transaction=True)

FULL = 10**20
RICH, SELLER, OTHER = 0, 1, 2


@pytest.fixture
def rich(transactional_db: None) -> Iterator[Bench]:
    """A market of whole coins: one account is nearly full of the quote, the others have both."""
    from accounts.services import create_asset, deposit, ensure_user
    from matching.worker.offline import OfflineShard

    for code in ("COIN", "CASH"):
        create_asset(by=SYSTEM, code=code, name=code, scale=0)
    accounts = []
    for name, cash, coins in (
        ("rich", FULL - 1_000, 10_000),
        ("seller", FULL // 2, 10_000),
        ("other", FULL // 2, 10_000),
    ):
        account = ensure_user(by=SYSTEM, email=f"{name}@example.com").accounts.get()
        for asset, amount in (("CASH", cash), ("COIN", coins)):
            deposit(
                by=SYSTEM,
                account_id=account.public_id,
                asset=asset,
                amount=Decimal(amount),
                source="bank",
            )
        accounts.append(account)
    with OfflineShard(0) as shard:
        yield Bench(shard, accounts)


def _coins(bench: Bench, **rules: Any) -> int:
    maximum = Decimal(FULL - 1)
    ends = dict.fromkeys(("max_notional", "max_price", "max_quantity"), maximum)
    steps = {"tick_size": Decimal(1), "lot_size": Decimal(1)}
    return bench.market("COIN/CASH", **(steps | ends | rules))


def _deposit(bench: Bench, who: int, amount: int) -> None:
    from accounts.services import deposit

    deposit(
        by=SYSTEM,
        account_id=bench.accounts[who].public_id,
        asset="CASH",
        amount=Decimal(amount),
        source="bank",
    )


def _counts() -> tuple[int, int, int]:
    from accounts.models import LedgerEntry
    from matching.models import Order, Trade

    return Order.objects.count(), Trade.objects.count(), LedgerEntry.objects.count()


def _assert_sound(bench: Bench) -> None:
    """Nothing is void, the market trades, the money adds up, and the journal replays to it."""
    from matching.models import Command, Market
    from matching.reconcile import reconcile
    from matching.worker.connection import connect
    from matching.worker.replay import verify_shard

    assert not Command.objects.filter(outcome="void").exists()
    assert set(Market.objects.values_list("phase", flat=True)) == {"continuous"}
    assert [found.text() for found in reconcile()] == []
    with transaction.atomic(), connect(shard_id=0, owner="test") as session:
        found = verify_shard(session, 0)
    assert found.differences == []
    assert found.state_hash == bench.state_hash()


def test_a_taker_whose_balance_has_no_room_is_refused_and_halts_nothing(rich: Bench) -> None:
    from matching.models import Command
    from zavora.foundation.errors import ValidationFailed

    market = _coins(rich)
    rich.apply(rich.order(OTHER, market, "buy 10 @ 500"))
    before = _counts()

    replies = [rich.apply(rich.order(RICH, market, "sell 2 @ 1"))[0] for _ in range(4)]

    assert {(reply.code, reply.reason) for reply in replies} == {("invalid_order", "balance_full")}
    assert _counts() == before
    assert (
        list(Command.objects.filter(reason="balance_full").values_list("outcome", flat=True))
        == ["rejected"] * 4
    )
    # The bound is the one that a deposit has, to the unit: 500 more fit, 1,000 do not.
    with pytest.raises(ValidationFailed, match="too large"):
        _deposit(rich, RICH, 1_000)
    assert rich.apply(rich.order(RICH, market, "sell 1 @ 1"))[0].orders[0].status == "filled"
    _assert_sound(rich)


@pytest.mark.parametrize("kind", ["market", "quote", "ioc"])
def test_orders_that_cannot_rest_are_refused_by_what_they_would_bring(
    rich: Bench, kind: str
) -> None:
    market = _coins(rich)
    rich.apply(rich.order(OTHER, market, "buy 10 @ 500"))
    fields: dict[str, Any] = {
        "market": {"order_type": "market", "price": None, "time_in_force": "ioc"},
        "quote": {
            "order_type": "market",
            "price": None,
            "quantity": None,
            "quote_quantity": "1000",
            "time_in_force": "ioc",
        },
        "ioc": {"time_in_force": "ioc"},
    }[kind]

    (reply,) = rich.apply(rich.order(RICH, market, "sell 2 @ 1", **fields))

    assert (reply.code, reply.reason) == ("invalid_order", "balance_full")
    _assert_sound(rich)


def test_a_resting_order_that_alone_could_overflow_is_refused_placed_or_amended(
    rich: Bench,
) -> None:
    market = _coins(rich)

    (fits,) = rich.apply(rich.order(RICH, market, "sell 1 @ 999"))
    (too_much,) = rich.apply(rich.order(RICH, market, "sell 1 @ 1000"))
    (amended,) = rich.apply(_amended(rich, RICH, market, fits.orders[0].id, price="1000"))
    (more,) = rich.apply(_amended(rich, RICH, market, fits.orders[0].id, quantity="2"))

    assert fits.orders[0].status == "new"
    assert [reply.reason for reply in (too_much, amended, more)] == ["balance_full"] * 3
    assert [str(order.price) for order in rich.open_orders(RICH)] == ["999.000000000000000000"]
    _assert_sound(rich)


def _amended(
    bench: Bench,
    who: int,
    market: int,
    order_id: int,
    price: str | None = None,
    quantity: str | None = None,
) -> Any:

    return AmendOrder(bench.accounts[who].pk, market, order_id, price, quantity, None, 2**50)


def test_a_resting_order_without_room_ends_and_the_stranger_that_meets_it_trades_on(
    rich: Bench,
) -> None:
    """Each of its orders fits alone; a deposit, or the first fill, takes the room of the second."""
    market = _coins(rich)
    rich.apply(
        rich.order(RICH, market, "sell 1 @ 600"),
        rich.order(RICH, market, "sell 1 @ 601"),
        rich.order(SELLER, market, "sell 1 @ 602"),
    )

    (reply,) = rich.apply(rich.order(OTHER, market, "buy 2 @ 700"))

    assert [trade.price for trade in reply.trades] == ["600", "602"]
    assert reply.orders[0].status == "filled"
    assert _ended(rich) == [("cancelled", "balance_full")]
    _assert_sound(rich)

    rich.apply(rich.order(RICH, market, "sell 1 @ 300"))
    _deposit(rich, RICH, 200)
    (met,) = rich.apply(rich.order(OTHER, market, "buy 1 @ 700"))
    assert met.trades == []
    assert met.orders[0].status == "new"
    _assert_sound(rich)


def test_an_order_without_room_that_would_enter_ends_and_whoever_reached_it_trades_on(
    rich: Bench,
) -> None:
    """What it would bring is not known when it is placed; a command of somebody else finds out."""
    market = _coins(rich)
    rich.apply(
        rich.order(OTHER, market, "buy 2 @ 2"),
        rich.order(SELLER, market, "sell 1 @ 2"),
        rich.order(OTHER, market, "buy 2000 @ 1"),
        _stop(rich, market, "900"),
        _stop(rich, market, "200"),
    )

    (reply, cancelled) = rich.apply(
        rich.order(SELLER, market, "sell 2 @ 1"), rich.cancel(OTHER, market, 1)
    )

    assert [trade.price for trade in reply.trades] == ["2", "1"]
    assert reply.orders[0].status == "filled"
    assert cancelled.code == "order_not_open"
    # The first of them fits, and after it the second does not.
    assert _ended(rich) == [("cancelled", "balance_full")]
    _assert_sound(rich)


def _stop(bench: Bench, market: int, quantity: str) -> Any:
    fields = {"order_type": "market", "time_in_force": "ioc", "price": None}
    conditions = Conditions(trigger="stop", trigger_price="1")
    return bench.order(RICH, market, f"sell {quantity} @ 1", conditions=conditions, **fields)


def _ended(bench: Bench) -> list[tuple[str, str]]:
    from matching.models import Order

    rows = Order.objects.filter(account=bench.accounts[RICH], status="cancelled")
    return list(rows.values_list("status", "reason"))


def test_others_of_the_same_batch_go_on(rich: Bench) -> None:
    market = _coins(rich)
    rich.apply(rich.order(OTHER, market, "buy 10 @ 500"))

    replies = rich.apply(
        rich.order(SELLER, market, "sell 1 @ 500"),
        rich.order(RICH, market, "sell 2 @ 500"),
        rich.order(SELLER, market, "sell 1 @ 500"),
        rich.order(RICH, market, "sell 1 @ 500"),
    )

    assert [reply.reason for reply in replies] == ["", "balance_full", "", ""]
    _assert_sound(rich)


def test_money_that_comes_and_goes_within_a_batch_never_stands_above_the_bound(
    rich: Bench,
) -> None:
    """The ledger keeps each step's balance: the end of the batch alone would fit."""
    market = _coins(rich)
    rich.apply(
        rich.order(OTHER, market, "buy 1 @ 999"),
        rich.order(OTHER, market, "buy 1 @ 998"),
        rich.order(SELLER, market, "sell 1 @ 2000"),
    )

    replies = rich.apply(
        rich.order(RICH, market, "sell 1 @ 999"),
        rich.order(RICH, market, "sell 1 @ 998"),
        rich.order(RICH, market, "buy 1 @ 2000"),
    )

    assert [reply.reason for reply in replies] == ["", "balance_full", ""]
    _assert_sound(rich)


def test_the_amounts_of_one_order_stay_below_the_bound_however_it_is_amended(rich: Bench) -> None:
    """Filled at a great price, its money taken out, then priced up again: its sum has a column."""
    market = _coins(rich)
    great = 9 * 10**19
    _withdraw(rich, SELLER, FULL // 2)
    _deposit(rich, OTHER, great - FULL // 2)
    rich.apply(rich.order(OTHER, market, f"buy 1 @ {great}"))
    (placed,) = rich.apply(rich.order(SELLER, market, "sell 2 @ 1"))
    _withdraw(rich, SELLER, great)
    order_id = placed.orders[0].id

    replies = [
        rich.apply(_amended(rich, SELLER, market, order_id, price=str(price)))[0]
        for price in (7, FULL // 10 * 4, FULL // 10 - 1)
    ]

    assert [reply.reason for reply in replies] == ["", "balance_full", ""]
    _assert_sound(rich)


def _withdraw(bench: Bench, who: int, amount: int) -> None:
    from accounts.services import request_withdrawal

    request_withdrawal(
        by=SYSTEM, account_id=bench.accounts[who].public_id, asset="CASH", amount=Decimal(amount)
    )


def test_what_would_follow_a_cancel_without_room_leaves_the_order_where_it_is(rich: Bench) -> None:
    """The replaced order stays, and its client keeps its place."""
    market = _coins(rich)
    (placed,) = rich.apply(rich.order(RICH, market, "sell 1 @ 999"))
    old_id = placed.orders[0].id
    hashed = rich.state_hash()

    wide = rich.order(RICH, market, "sell 1 @ 1000")
    (kept,) = rich.apply(ReplaceOrder(wide, old_id, None, goes_on=False))

    assert (kept.code, kept.reason) == ("invalid_order", "balance_full")
    assert rich.state_hash() == hashed
    assert [order.pk for order in rich.open_orders(RICH)] == [old_id]
    fits = rich.order(RICH, market, "sell 1 @ 998")
    (fitted,) = rich.apply(ReplaceOrder(fits, old_id, None, goes_on=False))
    assert [state.status for state in fitted.orders] == ["cancelled", "new"]
    _assert_sound(rich)

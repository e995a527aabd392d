"""A batch through the worker's own pipeline: rows, money and replies agree to the last unit."""

from decimal import Decimal
from typing import Any

import pytest

from matching.commands.amend import AmendOrder
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from tests.integration.matching.conftest import Bench

pytestmark = pytest.mark.django_db(transaction=True)


def _rebuilt_hash() -> str:
    from django.db import transaction

    from matching.worker.connection import connect
    from matching.worker.rebuild import load_shard

    with transaction.atomic(), connect(shard_id=0, owner="test") as connection:
        return load_shard(connection, 0)[0].engine.state_hash()


def test_known_demo_state_to_the_last_unit(bench: Bench) -> None:
    market = bench.market()
    for price in ("20000", "19500", "19000"):
        assert bench.apply(bench.order(0, market, f"buy 1 @ {price}"))[0].code == ""
    for price in ("21000", "21500", "22000"):
        assert bench.apply(bench.order(1, market, f"sell 1 @ {price}"))[0].code == ""
    (reply,) = bench.apply(bench.order(0, market, "buy 0.5 @ 21000"))

    assert reply.orders[0].status == "filled"
    assert [(trade.price, trade.quantity, trade.amount) for trade in reply.trades] == [
        ("21000.00", "0.50000", "10500.00000000")
    ]
    assert bench.balance(0, "USD") == (Decimal(31_000), Decimal(58_500))
    assert bench.balance(0, "BTC") == (Decimal("10.5"), Decimal(0))
    assert bench.balance(1, "USD") == (Decimal(110_500), Decimal(0))
    assert bench.balance(1, "BTC") == (Decimal(7), Decimal("2.5"))
    assert bench.state_hash() == _rebuilt_hash()


def test_fees_are_taken_from_what_each_side_receives(bench: Bench) -> None:
    from accounts.models import LedgerEntry
    from matching.models import Trade

    market = bench.market(maker_fee_ppm=1_000, taker_fee_ppm=2_000)
    bench.apply(bench.order(1, market, "sell 1 @ 100"), bench.order(0, market, "buy 0.5 @ 110"))

    trade = Trade.objects.get()
    assert (trade.maker_fee, trade.taker_fee) == (Decimal("0.05"), Decimal("0.001"))
    assert bench.balance(0, "BTC") == (Decimal("10.499"), Decimal(0))
    assert bench.balance(0, "USD") == (Decimal(99_950), Decimal(0))
    assert bench.balance(1, "USD") == (Decimal("100049.95"), Decimal(0))
    entries = LedgerEntry.objects.filter(transaction_id=trade.pk)
    assert sorted(entry.amount for entry in entries if entry.kind == "fee") == [
        Decimal("-0.05"),
        Decimal("-0.001"),
        Decimal("0.001"),
        Decimal("0.05"),
    ]
    mine = entries.filter(account=bench.accounts[0]).order_by("id")
    assert [entry.balance_after for entry in mine] == [
        Decimal("10.5"),
        Decimal(99_950),
        Decimal("10.499"),
    ]


def test_a_repeated_key_gets_the_first_result_and_changes_nothing(bench: Bench) -> None:
    from matching.models import Command, Order

    market = bench.market()
    order = bench.order(0, market, "buy 1 @ 100", key="order:a", client_order_id="a")
    refused = bench.order(0, market, "buy 1000 @ 20000", key="order:b")
    first = bench.apply(order, order, refused)
    again = bench.apply(order, refused)

    assert first[0] == first[1] == again[0]
    assert first[0].orders[0].status == "new"
    assert first[2].code == "insufficient_balance"
    assert again[1] == first[2]
    assert Order.objects.count() == 1
    outcomes = Command.objects.order_by("sequence").values_list("outcome", flat=True)
    assert list(outcomes) == [
        "applied",
        "applied",
        "duplicate",
        "rejected",
        "duplicate",
        "duplicate",
    ]
    assert bench.balance(0, "USD") == (Decimal(99_900), Decimal(100))


def test_a_key_with_other_content_is_a_conflict(bench: Bench) -> None:
    market = bench.market()
    bench.apply(bench.order(0, market, "buy 1 @ 100", key="order:a"))
    (reply,) = bench.apply(bench.order(0, market, "buy 1 @ 101", key="order:a"))

    assert reply.code == "conflict"
    assert bench.balance(0, "USD") == (Decimal(99_900), Decimal(100))


def test_funds_that_an_earlier_command_of_the_batch_took_are_gone(bench: Bench) -> None:
    market = bench.market()
    replies = bench.apply(
        bench.order(0, market, "buy 4 @ 20000"), bench.order(0, market, "buy 2 @ 20000")
    )

    assert [reply.code for reply in replies] == ["", "insufficient_balance"]
    assert bench.balance(0, "USD") == (Decimal(20_000), Decimal(80_000))


def test_cancel_all_and_amend_release_and_take_holds(bench: Bench) -> None:

    market = bench.market()
    (placed,) = bench.apply(bench.order(0, market, "buy 2 @ 100"))
    account = bench.accounts[0].pk
    (amended,) = bench.apply(
        AmendOrder(account, market, placed.orders[0].id, "150", None, None, 2**50)
    )
    assert (amended.code, amended.orders[0].price) == ("", "150.00")
    assert bench.balance(0, "USD") == (Decimal(99_700), Decimal(300))
    assert bench.state_hash() == _rebuilt_hash()

    (cancelled,) = bench.apply(CancelAllOrders(account, None, None))
    assert [order.status for order in cancelled.orders] == ["cancelled"]
    assert bench.balance(0, "USD") == (Decimal(100_000), Decimal(0))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"price": "100.001"}, "validation_error"),
        ({"quantity": "0.000001"}, "validation_error"),
        ({"account_id": 10**9}, "account_not_found"),
        ({"market_id": 10**9}, "wrong_shard"),
        ({"deadline_ms": 1}, "expired"),
        ({"quantity": "100000"}, "insufficient_balance"),
    ],
)
def test_a_refused_command_leaves_no_row_and_no_hold(
    bench: Bench, fields: dict[str, Any], code: str
) -> None:
    from matching.models import Order

    market = bench.market()
    (reply,) = bench.apply(bench.order(0, market, "buy 1 @ 100", **fields))

    assert reply.code == code
    assert Order.objects.count() == 0
    assert bench.balance(0, "USD") == (Decimal(100_000), Decimal(0))


def test_the_journal_replays_to_the_same_tables(bench: Bench) -> None:
    import random

    from django.db import connection as django_connection

    from matching.worker.connection import connect
    from matching.worker.replay import verify_shard

    draw = random.Random(7)
    market = bench.market(maker_fee_ppm=750, taker_fee_ppm=1_000)
    ids: list[tuple[int, int]] = []
    for _ in range(40):
        commands: list[Any] = []
        for _ in range(25):
            who, kind = draw.randrange(2), draw.random()
            if ids and kind < 0.25:
                owner, order_id = draw.choice(ids)
                commands.append(CancelOrder(owner, market, order_id))
            elif ids and kind < 0.35:
                owner, order_id = draw.choice(ids)
                price = f"{draw.randrange(95, 106)}"
                commands.append(AmendOrder(owner, market, order_id, price, None, None, 2**50))
            else:
                side = draw.choice(("buy", "sell"))
                text = f"{side} 0.{draw.randrange(1, 10)} @ {draw.randrange(95, 106)}"
                tif = draw.choice(("gtc", "gtc", "gtc", "ioc", "fok"))
                commands.append(bench.order(who, market, text, time_in_force=tif))
        for reply in bench.apply(*commands):
            ids += [(order.account_id, order.id) for order in reply.orders]
    assert bench.state_hash() == _rebuilt_hash()

    with connect(shard_id=0, owner="verify") as connection:
        found = verify_shard(connection, 0)
    assert found.differences == []
    assert found.commands == 1_001
    assert found.trades > 100

    with django_connection.cursor() as cursor:
        cursor.execute(
            "UPDATE matching_order SET hold = hold + 1 WHERE id ="
            " (SELECT max(id) FROM matching_order WHERE status = 'new')"
        )
        cursor.execute("UPDATE matching_trade SET maker_fee = maker_fee + 1 WHERE sequence = 5")
    with connect(shard_id=0, owner="verify") as connection:
        found = verify_shard(connection, 0)
    assert [text.split(":")[0].split()[0] for text in found.differences] == [
        "trade",
        "order",
        "engine",
    ]


def test_a_cancels_own_name_comes_back_in_the_orders_change(bench: Bench) -> None:
    from matching import wire
    from matching.models import Event

    market = bench.market()
    placed = bench.apply(
        bench.order(0, market, "buy 1 @ 100", client_order_id="a"),
        bench.order(0, market, "buy 1 @ 99", client_order_id="b"),
    )
    account_id = placed[0].orders[0].account_id
    bench.apply(
        CancelOrder(account_id, market, None, "a", cancel_name="c1"),
        CancelAllOrders(account_id, None, None, cancel_name="c2"),
    )

    event = Event.objects.filter(market_id=market).order_by("-sequence")[0]
    changes = wire.decode_private(wire.decode_event(bytes(event.payload)).private).changes
    assert [(c.kind, c.order.client_order_id, c.cancel_name) for c in changes] == [
        ("cancelled", "a", "c1"),
        ("cancelled", "b", "c2"),
    ]

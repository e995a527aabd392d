"""Whole accounts followed by the feed: each step once, in order, and holes told of."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from tests.actors import SYSTEM
from tests.integration.marketdata.conftest import Bench, Publisher, in_thread, until
from tests.integration.matching.conftest import TIME_US

pytestmark = pytest.mark.django_db(transaction=True)


class StepCodec:
    """Spells what happens so that tests can read it."""

    def happened(self, view: Any, event: Any) -> Any:
        steps = [
            (step.change.kind, step.change.order.id, step.change.order.status, bool(step.trade))
            for step in event.steps
        ]
        balances = [(state.asset_id, state.available, state.locked) for state in event.balances]
        return [("steps", steps, balances, [step.execution_id for step in event.steps])]

    def moved(self, change: Any, newest: Any) -> Any:
        return [("moved", change.moved, newest.available, newest.version)]


CODEC = StepCodec()


class AccountRecorder:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.lost = 0

    def push_account(self, account_id: int, messages: list[Any]) -> None:
        self.messages += messages

    def lost_account(self, account_id: int, what: str) -> None:
        self.lost += 1


@pytest.fixture
def market(bench: Bench) -> int:
    return bench.market()


async def _settle(bench: Bench, market: int, *orders: tuple[int, str]) -> list[int]:
    """Settle all orders in one batch; return their ids."""
    commands = [bench.order(who, market, text) for who, text in orders]
    replies = await in_thread(bench.apply, *commands)
    assert [reply.code for reply in replies] == [""] * len(orders)
    return [reply.orders[0].id for reply in replies]


async def _follow(feed: Any, bench: Bench, publisher: Publisher, who: int) -> AccountRecorder:
    await in_thread(publisher.lose)
    await feed.ensure_started()
    sink = AccountRecorder()
    await feed.follow_account(bench.accounts[who].pk, CODEC, sink)
    return sink


async def test_an_account_is_told_its_steps_in_order_then_its_balances(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    mine, other = [await _follow(feed, bench, publisher, who) for who in (0, 1)]

    first, second, third = await _settle(
        bench, market, (0, "buy 1 @ 20000"), (1, "sell 3 @ 20000"), (0, "buy 1 @ 20000")
    )
    await in_thread(publisher.publish)

    await until(lambda: mine.messages and other.messages, what="both accounts' steps")
    ((_, steps, balances, ids),) = mine.messages
    assert steps == [
        ("new", first, "new", False),
        ("trade", first, "filled", True),
        ("new", third, "new", False),
        ("trade", third, "filled", True),
    ]
    told = sorted((available, locked) for _, available, locked in balances)
    assert told == await in_thread(balances_of, bench, 0)
    assert len(set(ids)) == 4
    assert ids == sorted(ids)
    assert ids[0] == (bench.time_us - 1_735_689_600_000_000) << 3
    assert ids[-1] < 2**53
    ((_, steps, _, _),) = other.messages
    assert [step[:3] for step in steps] == [
        ("new", second, "new"),
        ("trade", second, "partially_filled"),
        ("trade", second, "partially_filled"),
    ]
    assert (mine.lost, other.lost) == (0, 0)


def balances_of(bench: Bench, who: int) -> list[tuple[str, str]]:
    """Return an account's balances as the tables have them."""
    return sorted(
        (f"{available:.8f}", f"{locked:.8f}")
        for available, locked in (bench.balance(who, asset) for asset in ("USD", "BTC"))
    )


async def test_lost_messages_are_filled_in_and_what_came_is_not_told_again(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    sink = await _follow(feed, bench, publisher, 0)
    ids = []
    for publish in (True, False, False, True):
        ids += await _settle(bench, market, (0, "buy 1 @ 20000"))
        await in_thread(publisher.publish if publish else publisher.lose)

    await until(lambda: len(sink.messages) == 4, what="four orders")
    assert [steps[0][1] for _, steps, _, _ in sink.messages] == ids
    assert sink.lost == 0


async def test_steps_that_no_row_remembers_are_a_loss(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from matching.models import Event

    sink = await _follow(feed, bench, publisher, 0)
    await _settle(bench, market, (0, "buy 1 @ 20000"))
    await in_thread(publisher.lose)
    await in_thread(Event.objects.all().delete)
    await _settle(bench, market, (0, "buy 1 @ 20000"))
    await in_thread(publisher.publish)

    await until(lambda: sink.lost, what="the loss")


async def test_the_first_orders_of_a_market_opened_meanwhile_are_told(
    bench: Bench, feed: Any, publisher: Publisher
) -> None:
    sink = await _follow(feed, bench, publisher, 0)
    market = await in_thread(bench.market)
    ids = await _settle(bench, market, (0, "buy 1 @ 20000"))
    ids += await _settle(bench, market, (0, "buy 2 @ 20000"))
    await in_thread(publisher.publish)

    await until(lambda: len(sink.messages) == 2, what="both orders")
    assert [steps[0][1] for _, steps, _, _ in sink.messages] == ids
    assert sink.lost == 0


async def test_deposits_say_what_came_in_and_holds_say_nothing_moved(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from accounts.services import deposit, request_withdrawal

    sink = await _follow(feed, bench, publisher, 0)
    who = {"account_id": bench.accounts[0].public_id, "asset": "USD"}
    await in_thread(lambda: deposit(by=SYSTEM, **who, amount=Decimal(5), source="bank"))
    await in_thread(lambda: request_withdrawal(by=SYSTEM, **who, amount=Decimal(7)))

    await until(lambda: len(sink.messages) == 3, what="a deposit, a hold and a withdrawal")
    assert sink.messages == [
        ("moved", "5.00000000", "100005.00000000", 2),
        ("moved", "", "99998.00000000", 3),
        ("moved", "-7.00000000", "99998.00000000", 4),
    ]
    assert sink.lost == 0


async def test_a_change_that_was_never_told_is_a_loss(
    bench: Bench,
    market: int,
    feed: Any,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from accounts.models import Asset
    from accounts.notices import BALANCES_CHANNEL, BalanceState
    from marketdata.feed import account_streams
    from matching import wire

    monkeypatch.setattr(account_streams, "LATE_MAX_S", 0.05)
    sink = await _follow(feed, bench, publisher, 0)
    account_id = bench.accounts[0].pk
    usd = await in_thread(lambda: Asset.objects.get(code="USD").pk)

    def tell(version: int) -> None:
        state = BalanceState(account_id, usd, "1", "0", version, TIME_US, "1")
        publisher.redis.publish(BALANCES_CHANNEL, wire.encode([state]))

    # Late, but there: versions 2 and 3 come in the wrong order.
    await in_thread(tell, 3)
    await in_thread(tell, 2)
    await until(lambda: len(sink.messages) == 2, what="both changes")
    assert [message[3] for message in sink.messages] == [3, 3]
    await in_thread(tell, 5)
    await until(lambda: sink.lost, what="the loss of version 4")
    assert [message[3] for message in sink.messages] == [3, 3, 5]


async def test_a_lost_last_step_of_a_quiet_market_is_told_after_the_next_sign_of_life(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from accounts.models import Asset
    from api.transport.outbox import Outbox
    from api.v1.socket.closing import POLICY
    from api.v1.socket.private import V1_ACCOUNTS, PrivateStreams
    from marketdata.feed.alerts import AlertStreams
    from zavora.foundation.queue import Subscription

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(json.loads(message["text"]))

    account = bench.accounts[0]
    compatible = await _follow(feed, bench, publisher, 0)
    outbox = Outbox(send, POLICY, feed.current)
    writer = asyncio.create_task(outbox.run())
    v1 = PrivateStreams(feed, AlertStreams(Subscription()), outbox)
    V1_ACCOUNTS.assets.update(
        await in_thread(lambda: {row.pk: (row.code, row.scale) for row in Asset.objects.all()})
    )
    await v1.follow({account.public_id: account.pk})
    v1.want("orders", None)
    v1.want("fills", market)
    v1.want("balances", None)

    await _settle(bench, market, (1, "sell 1 @ 20000"), (0, "buy 1 @ 20000"))
    await in_thread(publisher.lose)
    assert (sent, compatible.messages) == ([], [])
    await in_thread(publisher.heartbeat, market)

    await until(lambda: compatible.messages and len(sent) == 5, what="what was lost")
    assert [message["method"] for message in sent] == [
        "orders", "orders", "fills", "balances", "balances",
    ]  # fmt: skip
    names = [message["params"]["subscription_id"] for message in sent]
    assert names == ["orders:*", "orders:*", "fills:BTC/USD", "balances:*", "balances:*"]
    assert [message["params"]["data"]["status"] for message in sent[:2]] == ["New", "Filled"]
    assert not outbox.is_closing
    v1.end()
    writer.cancel()
    assert feed.accounts.account_ids == [account.pk]


async def test_an_older_balance_is_never_told_after_a_newer_one(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from accounts.models import Asset
    from accounts.notices import BALANCES_CHANNEL, BalanceState
    from matching import wire

    sink = await _follow(feed, bench, publisher, 0)
    account_id = bench.accounts[0].pk
    usd = await in_thread(lambda: Asset.objects.get(code="USD").pk)
    for version, available in ((2, "5"), (4, "6"), (3, "4")):
        state = BalanceState(account_id, usd, available, "0", version, TIME_US)
        publisher.redis.publish(BALANCES_CHANNEL, wire.encode([state]))
    await until(lambda: len(sink.messages) == 2, what="two balances")
    assert [message[2:] for message in sink.messages] == [("5", 2), ("6", 4)]
    assert sink.lost == 0

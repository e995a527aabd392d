"""All that a market is asked for, by chance: batches, replacements, lists, maxima, its calendar.

Tables, memory and journal agree at every step, from each checkpoint on, and after the market's end.
"""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from accounts.models import Account, Balance
from matching import wire
from matching.commands.base import WireCommand
from matching.commands.place import PlaceOrder
from matching.commands.place_batch import PlaceOrders
from matching.commands.protect import ResetProtection, SetProtection
from matching.commands.replace import ReplaceOrder
from matching.commands.switch import SetTimer
from matching.conditions import Conditions
from matching.models import (
    Command,
    Market,
    Order,
    OrderAmendment,
    OrderList,
    PreventedMatch,
    Trade,
)
from matching.worker.checkpoints import make_checkpoint
from tests.integration.matching.test_lists_trial import random_list
from tests.integration.matching.trial_setup import (
    assert_all_replays_agree,
    assert_told_is_stored,
    figures,
    random_command,
    random_order,
    set_rules,
    sibling_of,
    told_states,
)
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    assert_sound,
    driven_worker,
    place,
    rebuilt_hash,
)
from zavora.foundation.times import microseconds_of

pytestmark = pytest.mark.django_db(transaction=True)

BATCHES, COMMANDS = 72, 12
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
SCHEDULE = """Mon-Sun 00:00 continuous
Mon-Sun 12:01 auction
Mon-Sun 12:02 continuous
Mon-Sun 12:03 post_only
Mon-Sun 12:04 continuous
Mon-Sun 12:05 closed
Mon-Sun 12:06 auction
Mon-Sun 12:07 continuous
"""
LARGEST = Decimal("11.5")
# What an amount of 3.00 may buy more at another price than the one that it counted at.
SLACK = Decimal("0.1")
END = NOON + timedelta(minutes=11)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.time_us = microseconds_of(NOON)
    return clock


@pytest.mark.parametrize("seed", range(3))
def test_everything_agrees_up_to_a_markets_end(
    market: Market, ann: Account, bob: Account, clock: Clock, seed: int
) -> None:
    draw = random.Random(seed)
    accounts = [ann, bob, sibling_of(ann)]
    trial = _Trial(draw, clock, accounts, market)
    with driven_worker(clock_us=clock) as worker:
        set_rules(
            worker,
            schedule=SCHEDULE,
            cancels_on_close=False,
            delists_at=END,
            max_position=LARGEST,
            max_messages=15,
            max_order_lists=6,
            interruption_s=1,
            dynamic_collar_ppm=20_000,
        )
        trial.goes_on(worker, range(BATCHES // 2))
    # Another one takes over in the middle, and counts what was sent as the first one did.
    with driven_worker(clock_us=clock) as worker:
        trial.goes_on(worker, range(BATCHES // 2, BATCHES))
        clock.time_us = max(clock.time_us, microseconds_of(END))
        while Market.objects.get().phase != "delisted" or Order.objects.filter(hold__gt=0).exists():
            worker.fire_due()
        trial.goes_on(worker, range(BATCHES, BATCHES + 2))
        assert_told_is_stored(trial.told)
        assert_sound()
        assert_all_replays_agree(worker)
    # The trial is worth nothing where little happens.
    assert {"void", "internal_error", "bad_command"}.isdisjoint(trial.reasons)
    expected = {"position_too_large", "too_many_messages", "market_halted", "market_delisted"}
    assert expected <= trial.reasons
    assert Command.objects.filter(kind="replace", outcome="applied").count() > 10
    assert Command.objects.filter(actor="system:calendar").count() > 5
    assert OrderList.objects.exclude(done_at=None).exists()
    assert OrderAmendment.objects.exists()
    assert PreventedMatch.objects.filter(mode="transfer").exists()
    assert Trade.objects.filter(is_auction=True).exists()
    assert Order.objects.filter(reason="market_closed").exists()


class _Trial:
    def __init__(
        self, draw: random.Random, clock: Clock, accounts: list[Account], market: Market
    ) -> None:
        self._draw, self._clock, self._accounts, self._market = draw, clock, accounts, market
        self._places: dict[int, tuple[int, int]] = {}
        self.told: dict[int, wire.OrderState] = {}
        self.reasons: set[str] = set()

    def goes_on(self, worker: DrivenWorker, numbers: range) -> None:
        for number in numbers:
            self._clock.pass_ms(self._draw.choice((0, 40, 400, 9_000, 20_000)))
            worker.fire_due()
            book = worker.memory.context.engine.market(self._market.pk)
            standing = [(order.order_id, order.account_id) for order in book.open_orders()]
            replies = worker.settle(*(self._random(standing) for _ in range(COMMANDS)))
            parts = [wire.decode_reply(part) for reply in replies for part in reply.parts]
            self._note(replies + parts)
            self.told |= told_states(worker)
            assert worker.state_hash() == rebuilt_hash()
            assert _largest_position(worker, self._market) <= LARGEST + SLACK
            if number % 15 == 10:
                make_checkpoint(0)

    def _note(self, replies: list[wire.Reply]) -> None:
        for reply in replies:
            self.reasons.add(reply.reason)
            for state in reply.orders:
                self._places[state.id] = state.account_id, state.market_id

    def _random(self, standing: list[tuple[int, int]]) -> WireCommand:
        draw = self._draw
        if standing and draw.random() < 0.1:
            return self._replacing(*draw.choice(standing))
        kind, account_id = draw.random(), draw.choice(self._accounts).pk
        if kind < 0.1:
            return random_list(draw, self._clock, account_id, self._market)
        if kind < 0.2:
            return PlaceOrders([self._order() for _ in range(draw.randint(1, 5))])
        if kind < 0.25:
            return self._exchange()
        if kind < 0.27:
            fills_max = draw.choice((None, 2, 4))
            return SetProtection(account_id, self._market.pk, fills_max, None, 2_000)
        if kind < 0.29:
            return ResetProtection(account_id, self._market.pk)
        if kind < 0.31:
            return SetTimer(account_id, 0, draw.choice((0, 5_000)))
        return random_command(draw, self._clock, self._accounts, self._market, self._places)

    def _replacing(self, order_id: int, account_id: int) -> ReplaceOrder:
        place = msgspec.structs.replace(self._order(), account_id=account_id)
        only = self._draw.choice(("", "", "new", "partially_filled"))
        return ReplaceOrder(place, order_id, None, self._draw.random() < 0.5, only)

    def _exchange(self) -> PlaceOrders:
        """Return orders of two accounts of one owner that may meet."""
        price, quantity, _ = figures(self._draw)
        ann, _, sibling = self._accounts
        both = ((ann, "sell"), (sibling, "buy"))
        orders = [
            place(a, self._market, side, price, quantity, deadline_ms=2**60) for a, side in both
        ]
        transfers = Conditions(self_trade="transfer")
        return PlaceOrders([msgspec.structs.replace(o, conditions=transfers) for o in orders])

    def _order(self) -> PlaceOrder:
        draw = self._draw
        order = random_order(draw, self._clock, draw.choice(self._accounts), self._market)
        if order.conditions is not None and draw.random() < 0.7:
            conditions = msgspec.structs.replace(order.conditions, self_trade="transfer")
            order = msgspec.structs.replace(order, conditions=conditions)
        return order


def _largest_position(worker: DrivenWorker, market: Market) -> Decimal:
    """Return the most that an account has of the base asset with what its orders buy.

    Without those by quote amount, which the rule takes at the price of when they came.
    """
    book = worker.memory.context.engine.market(market.pk)
    largest = Decimal(0)
    for row in Balance.objects.filter(asset__code="BTC"):
        lots: dict[int, int] = {}
        for order in book.orders_of(row.account_id):
            asked = order.terms.conditions
            if order.terms.side == "buy" and order.terms.budget_units is None:
                name = asked.list_id if asked.leg in ("one", "pending") else -order.order_id
                lots[name] = max(order.left_lots, lots.get(name, 0))
        buying = Decimal(sum(lots.values())) / 1_000
        largest = max(largest, row.available + row.locked + buying)
    return largest

"""Lists, auctions and protections by chance: tables, memory, journal and events agree."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Account
from matching import wire
from matching.commands.base import WireCommand
from matching.commands.phase import SetMarketPhase
from matching.commands.place import LegOrder
from matching.commands.place_list import PlaceList
from matching.commands.protect import ResetProtection, SetProtection
from matching.conditions import Conditions
from matching.models import Market, Order, OrderConditions, OrderList, Trade
from matching.orders.legs import LEGS
from matching.orders.lists import state_of_row
from matching.worker.checkpoints import make_checkpoint
from tests.integration.matching.trial_setup import (
    assert_all_replays_agree,
    assert_snapshot_is_the_book,
    assert_told_is_stored,
    figures,
    random_command,
    set_rules,
    sibling_of,
    told_states,
)
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    assert_sound,
    driven_worker,
    rebuilt_hash,
)

pytestmark = pytest.mark.django_db(transaction=True)

BATCHES, COMMANDS = 70, 12
PHASES = ("auction", "auction", "post_only", "halted", "closed")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        yield owner


@pytest.mark.parametrize("seed", range(4))
def test_everything_agrees_after_random_batches(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: Clock, seed: int
) -> None:
    set_rules(
        worker,
        dynamic_collar_ppm=12_000,
        static_collar_ppm=25_000,
        interruption_s=1,
        auction_fee_ppm=(None, 500)[seed % 2],
    )
    draw = random.Random(seed)
    accounts = [ann, bob, sibling_of(ann)]
    orders: dict[int, wire.OrderState] = {}
    lists: dict[int, list[wire.ListState]] = {}
    places: dict[int, tuple[int, int]] = {}
    reasons: set[str] = set()
    for number in range(BATCHES):
        clock.pass_ms(draw.randint(0, 400))
        worker.fire_due()
        if number % 12 == 11:  # each of them, however the dice fall
            worker.settle(SetMarketPhase(market.pk, PHASES[number // 12]))
        commands = [_random(draw, clock, accounts, market, places) for _ in range(COMMANDS)]
        replies = worker.settle(*commands)
        reasons |= {reply.reason for reply in replies}
        for state in (state for reply in replies for state in reply.orders):
            places[state.id] = state.account_id, state.market_id
        _note_lists(worker, lists)
        orders |= told_states(worker)
        assert worker.state_hash() == rebuilt_hash()
        if number % 15 == 10:
            make_checkpoint(0)
        market.refresh_from_db()
        assert market.phase == worker.memory.context.engine.market(market.pk).phase
    assert_told_is_stored(orders)
    _assert_lists_told_are_stored(lists)
    assert_snapshot_is_the_book(worker, market)
    assert_sound()
    assert_all_replays_agree(worker)
    # The trial is worth nothing where little happens.
    assert {"void", "internal_error"}.isdisjoint(reasons)
    assert {"market_auction", "order_in_list", "protection"} <= reasons
    assert OrderList.objects.exclude(done_at=None).count() > 10
    assert OrderConditions.objects.filter(leg="pending", trigger_state="triggered").exists()
    assert Trade.objects.filter(is_auction=True).count() > 10
    ends = set(Order.objects.values_list("reason", flat=True))
    assert {"list", "protection", "market_closed", "interrupted"} <= ends


def _note_lists(worker: DrivenWorker, lists: dict[int, list[wire.ListState]]) -> None:
    for _, payload in worker.events:
        event = wire.decode_event(payload)
        for state in wire.decode_private(event.private).lists:
            lists.setdefault(state.id, []).append(state)


def _assert_lists_told_are_stored(lists: dict[int, list[wire.ListState]]) -> None:
    rows = {row.pk: row for row in OrderList.objects.all()}
    assert rows.keys() == lists.keys()
    for list_id, told in lists.items():
        assert told[-1] == state_of_row(rows[list_id])
        assert [state.status for state in told] == ["executing", "done"][: len(told)]


def _random(
    draw: random.Random,
    clock: Clock,
    accounts: list[Account],
    market: Market,
    places: dict[int, tuple[int, int]],
) -> WireCommand:
    kind = draw.random()
    account_id = draw.choice(accounts).pk
    if kind < 0.02:
        phase = draw.choice(PHASES)
        seconds = draw.choice((0, 1)) if phase == "auction" else 0
        return SetMarketPhase(market.pk, phase, auction_s=seconds)
    if kind < 0.05:
        return SetMarketPhase(market.pk, "continuous")
    if kind < 0.06:
        fills_max, quantity_max = draw.choice(((None, None), (2, None), (None, "0.500"), (4, "1")))
        return SetProtection(account_id, market.pk, fills_max, quantity_max, 2_000)
    if kind < 0.10:
        return ResetProtection(account_id, market.pk)
    if kind < 0.4:
        return random_list(draw, clock, account_id, market)
    return random_command(draw, clock, accounts, market, places)


def random_list(draw: random.Random, clock: Clock, account_id: int, market: Market) -> PlaceList:
    kind = draw.choice(tuple(LEGS))
    first_side = draw.choice(("buy", "sell"))
    pair_side = first_side if kind == "oco" else draw.choice(("buy", "sell"))
    _, quantity, _ = figures(draw)
    legs = []
    for number, leg in enumerate(LEGS[kind]):
        price, _, trigger = figures(draw)
        asked: dict[str, Any] = {}
        if leg != "working" and number != len(LEGS[kind]) - 1 - draw.randint(0, 1):
            asked = {"trigger": draw.choice(("stop", "take_profit"))}
            asked |= draw.choice(
                ({"trigger_price": trigger}, {"trail_price": "0.12"}, {"trail_bps": 90})
            )
        is_market = bool(asked) and draw.random() < 0.5
        time_in_force = "gtc" if is_market else draw.choice(("gtc", "gtc", "gtc", "day", "gtd"))
        if time_in_force == "gtd":
            asked["expires_us"] = clock.time_us + draw.randint(100_000, 3_000_000)
        legs.append(
            LegOrder(
                first_side if leg == "working" else pair_side,
                "market" if is_market else "limit",
                time_in_force,
                False,
                None if is_market else price,
                quantity,
                None,
                Conditions(**asked) if asked else None,
            )
        )
    return PlaceList(account_id, market.pk, kind, legs, None, None, 2**60)

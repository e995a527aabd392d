"""Orders with any conditions, by chance and by the clock: tables, memory and journal agree."""

import random
from collections.abc import Iterator

import pytest

from accounts.models import Account
from matching import wire
from matching.models import Market, Order, OrderConditions, PreventedMatch
from matching.worker.checkpoints import make_checkpoint
from tests.integration.matching.trial_setup import (
    assert_all_replays_agree,
    assert_snapshot_is_the_book,
    assert_told_is_stored,
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

BATCHES, COMMANDS = 60, 12


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        yield owner


@pytest.mark.parametrize("seed", range(3))
def test_everything_agrees_after_random_batches(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: Clock, seed: int
) -> None:
    set_rules(worker)
    draw = random.Random(seed)
    accounts = [ann, bob, sibling_of(ann)]
    told: dict[int, wire.OrderState] = {}
    places: dict[int, tuple[int, int]] = {}
    refused: set[str] = set()
    for number in range(BATCHES):
        clock.pass_ms(draw.randint(0, 400))
        worker.fire_due()
        commands = [random_command(draw, clock, accounts, market, places) for _ in range(COMMANDS)]
        replies = worker.settle(*commands)
        refused |= {reply.reason for reply in replies}
        for state in (state for reply in replies for state in reply.orders):
            places[state.id] = state.account_id, state.market_id
        told |= told_states(worker)
        assert worker.state_hash() == rebuilt_hash()
        if number % 15 == 10:
            make_checkpoint(0)
    assert_told_is_stored(told)
    assert_snapshot_is_the_book(worker, market)
    assert_sound()
    assert_all_replays_agree(worker)
    # The trial is worth nothing where little happens.
    assert {"void", "internal_error"}.isdisjoint(refused)
    assert PreventedMatch.objects.count() > 10
    assert OrderConditions.objects.filter(trigger_state="triggered").count() > 10
    assert Order.objects.filter(reason="time_over").exists()
    assert Order.objects.exclude(prevented_quantity=None).exists()

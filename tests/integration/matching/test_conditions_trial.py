"""Orders with any conditions, by chance and by the clock: tables, memory and journal agree."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from accounts.models import Account
from accounts.services import create_account, deposit
from matching import wire
from matching.commands.amend import AmendOrder
from matching.commands.base import WireCommand
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.commands.configure import configure_command
from matching.commands.place import PlaceOrder
from matching.conditions import Conditions
from matching.markets.selectors import get_market_terms
from matching.models import Market, Order, OrderConditions, PreventedMatch
from matching.rows.orders import state_of_row
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from tests.actors import SYSTEM
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    assert_sound,
    driven_worker,
    place,
    rebuilt_hash,
)

pytestmark = pytest.mark.django_db(transaction=True)

BATCHES, COMMANDS = 60, 12
MODES = ("none", "taker", "maker", "both", "decrement", None)


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
    _allow_all_modes(worker)
    draw = random.Random(seed)
    accounts = [ann, bob, _sibling_of(ann)]
    told: dict[int, wire.OrderState] = {}
    places: dict[int, tuple[int, int]] = {}
    refused: set[str] = set()
    for _ in range(BATCHES):
        clock.pass_ms(draw.randint(0, 400))
        worker.fire_due()
        commands = [_random(draw, clock, accounts, market, places) for _ in range(COMMANDS)]
        replies = worker.settle(*commands)
        refused |= {reply.reason for reply in replies}
        for state in (state for reply in replies for state in reply.orders):
            places[state.id] = state.account_id, state.market_id
        told |= _told(worker)
        assert worker.state_hash() == rebuilt_hash()
    _assert_told_is_stored(told)
    assert_sound()
    with connect(shard_id=0, owner="verify") as session:
        found = verify_shard(session, 0)
    assert found.differences == []
    assert found.state_hash == worker.state_hash()
    # The trial is worth nothing where little happens.
    assert {"void", "internal_error"}.isdisjoint(refused)
    assert PreventedMatch.objects.count() > 10
    assert OrderConditions.objects.filter(trigger_state="triggered").count() > 10
    assert Order.objects.filter(reason="time_over").exists()
    assert Order.objects.exclude(prevented_quantity=None).exists()


def _allow_all_modes(worker: DrivenWorker) -> None:
    terms = get_market_terms("BTC/USD")
    modes = ",".join(mode for mode in MODES if mode)
    rules = msgspec.structs.replace(terms.rules, self_trade_modes=modes)
    (reply,) = worker.settle(
        configure_command(by=SYSTEM, terms=msgspec.structs.replace(terms, rules=rules))
    )
    assert reply.code == ""


def _sibling_of(account: Account) -> Account:
    """Return another account of the same owner, with as much money."""
    sibling = create_account(by=SYSTEM, owner_id=account.owner_id)
    for asset, amount in (("USD", 1_000), ("BTC", 10)):
        deposit(
            by=SYSTEM,
            account_id=sibling.public_id,
            asset=asset,
            amount=Decimal(amount),
            source="bank",
        )
    return sibling


def _told(worker: DrivenWorker) -> dict[int, wire.OrderState]:
    """Return the last state of each order that the events since the last call told of."""
    events, worker.events = worker.events, []
    changes = [
        change
        for _, payload in events
        for change in wire.decode_private(wire.decode_event(payload).private).changes
    ]
    assert {change.kind for change in changes if change.prevented} <= {"prevented"}
    return {change.order.id: change.order for change in changes}


def _assert_told_is_stored(told: dict[int, wire.OrderState]) -> None:
    rows = {row.pk: row for row in Order.objects.select_related("conditions")}
    terms = get_market_terms("BTC/USD")
    for order_id, state in told.items():
        stored = state_of_row(rows[order_id], terms)
        if state.status == "new" and stored.conditions and state.conditions:
            # That its turn is to come, or that it trails, is stored and not told.
            assert stored.conditions.trigger_state != "triggered" or (
                state.conditions.trigger_state == "triggered"
            )
            conditions = msgspec.structs.replace(
                stored.conditions, trigger_state=state.conditions.trigger_state
            )
            stored = msgspec.structs.replace(stored, conditions=conditions)
        assert state == stored


def _random(
    draw: random.Random,
    clock: Clock,
    accounts: list[Account],
    market: Market,
    places: dict[int, tuple[int, int]],
) -> WireCommand:
    kind = draw.random()
    if places and kind < 0.3:
        order_id, (account_id, market_id) = draw.choice(list(places.items())[-40:])
        if kind < 0.12:
            return CancelOrder(account_id, market_id, order_id)
        price, quantity, trigger = (draw.choice((None, text)) for text in _figures(draw))
        return AmendOrder(account_id, market_id, order_id, price, quantity, None, 2**60, trigger)
    if kind < 0.31:
        return CancelAllOrders(draw.choice(accounts).pk, None, None)
    side = draw.choice(("buy", "sell"))
    price, quantity, _ = _figures(draw)
    is_market = draw.random() < 0.3
    command = place(
        draw.choice(accounts), market, side, None if is_market else price, quantity,
        deadline_ms=2**60,
    )  # fmt: skip
    return _conditional(draw, clock, command) if draw.random() < 0.7 else command


def _figures(draw: random.Random) -> tuple[str, str, str]:
    return (
        f"{draw.randint(970, 1030) / 100:.2f}",
        f"{draw.randint(1, 900) / 1000:.3f}",
        f"{draw.randint(960, 1040) / 100:.2f}",
    )


def _conditional(draw: random.Random, clock: Clock, command: PlaceOrder) -> PlaceOrder:
    asked: dict[str, Any] = {"self_trade": draw.choice(MODES)}
    own: dict[str, Any] = {}
    price, _, trigger = _figures(draw)
    is_market = command.order_type == "market"
    if draw.random() < 0.4:
        asked |= {"trigger": draw.choice(("stop", "take_profit"))}
        asked |= {"trigger_by": draw.choice(("last", "opposite"))}
        how = draw.choice(("trigger_price", "trigger_price", "trail_price", "trail_bps"))
        asked[how] = {"trail_price": "0.12", "trail_bps": 90}.get(how, trigger)
        if how != "trigger_price" and draw.random() < 0.4:
            asked["activation_price"] = trigger
    if is_market:
        asked["protection_price"] = draw.choice((None, price))
        if command.side == "buy" and draw.random() < 0.3:
            own |= {"quantity": None, "quote_quantity": "3.00"}
    elif draw.random() < 0.3:
        own |= {"post_only": True}
        asked["slides"] = draw.random() < 0.7
    if not is_market or "trigger" in asked:
        own["time_in_force"] = draw.choice(("gtc", "gtc", "gtd", "day", "ioc", "fok"))
        if own["time_in_force"] == "gtd":
            asked["expires_us"] = clock.time_us + draw.randint(-50_000, 3_000_000)
        if not is_market and own["time_in_force"] not in ("ioc", "fok") and draw.random() < 0.4:
            asked["display_quantity"] = draw.choice(("0.010", "0.050"))
    return msgspec.structs.replace(command, conditions=Conditions(**asked), **own)

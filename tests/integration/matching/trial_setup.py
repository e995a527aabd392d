"""Commands by chance, and what must be true of tables, memory and events after them."""

import random
from decimal import Decimal
from typing import Any

import msgspec

from accounts.models import Account
from accounts.services import create_account, deposit
from matching import wire
from matching.commands.amend import AmendOrder
from matching.commands.base import WireCommand
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.commands.configure import configure_command
from matching.commands.place import PlaceOrder
from matching.commands.replace import ReplaceOrder
from matching.conditions import Conditions
from matching.markets.selectors import get_market_terms
from matching.models import Checkpoint, Market, Order
from matching.orders.by_sequence import get_book_snapshot
from matching.rows.orders import state_of_row
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from tests.actors import SYSTEM
from tests.integration.matching.worker_setup import Clock, DrivenWorker, place

MODES = ("none", "taker", "maker", "both", "decrement", "transfer", "transfer", None)


def set_rules(worker: DrivenWorker, **changes: Any) -> None:
    """Allow orders every mode of self-trade prevention, and change other rules."""
    terms = get_market_terms("BTC/USD")
    modes = ",".join(dict.fromkeys(mode for mode in MODES if mode))
    rules = msgspec.structs.replace(terms.rules, self_trade_modes=modes, **changes)
    (reply,) = worker.settle(
        configure_command(by=SYSTEM, terms=msgspec.structs.replace(terms, rules=rules))
    )
    assert reply.code == "", reply.message


def sibling_of(account: Account) -> Account:
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


def assert_all_replays_agree(worker: DrivenWorker) -> None:
    """The journal from its beginning, and from each checkpoint on, leads to tables and memory."""
    starts = [None, *Checkpoint.objects.order_by("pk").values_list("pk", flat=True)]
    assert len(starts) > 3
    for number, start in enumerate(starts):
        with connect(shard_id=0, owner="verify") as session:
            found = verify_shard(session, 0, start=start)
        assert found.differences == []
        assert found.passed == len(starts) - 1 - number
        assert found.state_hash == worker.state_hash()


def assert_snapshot_is_the_book(worker: DrivenWorker, market: Market) -> None:
    """The book as the tables show it is the engine's."""
    terms = get_market_terms("BTC/USD")
    book = worker.memory.context.engine.market(market.pk)
    shown = {
        (side, terms.price_text(ticks), terms.quantity_text(lots))
        for side, levels in (("buy", book.depth("buy")), ("sell", book.depth("sell")))
        for ticks, lots in levels
    }
    snapshot = get_book_snapshot(terms, trades_max=1)
    assert snapshot is not None
    assert set(snapshot.levels) == shown


def told_states(worker: DrivenWorker) -> dict[int, wire.OrderState]:
    """Return the last state of each order that the events since the last call told of."""
    events, worker.events = worker.events, []
    changes = [
        change
        for _, payload in events
        for change in wire.decode_private(wire.decode_event(payload).private).changes
    ]
    assert {change.kind for change in changes if change.prevented} <= {"prevented"}
    return {change.order.id: change.order for change in changes}


def assert_told_is_stored(told: dict[int, wire.OrderState]) -> None:
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
            if conditions.leg is not None:
                stored = msgspec.structs.replace(stored, updated_us=state.updated_us)
        assert state == stored, f"told {state}, stored {stored}"


def random_command(
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
        price, quantity, trigger = (draw.choice((None, text)) for text in figures(draw))
        return AmendOrder(account_id, market_id, order_id, price, quantity, None, 2**60, trigger)
    if kind < 0.31:
        return CancelAllOrders(draw.choice(accounts).pk, None, None)
    command = random_order(draw, clock, draw.choice(accounts), market)
    if not places or kind > 0.4:
        return command
    # Mostly an order of one's own; what is somebody else's is as good as none.
    order_id, (account_id, _) = draw.choice(list(places.items())[-40:])
    if draw.random() < 0.9:
        command = msgspec.structs.replace(command, account_id=account_id)
    only = draw.choice(("", "", "new", "partially_filled"))
    return ReplaceOrder(command, order_id, None, draw.random() < 0.5, only)


def random_order(draw: random.Random, clock: Clock, account: Account, market: Market) -> PlaceOrder:
    side = draw.choice(("buy", "sell"))
    price, quantity, _ = figures(draw)
    is_market = draw.random() < 0.3
    command = place(
        account, market, side, None if is_market else price, quantity, deadline_ms=2**60
    )
    return conditional(draw, clock, command) if draw.random() < 0.7 else command


def figures(draw: random.Random) -> tuple[str, str, str]:
    return (
        f"{draw.randint(970, 1030) / 100:.2f}",
        f"{draw.randint(1, 900) / 1000:.3f}",
        f"{draw.randint(960, 1040) / 100:.2f}",
    )


def conditional(draw: random.Random, clock: Clock, command: PlaceOrder) -> PlaceOrder:
    asked: dict[str, Any] = {"self_trade": draw.choice(MODES)}
    own: dict[str, Any] = {}
    price, _, trigger = figures(draw)
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

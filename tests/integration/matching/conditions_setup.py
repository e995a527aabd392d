"""Commands and readings for tests of orders with conditions."""

from typing import Any

import msgspec

from accounts.models import Account
from matching import wire
from matching.commands.place import PlaceOrder
from matching.conditions import Conditions
from matching.models import Market
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from tests.integration.matching.worker_setup import (
    DrivenWorker,
    assert_sound,
    place,
    rebuilt_hash,
)

FOREVER_MS = 2**50


def asking(command: PlaceOrder, *, own: dict[str, Any] | None = None, **asked: Any) -> PlaceOrder:
    return msgspec.structs.replace(command, conditions=Conditions(**asked), **(own or {}))


def buys(account: Account, market: Market, price: str | None, quantity: str = "1") -> PlaceOrder:
    return place(account, market, "buy", price, quantity, deadline_ms=FOREVER_MS)


def sells(account: Account, market: Market, price: str | None, quantity: str = "1") -> PlaceOrder:
    return place(account, market, "sell", price, quantity, deadline_ms=FOREVER_MS)


def good_till(command: PlaceOrder, expires_us: int) -> PlaceOrder:
    return asking(command, own={"time_in_force": "gtd"}, expires_us=expires_us)


def the_order(reply: wire.Reply) -> wire.OrderState:
    assert reply.code == "", reply.message
    (state,) = reply.orders
    return state


def changes_of(worker: DrivenWorker) -> list[tuple[str, int, str, str]]:
    """Return what was told since the last call: kind, order, status and reason."""
    events, worker.events = worker.events, []
    return [
        (change.kind, change.order.id, change.order.status, change.order.reason)
        for _, payload in events
        for change in wire.decode_private(wire.decode_event(payload).private).changes
    ]


def assert_replays(worker: DrivenWorker) -> None:
    assert_sound()
    with connect(shard_id=0, owner="verify") as session:
        found = verify_shard(session, 0)
    assert found.differences == []
    assert found.state_hash == worker.state_hash() == rebuilt_hash()

"""What tests of checkpoints share: orders of every kind, and a replay."""

from typing import Any

from django.db import connection as django_connection

from accounts.models import Account
from matching.models import Market
from matching.worker.checkpoints import LATEST
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from matching.worker.verified import Verified
from tests.integration.matching.conditions_setup import asking, buys, good_till, sells
from tests.integration.matching.worker_setup import DrivenWorker

LATER_US = 60_000_000
# How many orders are open after ``settle_every_kind``.
OPEN_ORDERS = 9


def settle_every_kind(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, later_us: int
) -> None:
    """Settle orders that rest, wait, trail, hide and end by the clock."""
    worker.settle(sells(ann, market, "10.00", "0.1"), buys(bob, market, "10.00", "0.1"))
    replies = worker.settle(
        good_till(buys(ann, market, "9.00"), later_us),
        asking(buys(ann, market, "9.00"), display_quantity="0.100", self_trade="both"),
        asking(sells(ann, market, None), trigger="stop", trigger_price="8.00"),
        asking(buys(ann, market, None), trigger="stop", trail_bps=90, activation_price="9.50"),
        asking(
            buys(ann, market, None),
            own={"quantity": None, "quote_quantity": "5"},
            trigger="take_profit",
            trigger_price="8.00",
            protection_price="8.10",
        ),
        asking(sells(ann, market, "7.00"), trigger="stop", trail_price="0.50"),
        asking(
            sells(ann, market, "9.00"), own={"post_only": True, "time_in_force": "day"}, slides=True
        ),
        sells(bob, market, "11.00"),
        good_till(buys(ann, market, "5.00"), later_us),
    )
    assert [reply.code for reply in replies] == [""] * OPEN_ORDERS


def verified(start: int | str | None = LATEST) -> Verified:
    """Replay from a checkpoint, the newest by default; None: from the beginning."""
    with connect(shard_id=0, owner="verify") as session:
        return verify_shard(session, 0, start=start)


def change(statement: str, *values: Any) -> None:
    """Change the tables behind everybody's back."""
    with django_connection.cursor() as cursor:
        cursor.execute(statement, values)

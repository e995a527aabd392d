"""What the clock should have done by now, and what stands in the tables though it cannot be.

Pure, but for the reading: its own tests forge each thing that may be left.
"""

from dataclasses import dataclass, field
from typing import Final

import psycopg

# Names of switches from here on are those of connections (``api.v1.socket.switches``).
CONNECTIONS_FROM: Final = 1 << 62
_OVERDUE: Final = {
    "switches": "SELECT account_id, key_id FROM matching_switch WHERE due_at < clock_timestamp()",
    "auctions": (
        "SELECT m.symbol FROM matching_marketstate s JOIN matching_market m ON m.id = s.market_id"
        " WHERE m.phase = 'auction' AND s.auction_ends_at < clock_timestamp()"
    ),
    "orders": (
        "SELECT o.id FROM matching_order o JOIN matching_orderconditions c ON c.order_id = o.id"
        " WHERE o.status IN ('new', 'partially_filled') AND c.expires_at < clock_timestamp()"
    ),
    "queued": (
        "SELECT o.id FROM matching_order o JOIN matching_orderconditions c ON c.order_id = o.id"
        " JOIN matching_market m ON m.id = o.market_id"
        " WHERE o.status IN ('new', 'partially_filled') AND c.trigger_state = 'queued'"
        " AND m.phase = 'continuous'"
    ),
    "tripped": (
        "SELECT o.id FROM matching_order o JOIN matching_protection p"
        " ON p.account_id = o.account_id AND p.market_id = o.market_id"
        " WHERE p.is_tripped AND o.status IN ('new', 'partially_filled')"
    ),
}


@dataclass(slots=True)
class Standing:
    """What is left of each kind, as rows of names. All empty where the worker has done its work."""

    # Due, and not fired, not ended, not over.
    switches: list[tuple[object, ...]] = field(default_factory=list)
    auctions: list[tuple[object, ...]] = field(default_factory=list)
    orders: list[tuple[object, ...]] = field(default_factory=list)
    # Reached in a market that trades, and not entered.
    queued: list[tuple[object, ...]] = field(default_factory=list)
    # Open of accounts whose protection ended everything.
    tripped: list[tuple[object, ...]] = field(default_factory=list)


def read_standing(database_url: str) -> Standing:
    """Return what is left in the tables now."""
    with psycopg.connect(database_url) as connection:
        return Standing(
            **{name: connection.execute(query).fetchall() for name, query in _OVERDUE.items()}
        )


def find_left(standing: Standing) -> list[str]:
    """Return what should not stand there any more, as text."""
    said = {
        "switches": "did not fire",
        "auctions": "did not end",
        "orders": "are not over in time",
        "queued": "did not enter",
        "tripped": "are open after their protection ended all",
    }
    return [
        f"{name} that {text}: {rows}"
        for name, text in said.items()
        if (rows := getattr(standing, name))
    ]

"""What is told of lists of orders: each when it is placed, and when none of its orders is open."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from matching import wire
from matching.orders.legs import list_state
from matching.worker.decide import Decision
from zavora.foundation.errors import InvariantBroken


def lists_by_market(
    decision: Decision, ended: Iterable[tuple[Any, ...]]
) -> dict[int, list[wire.ListState]]:
    """Return what is told of a batch's lists, by market.

    ``ended``: rows of those that were placed before it (``matching.rows.lists``). Raises
    InvariantBroken where one has no row.
    """
    outcome = decision.outcome
    told = list(outcome.lists.values())
    done = [replace(state, status="done") for state in told if state.id in outcome.done_lists]
    before = [
        list_state(
            row[0],
            account_id=row[1],
            market_id=row[2],
            kind=row[3],
            client_list_id=row[4],
            status="done",
            created_us=row[5],
        )
        for row in ended
    ]
    if len(before) != len(decision.rows.ended_lists):
        raise InvariantBroken("a list of orders has no row")
    found: dict[int, list[wire.ListState]] = {}
    for state in (*told, *before, *done):
        found.setdefault(state.market_id, []).append(state)
    return found

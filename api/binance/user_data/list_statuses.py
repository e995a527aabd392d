"""``listStatus``: a list of orders that was placed, or is done.

Events of lists tell the ids of their orders, the published ones what clients call these, too. That
is learnt from the tables when somebody begins to follow an account, and after that from its orders.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from api.binance.words import list_reports
from api.binance.words.symbols import symbol_of
from api.binance.words.text import ms_of_us
from api.transport.threads import in_thread
from marketdata.feed.account_streams import AccountStep
from matching.markets.terms import MarketTerms
from matching.orders.lists import open_list_names
from matching.wire import ListState

NO_REASON: Final = "NONE"
# Client order ids by order.
Names = dict[int, str | None]


class ListNames:
    """What the orders of open lists are called, of accounts that somebody follows."""

    def __init__(self) -> None:
        self._followers: Counter[int] = Counter()
        # By account and list.
        self._names: dict[int, dict[int, Names]] = {}

    async def follow(self, account_pk: int) -> None:
        """Learn an account's names; its events must be followed already. ``unfollow`` ends it."""
        self._followers[account_pk] += 1
        known = self._names.setdefault(account_pk, {})
        for list_id, names in (await in_thread(open_list_names, account_pk)).items():
            known.setdefault(list_id, names)

    def unfollow(self, account_pk: int) -> None:
        """Forget an account that nobody follows any more."""
        self._followers[account_pk] -= 1
        if self._followers[account_pk] <= 0:
            del self._followers[account_pk]
            self._names.pop(account_pk, None)

    def of(self, state: ListState, steps: Sequence[AccountStep]) -> Names | None:
        """Return the names of a list's orders, None: they are not known.

        ``steps`` are those of the event that tells of the list: one that is placed has all there.
        """
        known = self._names.setdefault(state.account_id, {})
        if state.status == "executing":
            ids = set(state.order_ids)
            known[state.id] = {
                step.change.order.id: step.change.order.client_order_id
                for step in steps
                if step.change.order.id in ids
            }
            return known[state.id]
        return known.pop(state.id, None)


def list_status(
    terms: MarketTerms, state: ListState, names: Names, batch_us: int
) -> dict[str, Any]:
    """Return what is told of a list."""
    symbol, time_ms = symbol_of(terms), ms_of_us(batch_us)
    return {
        "e": "listStatus",
        "E": time_ms,
        "s": symbol,
        "g": state.id,
        "c": list_reports.CONTINGENCIES[state.kind],
        "l": list_reports.STATUS_TYPES[state.status],
        "L": list_reports.ORDER_STATUSES[state.status],
        "r": NO_REASON,
        "C": state.client_list_id or "",
        "T": time_ms,
        "O": [
            {"s": symbol, "i": order_id, "c": names[order_id] or ""} for order_id in state.order_ids
        ],
    }

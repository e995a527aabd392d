"""Rows of lists of orders: written as one is placed, and as none of its orders is open any more."""

from collections.abc import Iterable
from typing import Any, Final

from psycopg import Connection, Cursor

from matching.models import OrderList
from matching.wire import ListState
from zavora.foundation.rows import NULL, RowTable, array_text, copy_text
from zavora.foundation.times import moment_of

LISTS: Final = RowTable(
    OrderList,
    ("id", "account_id", "market_id", "kind", "client_list_id", "created_at", "done_at"),
)
_END: Final = (
    f"UPDATE {LISTS.name} SET done_at = %s WHERE id = ANY(%s::bigint[]) RETURNING id, account_id,"
    " market_id, kind, client_list_id, (extract(epoch FROM created_at) * 1000000)::bigint"
)
COMPARED_LISTS: Final = (
    "SELECT id, account_id, market_id, kind, client_list_id,"
    " (extract(epoch FROM created_at) * 1000000)::bigint, done_at IS NOT NULL"
    f" FROM {LISTS.name} WHERE id = ANY(%s)"
)


def list_row(placed: ListState, *, is_done: bool) -> str:
    """Return the COPY row of a list that the batch placed; ``is_done``: and ended."""
    name = NULL if placed.client_list_id is None else copy_text(placed.client_list_id)
    moment = moment_of(placed.created_us).isoformat()
    return (
        f"{placed.id}\t{placed.account_id}\t{placed.market_id}\t{placed.kind}\t{name}"
        f"\t{moment}\t{moment if is_done else NULL}"
    )


def end_lists(
    connection: "Connection[Any]", list_ids: Iterable[int], time_text: str
) -> "Cursor[Any]":
    """Note that lists are done; the cursor has a row of each."""
    return connection.execute(_END, (time_text, array_text(list_ids)))


def read_lists(cursor: "Cursor[Any]", list_ids: list[int]) -> dict[int, ListState]:
    """Return how lists were placed, by id, without their orders; what has no row is of nobody."""
    cursor.execute(COMPARED_LISTS, (list_ids,))
    lists = {
        list_id: ListState(list_id, 0, 0, "oco", None, "executing", 0, []) for list_id in list_ids
    }
    for list_id, account_id, market_id, kind, name, created_us, _ in cursor.fetchall():
        lists[list_id] = ListState(
            list_id, account_id, market_id, kind, name, "executing", created_us, []
        )
    return lists


def compared(placed: ListState, *, is_done: bool) -> tuple[object, ...]:
    """Return what a row of ``COMPARED_LISTS`` must hold."""
    return (
        placed.id,
        placed.account_id,
        placed.market_id,
        placed.kind,
        placed.client_list_id,
        placed.created_us,
        is_done,
    )

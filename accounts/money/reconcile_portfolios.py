"""Is what is counted of portfolios what the ledger says? Asked with everything else of money."""

from typing import Any, Final

from django.db.backends.utils import CursorWrapper

from accounts.models import Account, Asset, LedgerEntry, PortfolioBook, PortfolioPoint
from zavora.foundation.partitions.selectors import archived_below, whole_tables

_ENTRY: Final = LedgerEntry._meta.db_table
# The newest point of each account of a book that need not begin anew.
_TOLD: Final = f"""
told AS (
    SELECT DISTINCT ON (p.book_id, p.account_id) p.book_id, p.account_id, p.state
    FROM {PortfolioPoint._meta.db_table} p JOIN {PortfolioBook._meta.db_table} b ON b.id = p.book_id
    WHERE b.position + 1 >= {{low}}
    ORDER BY p.book_id, p.account_id, p.hour DESC
)"""
_QUANTITIES: Final = f"""
WITH {_TOLD}, held AS (
    SELECT t.book_id, t.account_id, a.id AS asset_id,
        ((h.value->>0)::numeric + (h.value->>2)::numeric) / 10::numeric ^ a.scale AS quantity
    FROM told t CROSS JOIN LATERAL jsonb_each(t.state->'holdings') h
    JOIN {Asset._meta.db_table} a ON a.id = h.key::bigint
), posted AS (
    SELECT b.id AS book_id, e.account_id, e.asset_id, sum(e.amount) AS total
    FROM {PortfolioBook._meta.db_table} b
    JOIN {Account._meta.db_table} c ON c.owner_id = b.owner_id
    JOIN (
        SELECT id, account_id, asset_id, amount FROM {{entry}} AS here UNION ALL
        SELECT -1, account_id, asset_id, amount FROM zavora_archived_sum
    ) AS e ON e.account_id = c.id
    WHERE b.position + 1 >= {{low}}
        AND (e.id <= b.position OR e.id = ANY(b.ahead))
    GROUP BY b.id, e.account_id, e.asset_id
)
SELECT coalesce(c.public_id::text, account_id::text), coalesce(a.code, asset_id::text),
    coalesce(posted.total, 0), coalesce(held.quantity, 0)
FROM posted FULL JOIN held USING (book_id, account_id, asset_id)
LEFT JOIN {Account._meta.db_table} c ON c.id = account_id
LEFT JOIN {Asset._meta.db_table} a ON a.id = asset_id
WHERE coalesce(posted.total, 0) <> coalesce(held.quantity, 0) LIMIT %s
"""
_RESULTS: Final = f"""
WITH {_TOLD}, sums AS (
    SELECT t.account_id,
        (SELECT coalesce(sum((h.value->>1)::numeric), 0)
            FROM jsonb_each(t.state->'holdings') h) AS cost,
        (SELECT coalesce(sum((h.value->>3)::numeric), 0)
            FROM jsonb_each(t.state->'holdings') h)
        + (t.state->>'deposited')::numeric - (t.state->>'withdrawn')::numeric
        + (t.state->>'carried_in')::numeric - (t.state->>'carried_out')::numeric
        + (t.state->>'found')::numeric AS made
    FROM told t
)
SELECT coalesce(c.public_id::text, s.account_id::text), s.made, s.cost
FROM sums s LEFT JOIN {Account._meta.db_table} c ON c.id = s.account_id
WHERE s.made <> s.cost LIMIT %s
"""


def quantities_not_posted(cursor: CursorWrapper, limit: int) -> list[tuple[Any, ...]]:
    """Return account, asset, sum of entries and quantity where a count has come to another one."""
    return _rows(cursor, _QUANTITIES, limit)


def costs_not_made(cursor: CursorWrapper, limit: int) -> list[tuple[Any, ...]]:
    """Return account, flows and realised together, and cost, where these are not the same."""
    return _rows(cursor, _RESULTS, limit)


def _rows(cursor: CursorWrapper, statement: str, limit: int) -> list[tuple[Any, ...]]:
    names = {
        "entry": whole_tables(cursor).get(_ENTRY, _ENTRY),
        "low": str(archived_below(cursor)),
    }
    cursor.execute(statement.format(**names), [limit])
    return list(cursor.fetchall())

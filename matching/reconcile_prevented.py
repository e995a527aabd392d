"""What accounts of one owner exchanged, whose orders met and did not trade, against the ledger.

A part of ``matching.reconcile``: the queries get its table names.
"""

from collections.abc import Sequence
from typing import Any, Final

from accounts.money.reconcile import Break, plain

# The ledger transaction has the prevented match's own id. It moves the quantity to the account of
# the order that buys, and the amount to the other one.
EXCHANGES_NOT_IN_LEDGER: Final = """
SELECT * FROM (
    SELECT p.id, p.quantity, p.quantity * p.price AS amount, count(e.id) AS entries,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = buyer AND e.asset_id = base_id), 0)
            AS buyer_base,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = buyer AND e.asset_id = quote_id), 0)
            AS buyer_quote,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = seller AND e.asset_id = base_id), 0)
            AS seller_base,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = seller AND e.asset_id = quote_id), 0)
            AS seller_quote
    FROM (
        SELECT p.*, m.base_id, m.quote_id,
            CASE WHEN o.side = 'buy' THEN taker_account_id ELSE maker_account_id END AS buyer,
            CASE WHEN o.side = 'buy' THEN maker_account_id ELSE taker_account_id END AS seller
        FROM {prevented} p JOIN {market} m ON m.id = p.market_id
        JOIN {order} o ON o.id = p.taker_order_id
        WHERE p.mode = 'transfer' AND p.id >= {low}
    ) AS p
    LEFT JOIN {transaction} x
        ON x.id = p.id AND x.kind = 'prevented' AND x.reference = p.id::text
    LEFT JOIN {entry} e ON e.transaction_id = x.id AND e.kind = 'prevented'
    GROUP BY p.id, p.quantity, p.price
) AS posted
WHERE entries <> 4 OR (buyer_base, buyer_quote, seller_base, seller_quote)
    IS DISTINCT FROM (quantity, -amount, -quantity, amount)
"""

LEDGER_WITHOUT_EXCHANGE: Final = (
    "SELECT x.id, x.reference FROM {transaction} x"
    " LEFT JOIN {prevented} p ON p.id = x.id AND p.mode = 'transfer'"
    " WHERE x.kind = 'prevented' AND x.id >= {low} AND p.id IS NULL"
)


def exchanges_not_in_ledger(rows: Sequence[Any]) -> list[Break]:
    """Return a break for each row of ``EXCHANGES_NOT_IN_LEDGER``."""
    return [
        Break(
            "exchange of one owner's accounts is in the ledger",
            {"prevented match": str(pk)},
            f"{plain(quantity)} for {plain(amount)}",
            f"{entries} entries: buyer {plain(moved[0])} and {plain(moved[1])},"
            f" seller {plain(moved[2])} and {plain(moved[3])}",
        )
        for pk, quantity, amount, entries, *moved in rows
    ]


def ledger_without_exchange(rows: Sequence[Any]) -> list[Break]:
    """Return a break for each row of ``LEDGER_WITHOUT_EXCHANGE``."""
    return [
        Break(
            "ledger transaction has its prevented match",
            {"transaction": str(pk), "reference": reference},
            "a prevented match by transfer",
            "none",
        )
        for pk, reference in rows
    ]

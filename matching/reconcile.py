"""Do orders, trades, holds and the ledger agree? One snapshot of the tables answers it.

``reconcile`` asks everything; the checks of money stand in ``accounts.money.reconcile``.
"""

from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts.money.reconcile import BREAKS_MAX, Break, Hold, checked, find_breaks, names_in, plain
from matching.models import (
    Market,
    MarketState,
    Order,
    OrderConditions,
    OrderList,
    PreventedMatch,
    Trade,
)
from matching.reconcile_prevented import (
    EXCHANGES_NOT_IN_LEDGER,
    LEDGER_WITHOUT_EXCHANGE,
    exchanges_not_in_ledger,
    ledger_without_exchange,
)

# Table names, never data. The ledger's tables are read here, never written.
_NAMES: Final = {
    "market": Market._meta.db_table,
    "state": MarketState._meta.db_table,
    "order": f'"{Order._meta.db_table}"',
    "list": OrderList._meta.db_table,
    "conditions": OrderConditions._meta.db_table,
    "prevented": PreventedMatch._meta.db_table,
    "trade": Trade._meta.db_table,
    "entry": "accounts_ledgerentry",
    "transaction": "accounts_ledgertransaction",
    "account": "accounts_account",
}


def reconcile() -> list[Break]:
    """Return everything that does not add up, in one REPEATABLE READ snapshot; [] if all is well.

    Must not be called inside a transaction. Reads only, and waits for nobody.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # Whole tables meet here. Where their statistics are old, row by row takes minutes.
        cursor.execute("SET LOCAL enable_nestloop = off")
        return find_breaks_everywhere(cursor)


def find_breaks_everywhere(cursor: CursorWrapper) -> list[Break]:
    """Return the breaks of money and of matching, as the cursor's transaction sees them."""
    return [
        *find_breaks(cursor, list_order_holds(cursor)),
        *checked(cursor, _orders_not_their_trades),
        *checked(cursor, _orders_not_their_prevented),
        *checked(cursor, _orders_impossible),
        *checked(cursor, _lists_not_holding),
        *checked(cursor, _lists_not_their_orders),
        *checked(cursor, _trades_not_in_ledger),
        *checked(cursor, _ledger_without_trade),
        *checked(cursor, _exchanges_not_in_ledger),
        *checked(cursor, _ledger_without_exchange),
        *checked(cursor, _sequences_with_gaps),
    ]


def _rows(cursor: CursorWrapper, statement: str, *params: Any) -> list[tuple[Any, ...]]:
    cursor.execute(f"{statement.format(**names_in(cursor, _NAMES))} LIMIT {BREAKS_MAX}", params)
    return list(cursor.fetchall())


def list_order_holds(cursor: CursorWrapper) -> list[Hold]:
    """Return what open orders hold, per account and asset."""
    statement = (
        "SELECT o.account_id, CASE WHEN o.side = 'buy' THEN m.quote_id ELSE m.base_id END,"
        " sum(o.hold) FROM {order} o JOIN {market} m ON m.id = o.market_id"
        " WHERE o.status IN ('new', 'partially_filled') GROUP BY 1, 2 ORDER BY 1, 2"
    )
    cursor.execute(statement.format(**names_in(cursor, _NAMES)))
    return [Hold(*row) for row in cursor.fetchall()]


def _orders_not_their_trades(cursor: CursorWrapper) -> list[Break]:
    rows = _rows(
        cursor,
        "WITH fills AS ("
        "  SELECT order_id, sum(quantity) AS quantity, sum(amount) AS amount FROM ("
        "    SELECT maker_order_id AS order_id, quantity, amount FROM {trade}"
        "    UNION ALL SELECT taker_order_id, quantity, amount FROM {trade}) AS sides"
        "  GROUP BY order_id)"
        " SELECT coalesce(o.id, f.order_id), coalesce(f.quantity, 0), coalesce(f.amount, 0),"
        "  o.filled_quantity, o.filled_quote"
        " FROM {order} o FULL JOIN fills f ON f.order_id = o.id"
        " WHERE coalesce(o.id, f.order_id) >= {low} AND (o.id IS NULL"
        "  OR o.filled_quantity <> coalesce(f.quantity, 0)"
        "  OR o.filled_quote <> coalesce(f.amount, 0))",
    )
    return [
        Break(
            "order's fills are its trades",
            {"order": str(pk)},
            f"{plain(quantity)} for {plain(amount)}",
            "no such order" if filled is None else f"{plain(filled)} for {plain(filled_quote)}",
        )
        for pk, quantity, amount, filled, filled_quote in rows
    ]


def _orders_not_their_prevented(cursor: CursorWrapper) -> list[Break]:
    rows = _rows(
        cursor,
        "WITH losses AS ("
        "  SELECT order_id, sum(quantity) AS quantity FROM ("
        "    SELECT maker_order_id AS order_id, quantity, mode FROM {prevented}"
        "    UNION ALL SELECT taker_order_id, quantity, mode FROM {prevented}) AS sides"
        "  WHERE mode IN ('decrement', 'transfer') GROUP BY order_id),"
        " losers AS (SELECT id, prevented_quantity FROM {order}"
        "  WHERE prevented_quantity IS NOT NULL)"
        " SELECT coalesce(o.id, l.order_id), coalesce(l.quantity, 0), o.prevented_quantity"
        " FROM losers o FULL JOIN losses l ON l.order_id = o.id"
        " WHERE coalesce(o.id, l.order_id) >= {low}"
        "  AND coalesce(o.prevented_quantity, 0) <> coalesce(l.quantity, 0)",
    )
    return [
        Break(
            "order's losses are its prevented matches",
            {"order": str(pk)},
            plain(quantity),
            plain(prevented),
        )
        for pk, quantity, prevented in rows
    ]


# What an order needs follows from what remains of it: a sell the rest in base, a buy the rest at
# its price in quote; one that is no longer open nothing. A market order is open while it waits: to
# buy it holds for the worst price that it takes, or its whole budget.
_DUE: Final = (
    "CASE WHEN o.status NOT IN ('new', 'partially_filled') THEN 0"
    " WHEN o.side = 'sell' THEN o.remaining_quantity"
    " WHEN o.quantity IS NULL AND c.trigger_state <> '' THEN o.quote_quantity"
    " ELSE o.remaining_quantity * coalesce(o.price, c.protection_price) END"
)


def _orders_impossible(cursor: CursorWrapper) -> list[Break]:
    # What an order of a list holds is looked at with the others of it.
    rows = _rows(
        cursor,
        "SELECT id, status, hold, remaining_quantity, quantity, filled_quantity, due FROM ("
        " SELECT o.*, coalesce(o.prevented_quantity, 0) AS lost,"
        "  coalesce(c.hidden_quantity, 0) AS hidden,"
        f"  {_DUE} AS due, status IN ('new', 'partially_filled') AND c.leg <> '' AS is_leg"
        " FROM {order} o LEFT JOIN {conditions} c ON c.order_id = o.id) AS orders"
        " WHERE (hold <> due AND is_leg IS NOT TRUE) OR due IS NULL OR hold = 'NaN'"
        "  OR remaining_quantity < 0 OR lost < 0"
        "  OR hidden < 0 OR hidden > remaining_quantity"
        "  OR (status IN ('new', 'partially_filled') AND quantity IS NOT NULL"
        "    AND remaining_quantity + filled_quantity + lost <> quantity)"
        "  OR (status IN ('new', 'partially_filled') AND quantity IS NULL"
        "    AND (quote_quantity IS NULL OR remaining_quantity + filled_quantity <> 0))",
    )
    return [
        Break(
            "order holds what remains of it",
            {"order": str(pk), "status": status},
            f"hold {plain(due)}, remaining, filled and prevented {plain(quantity)} together",
            f"hold {plain(hold)}, remaining {plain(remaining)}, filled {plain(filled)}",
        )
        for pk, status, hold, remaining, quantity, filled, due in rows
    ]


def _lists_not_holding(cursor: CursorWrapper) -> list[Break]:
    # The working order holds what it needs. Of the others one holds for the dearest (what waits for
    # no price, else the oldest); where they pay with what the working one brings, as much of that
    # as it has brought.
    rows = _rows(
        cursor,
        "WITH legs AS (SELECT o.id, o.hold, o.side, c.list_id, c.leg, c.trigger,"
        f" {_DUE} AS due FROM {{order}} o JOIN {{conditions}} c ON c.order_id = o.id"
        "  WHERE c.leg <> '' AND o.status IN ('new', 'partially_filled')),"
        " working AS (SELECT * FROM legs WHERE leg = 'working'),"
        " others AS (SELECT list_id, min(side) AS side, sum(hold) AS total, max(due) AS needed,"
        "  (array_agg(hold ORDER BY trigger <> '', id))[1] AS held"
        "  FROM legs WHERE leg <> 'working' GROUP BY list_id)"
        " SELECT coalesce(o.list_id, w.list_id), w.due, o.needed, w.hold, o.total"
        " FROM others o FULL JOIN working w ON w.list_id = o.list_id"
        " WHERE w.hold <> w.due OR o.total <> o.held"
        "  OR CASE WHEN w.side <> o.side THEN o.held < 0 OR o.held > o.needed"
        "    ELSE o.held <> o.needed END",
    )
    return [
        Break(
            "list holds what its orders need",
            {"list": str(pk)},
            f"working {_figure(due)}, others {_figure(needed)}",
            f"working {_figure(hold)}, others {_figure(held)}",
        )
        for pk, due, needed, hold, held in rows
    ]


def _lists_not_their_orders(cursor: CursorWrapper) -> list[Break]:
    rows = _rows(
        cursor,
        "WITH legs AS (SELECT c.list_id, count(*) FILTER ("
        "   WHERE o.status IN ('new', 'partially_filled')) AS open"
        "  FROM {conditions} c JOIN {order} o ON o.id = c.order_id"
        "  WHERE c.list_id <> 0 GROUP BY c.list_id)"
        " SELECT coalesce(l.id, g.list_id), g.open, l.id IS NULL, l.done_at IS NOT NULL"
        " FROM {list} l FULL JOIN legs g ON g.list_id = l.id"
        " WHERE coalesce(l.id, g.list_id) >= {low} AND"
        "  (l.id IS NULL OR g.list_id IS NULL OR (l.done_at IS NULL) <> (g.open > 0))",
    )
    return [
        Break(
            "list is done with its orders",
            {"list": str(pk)},
            "no orders" if count is None else f"{count} open orders",
            "no such list" if is_missing else "done" if is_done else "not done",
        )
        for pk, count, is_missing, is_done in rows
    ]


def _figure(value: Any) -> str:
    return "none" if value is None else plain(value)


# A trade's ledger transaction has the trade's own id. A fee below zero is a rebate: a part of the
# taker's fee, in its asset, which the maker has given. Where an account traded with itself, its two
# sides are told apart by the sign.
_TRADES_NOT_IN_LEDGER: Final = """
SELECT * FROM (
    SELECT t.id, t.market_id, t.quantity, t.amount, t.maker_fee, t.taker_fee,
        count(e.id) AS entries,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = buyer AND e.asset_id = base_id
            AND e.kind = 'trade'
            AND (buyer <> seller OR e.amount > 0)), 0) AS buyer_base,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = buyer AND e.asset_id = quote_id
            AND e.kind = 'trade'
            AND (buyer <> seller OR e.amount < 0)), 0) AS buyer_quote,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = seller AND e.asset_id = base_id
            AND e.kind = 'trade'
            AND (buyer <> seller OR e.amount < 0)), 0) AS seller_base,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = seller AND e.asset_id = quote_id
            AND e.kind = 'trade'
            AND (buyer <> seller OR e.amount > 0)), 0) AS seller_quote,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = buyer AND e.asset_id = base_id
            AND e.kind = 'fee'
            AND (buyer <> seller OR e.amount < 0)), 0) AS buyer_fee,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = seller AND e.asset_id = quote_id
            AND e.kind = 'fee'
            AND (buyer <> seller OR e.amount < 0)), 0) AS seller_fee,
        CASE WHEN taker_side = 'buy' THEN taker_fee ELSE greatest(maker_fee, 0) END AS fee_in_base,
        CASE WHEN taker_side = 'buy' THEN greatest(maker_fee, 0) ELSE taker_fee END AS fee_in_quote,
        coalesce(sum(e.amount) FILTER (WHERE e.asset_id = base_id AND e.kind = 'fee'
            AND e.account_id NOT IN (buyer, seller)), 0) AS fees_base,
        coalesce(sum(e.amount) FILTER (WHERE e.asset_id = quote_id AND e.kind = 'fee'
            AND e.account_id NOT IN (buyer, seller)), 0) AS fees_quote,
        CASE WHEN taker_side = 'buy' THEN greatest(-maker_fee, 0) ELSE 0 END AS rebate_in_base,
        CASE WHEN taker_side = 'buy' THEN 0 ELSE greatest(-maker_fee, 0) END AS rebate_in_quote,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = seller AND e.asset_id = base_id
            AND e.kind = 'fee'
            AND (buyer <> seller OR e.amount > 0)), 0) AS rebate_base,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = buyer AND e.asset_id = quote_id
            AND e.kind = 'fee'
            AND (buyer <> seller OR e.amount > 0)), 0) AS rebate_quote
    FROM (
        SELECT t.*, m.base_id, m.quote_id,
            CASE WHEN taker_side = 'buy' THEN taker_account_id ELSE maker_account_id END AS buyer,
            CASE WHEN taker_side = 'buy' THEN maker_account_id ELSE taker_account_id END AS seller
        FROM {trade} t JOIN {market} m ON m.id = t.market_id WHERE t.id >= {low}
    ) AS t
    LEFT JOIN {transaction} x ON x.id = t.id AND x.kind = 'trade' AND x.reference = t.id::text
    LEFT JOIN {entry} e ON e.transaction_id = x.id
    GROUP BY t.id, t.market_id, t.quantity, t.amount, t.maker_fee, t.taker_fee, taker_side
) AS posted
WHERE (buyer_base, seller_base, buyer_quote, seller_quote)
        IS DISTINCT FROM (quantity, -quantity, -amount, amount)
    OR (buyer_fee, seller_fee, fees_base, fees_quote)
        IS DISTINCT FROM (-fee_in_base, -fee_in_quote,
            fee_in_base - rebate_in_base, fee_in_quote - rebate_in_quote)
    OR (rebate_base, rebate_quote) IS DISTINCT FROM (rebate_in_base, rebate_in_quote)
    OR fees_base < 0 OR fees_quote < 0
"""


def _trades_not_in_ledger(cursor: CursorWrapper) -> list[Break]:
    breaks = []
    for row in _rows(cursor, _TRADES_NOT_IN_LEDGER):
        quantity, amount, _, _, entries, buyer_base, buyer_quote, seller_base, seller_quote = row[
            2:11
        ]
        buyer_fee, seller_fee, fee_in_base, fee_in_quote, fees_base, fees_quote = row[11:17]
        due_base, due_quote, rebate_base, rebate_quote = row[17:21]
        breaks.append(
            Break(
                "trade is in the ledger",
                {"trade": str(row[0]), "market": str(row[1])},
                f"{plain(quantity)} for {plain(amount)},"
                f" fees {plain(fee_in_base)} base and {plain(fee_in_quote)} quote,"
                f" rebates {plain(due_base)} and {plain(due_quote)}",
                f"{entries} entries: buyer {plain(buyer_base)} and {plain(buyer_quote)},"
                f" seller {plain(seller_base)} and {plain(seller_quote)},"
                f" fees paid {plain(buyer_fee)} and {plain(seller_fee)},"
                f" collected {plain(fees_base)} and {plain(fees_quote)},"
                f" rebates {plain(rebate_base)} and {plain(rebate_quote)}",
            )
        )
    return breaks


def _ledger_without_trade(cursor: CursorWrapper) -> list[Break]:
    rows = _rows(
        cursor,
        "SELECT x.id, x.reference FROM {transaction} x LEFT JOIN {trade} t"
        " ON t.id = x.id WHERE x.kind = 'trade' AND x.id >= {low} AND t.id IS NULL",
    )
    return [
        Break(
            "ledger transaction has its trade",
            {"transaction": str(pk), "reference": reference},
            "a trade",
            "none",
        )
        for pk, reference in rows
    ]


def _exchanges_not_in_ledger(cursor: CursorWrapper) -> list[Break]:
    return exchanges_not_in_ledger(_rows(cursor, EXCHANGES_NOT_IN_LEDGER))


def _ledger_without_exchange(cursor: CursorWrapper) -> list[Break]:
    return ledger_without_exchange(_rows(cursor, LEDGER_WITHOUT_EXCHANGE))


def _sequences_with_gaps(cursor: CursorWrapper) -> list[Break]:
    # Of those in archives as many as were counted when they left. Within a partition an index keeps
    # numbers apart, across them nothing but this.
    rows = _rows(
        cursor,
        "SELECT m.symbol, coalesce(s.trade_sequence, 0), coalesce(t.trades, 0),"
        "  coalesce(t.lowest, 1), coalesce(t.highest, 0)"
        " FROM {market} m LEFT JOIN {state} s ON s.market_id = m.id"
        " LEFT JOIN (SELECT market_id, sum(trades) AS trades,"
        "   sum(numbers) AS numbers, min(lowest) AS lowest, max(highest) AS highest FROM ("
        "     SELECT market_id, count(*) AS trades,"
        "     count(DISTINCT sequence) AS numbers, min(sequence) AS lowest,"
        "     max(sequence) AS highest FROM {trade} AS here GROUP BY market_id UNION ALL"
        "     SELECT market_id, rows, rows, lowest, highest FROM zavora_archived_trades) AS parts"
        "   GROUP BY market_id) t ON t.market_id = m.id"
        " WHERE coalesce(t.trades, 0) <> coalesce(s.trade_sequence, 0)"
        "  OR coalesce(t.highest, 0) <> coalesce(s.trade_sequence, 0)"
        "  OR coalesce(t.lowest, 1) <> 1 OR t.numbers <> t.trades",
    )
    return [
        Break(
            "trade sequence has no gap",
            {"market": symbol},
            f"1 to {sequence}",
            f"{trades} trades from {lowest} to {highest}",
        )
        for symbol, sequence, trades, lowest, highest in rows
    ]

"""Settle a batch: everything it did, and the position it was read from, in one transaction.

The order of locks is the product's: the shard's row, then keys, then balances by id.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import msgspec
import psycopg

from accounts.money.ledger import (
    BalanceChange,
    BalanceKey,
    LockedBalance,
    ask_accounts,
    copy_ledger,
    lock_balances,
    take_accounts,
    write_balances,
)
from accounts.notices import BalanceState
from matching import wire
from matching.markets.terms import MarketTerms
from matching.models import Command, Event, Market, MarketState, Order, OrderKey, Trade
from matching.worker import lease
from matching.worker.decide import Decision, Figures, ShardContext
from matching.worker.entries import Entry, keys_of, submitting_accounts
from matching.worker.lease import LeaseLost, Position
from matching.worker.outcome import EntryRow
from matching.worker.room import BOUNDS, Crowded
from zavora.foundation.money import units_to_text
from zavora.foundation.rows import (
    NULL,
    RowCounts,
    RowTable,
    array_text,
    array_text_quoted,
    write_rows,
)

_ORDERS: Final = RowTable(
    Order,
    (
        "id", "account_id", "market_id", "client_order_id", "side", "order_type",
        "time_in_force", "post_only", "price", "quantity", "quote_quantity",
        "remaining_quantity", "filled_quantity", "filled_quote", "hold", "maker_fee_ppm",
        "taker_fee_ppm", "priority", "status", "reason", "created_at", "updated_at", "owner_id",
    ),
)  # fmt: skip
_TRADES: Final = RowTable(
    Trade,
    (
        "id", "market_id", "sequence", "run_sequence", "price", "quantity", "amount",
        "taker_side", "maker_order_id", "taker_order_id", "maker_account_id",
        "taker_account_id", "maker_fee", "taker_fee", "created_at",
    ),
)  # fmt: skip
_JOURNAL: Final = RowTable(
    Command,
    (
        "id", "shard_id", "sequence", "stream_id", "kind", "account_id", "market_id", "body",
        "request_id", "batch_at", "order_id", "funds", "maker_fee_ppm", "taker_fee_ppm",
        "owner_id", "reached_engine", "outcome", "reason", "actor",
    ),
)  # fmt: skip
_KEYS: Final = RowTable(OrderKey, ("account_id", "key", "fingerprint", "result", "created_at"))
# A payload is large: as a parameter it travels as it is, in a row of text as twice its size.
_INSERT_EVENT: Final = (
    f"INSERT INTO {Event._meta.db_table} (market_id, prev_sequence, sequence, payload, batch_at)"
    " VALUES (%s, %s, %s, %b, %s)"
)
_MARKET: Final = Market._meta.db_table
_STATE: Final = MarketState._meta.db_table

_UPDATE_ORDERS: Final = (
    f"UPDATE {Order._meta.db_table} o SET remaining_quantity = d.remaining,"
    " filled_quantity = d.filled, filled_quote = d.filled_quote, hold = d.hold,"
    " status = d.status, reason = d.reason, updated_at = %s FROM unnest(%s::bigint[],"
    " %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[], %s::text[], %s::text[])"
    " AS d(id, remaining, filled, filled_quote, hold, status, reason) WHERE o.id = d.id"
)
_AMEND_ORDERS: Final = (
    f"UPDATE {Order._meta.db_table} o SET price = d.price, quantity = d.quantity,"
    " priority = d.priority FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::bigint[])"
    " AS d(id, price, quantity, priority) WHERE o.id = d.id"
)

# Up to so many commands the round trips cost more than what COPY saves.
TOGETHER_COMMANDS_MAX: Final = 24


class FundsMoved(Exception):
    """A balance fell between reading and locking it: the batch cannot be paid as decided."""


class KeysTaken(Exception):
    """Another shard bound one of the batch's keys meanwhile: decide anew."""


class Settled(msgspec.Struct):
    """What is to be told of a batch once it has committed."""

    events: list[tuple[int, bytes]]  # market id, encoded MarketEvent
    event_sequences: dict[int, int]


class FiguresAsked:
    """What a batch is decided with, asked for without locks; ``take`` reads the answers."""

    def __init__(self, connection: "psycopg.Connection[Any]", entries: list[Entry]) -> None:
        keys = keys_of(entries)
        self._keys = self._accounts = None
        if keys:
            self._keys = connection.execute(
                f"SELECT k.account_id, k.key, k.fingerprint, k.result FROM {_KEYS.name} k"
                " JOIN unnest(%s::bigint[], %s::text[]) AS w(account_id, key)"
                " ON k.account_id = w.account_id AND k.key = w.key",
                (array_text(key[0] for key in keys), array_text_quoted(key[1] for key in keys)),
            )
        account_ids = submitting_accounts(entries)
        if account_ids:
            self._accounts = ask_accounts(connection, account_ids)

    def take(self, scales: dict[int, int]) -> Figures:
        """Return the figures; balances only of assets that ``scales`` knows."""
        rows = [] if self._keys is None else self._keys.fetchall()
        bound = {(row[0], row[1]): (row[2], row[3]) for row in rows}
        if self._accounts is None:
            return Figures({}, {}, bound)
        accounts, available, nearly_full = take_accounts(self._accounts, scales)
        return Figures(accounts, available, bound, nearly_full)


def read_figures(
    connection: "psycopg.Connection[Any]", entries: list[Entry], scales: dict[int, int]
) -> Figures:
    """Read what a batch is decided with, in one round trip and without locks."""
    with connection.pipeline():
        asked = FiguresAsked(connection, entries)
        return asked.take(scales)


def begin(connection: "psycopg.Connection[Any]", context: ShardContext, position: Position) -> None:
    """Begin the batch's transaction under the shard's lock; raise LeaseLost if it moved on."""
    connection.execute("BEGIN")
    _require(lease.lock_position(connection, context.shard_id), context, position)


def begin_and_read(
    connection: "psycopg.Connection[Any]",
    context: ShardContext,
    position: Position,
    entries: list[Entry],
) -> FiguresAsked:
    """Do what ``begin`` does and ask for the batch's figures, all in one round trip."""
    with connection.pipeline():
        connection.execute("BEGIN")
        locked = lease.ask_position(connection, context.shard_id)
        asked = FiguresAsked(connection, entries)
    _require(lease.take_position(locked, context.shard_id), context, position)
    return asked


def _require(found: Position, context: ShardContext, position: Position) -> None:
    if (found.epoch, found.journal_sequence) != (position.epoch, position.journal_sequence):
        raise LeaseLost(f"shard {context.shard_id} moved on without this worker")


def write(
    cursor: "psycopg.Cursor[Any]", context: ShardContext, decision: Decision, position: Position
) -> Settled:
    """Write a decided batch into the open transaction; the caller commits.

    A small batch goes in two round trips, as what is read of its balances lies between. Raises
    FundsMoved, KeysTaken or Crowded where the batch must be decided anew.
    """
    outcome = decision.outcome
    connection = cursor.connection
    counts = RowCounts()
    try:
        with _together(connection, decision):
            write_rows(cursor, _KEYS, decision.rows.keys)
            _write_orders(cursor, decision, counts)
            write_rows(cursor, _TRADES, outcome.trade_rows)
            write_rows(cursor, _JOURNAL, decision.journal_rows)
            # Balances last: other shards wait for them until this batch has committed.
            locked = {}
            if outcome.changes:
                locked = lock_balances(cursor, outcome.changes, context.scales)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.table_name == _KEYS.name:
            raise KeysTaken from error
        raise
    counts.check()
    _require_funds(outcome.changes, locked)
    with _together(connection, decision):
        copy_ledger(
            cursor,
            outcome.transaction_rows,
            _entry_rows(outcome.entries, locked, context, decision),
        )
        balances = write_balances(
            cursor,
            outcome.changes,
            locked,
            context.scales,
            time_text=decision.time_text,
            time_us=decision.time_us,
            counts=counts,
        )
        settled = _write_markets(cursor, context, decision, balances, counts)
        advanced = lease.advance(
            connection,
            shard_id=context.shard_id,
            before=position,
            journal_sequence=position.journal_sequence + len(decision.journal_rows),
            last_stream_id=decision.last_stream_id,
            time_text=decision.time_text,
            last_id=decision.rows.last_id,
        )
    lease.require_advanced(advanced, context.shard_id)
    counts.check()
    return settled


def _together(
    connection: "psycopg.Connection[Any]", decision: Decision
) -> AbstractContextManager[object]:
    """Return what sends a small batch's statements together; a large one's rows go by COPY."""
    if len(decision.journal_rows) > TOGETHER_COMMANDS_MAX:
        return nullcontext()
    return connection.pipeline()


def _require_funds(
    changes: dict[BalanceKey, BalanceChange], locked: dict[BalanceKey, LockedBalance]
) -> None:
    for key, change in changes.items():
        held = locked[key]
        if (
            held.available_units + change.available_units < 0
            or held.locked_units + change.locked_units < 0
        ):
            raise FundsMoved(f"account {key[0]}, asset {key[1]}")


def _write_orders(cursor: "psycopg.Cursor[Any]", decision: Decision, counts: RowCounts) -> None:
    rows, connection = decision.rows, cursor.connection
    write_rows(cursor, _ORDERS, rows.new_orders)
    if rows.changed_ids:
        counts.execute(
            connection,
            _UPDATE_ORDERS,
            (decision.time_text, *rows.changed),
            rows=len(rows.changed_ids),
            what="orders",
        )
    if rows.amended_ids:
        counts.execute(
            connection,
            _AMEND_ORDERS,
            rows.amended,
            rows=len(rows.amended_ids),
            what="amended orders",
        )


def _entry_rows(
    entries: list[EntryRow],
    locked: dict[BalanceKey, LockedBalance],
    context: ShardContext,
    decision: Decision,
) -> list[str]:
    """Return the ledger entries' COPY rows, with the running total of each customer's balance.

    Raises Crowded where one would not fit the tables.
    """
    totals: dict[BalanceKey, int] = {}
    crowded: set[BalanceKey] = set()
    rows = []
    scales = context.scales
    time_text = decision.time_text
    for entry_id, entry in zip(decision.rows.entry_ids, entries, strict=True):
        scale = scales[entry.asset_id]
        after = NULL
        if entry.account_id != context.fee_account_id:
            key = (entry.account_id, entry.asset_id)
            total = totals.get(key)
            if total is None:
                balance = locked[key]
                total = balance.available_units + balance.locked_units
            totals[key] = total = total + entry.units
            if total >= BOUNDS[scale]:
                crowded.add(key)
            after = units_to_text(total, scale)
        rows.append(
            f"{entry_id}\t{entry.trade_id}\t{entry.account_id}\t{entry.asset_id}\t{entry.kind}"
            f"\t{entry.units}e-{scale}\t{after}\t{time_text}"
        )
    if crowded:
        raise Crowded(crowded)
    return rows


def _write_markets(
    cursor: "psycopg.Cursor[Any]",
    context: ShardContext,
    decision: Decision,
    balances: list[BalanceState],
    counts: RowCounts,
) -> Settled:
    """Write changed rules, counters and the events of all markets touched."""
    for terms in decision.new_terms.values():
        _write_market(cursor, terms, decision.time_text)
    by_key = {(balance.account_id, balance.asset_id): balance for balance in balances}
    events: list[tuple[int, bytes]] = []
    sequences: dict[int, int] = {}
    states: list[tuple[int, int, int, int, str | None]] = []
    for market_id, touched in decision.outcome.markets.items():
        prev = context.event_sequences.get(market_id, 0)
        sequences[market_id] = prev + 1
        payload = wire.encode(
            wire.MarketEvent(
                market_id,
                prev,
                prev + 1,
                decision.time_us,
                touched.prev_depth_sequence,
                touched.depth,
                touched.trades,
                wire.encode(
                    wire.PrivatePart(touched.changes, [by_key[key] for key in touched.balance_keys])
                ),
                touched.phase,
            )
        )
        events.append((market_id, payload))
        cursor.execute(_INSERT_EVENT, (market_id, prev, prev + 1, payload, decision.time_text))
        counters = decision.rows.markets[market_id]
        states.append(
            (
                market_id,
                prev + 1,
                counters.depth_sequence,
                counters.trade_sequence,
                counters.last_price,
            )
        )
    if states:
        _write_states(cursor.connection, states, counts)
    return Settled(events, sequences)


def _write_states(
    connection: "psycopg.Connection[Any]",
    states: list[tuple[int, int, int, int, str | None]],
    counts: RowCounts,
) -> None:
    counts.execute(
        connection,
        f"INSERT INTO {_STATE} (market_id, event_sequence, depth_sequence, trade_sequence,"
        " last_price) SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[],"
        " %s::bigint[], %s::numeric[]) ON CONFLICT (market_id) DO UPDATE SET"
        " event_sequence = EXCLUDED.event_sequence, depth_sequence = EXCLUDED.depth_sequence,"
        " trade_sequence = EXCLUDED.trade_sequence, last_price = EXCLUDED.last_price",
        tuple([state[column] for state in states] for column in range(5)),
        rows=len(states),
        what="market states",
    )


def _write_market(cursor: "psycopg.Cursor[Any]", terms: MarketTerms, time_text: str) -> None:
    """Write a market's row: this worker is the only one that may."""
    figures = {
        "symbol": terms.symbol,
        "base_id": terms.base.asset_id,
        "quote_id": terms.quote.asset_id,
        "shard_id": terms.shard_id,
        "tick_size": terms.tick_size,
        "lot_size": terms.lot_size,
        "min_notional": terms.min_notional,
        "max_notional": terms.max_notional,
        "max_price": terms.max_price,
        "max_quantity": terms.max_quantity,
        "band_ppm": terms.band_ppm,
        "maker_fee_ppm": terms.maker_fee_ppm,
        "taker_fee_ppm": terms.taker_fee_ppm,
        "phase": terms.phase,
        "is_demo": terms.is_demo,
        "self_trade_scope": terms.self_trade_scope,
        "max_open_orders": terms.max_open_orders,
        "updated_at": time_text,
    }
    columns = ", ".join(figures)
    cursor.execute(
        f"INSERT INTO {_MARKET} (id, created_at, {columns})"
        f" VALUES (%s, %s, {', '.join(['%s'] * len(figures))}) ON CONFLICT (id) DO UPDATE SET "
        + ", ".join(f"{column} = EXCLUDED.{column}" for column in figures),
        (terms.market_id, time_text, *figures.values()),
    )

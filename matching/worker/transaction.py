"""A batch's transaction: everything it did, and the position it was read from, or nothing of it.

The order of locks is the product's: the shard's row, then keys, then balances by id, those rows of
them having been made that are missing.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import msgspec
import psycopg

from accounts.money.balances import BalanceChange, BalanceKey, LockedBalance
from accounts.money.ledger import (
    ask_accounts,
    copy_ledger,
    lock_balances,
    take_accounts,
    write_balances,
)
from accounts.notices import BalanceState
from matching import wire
from matching.commands.move import AdoptMarket, ReleaseMarket
from matching.commands.room import BOUNDS, Crowded
from matching.models import Event
from matching.rows.amendments import AMENDMENTS
from matching.rows.conditions import CONDITIONS, UPDATE_CONDITIONS
from matching.rows.entries import EntryRow, entry_row
from matching.rows.handovers import write_adopted, write_handover
from matching.rows.journal import JOURNAL
from matching.rows.keys import KEYS, READ_KEYS, bindings_of
from matching.rows.lists import LISTS, end_lists
from matching.rows.markets import MarketCounters, write_market, write_states
from matching.rows.orders import AMEND_ORDERS, ORDERS, SHIFT_ORDERS, UPDATE_ORDERS
from matching.rows.prevented import PREVENTED
from matching.rows.protections import write_protections
from matching.rows.switches import write_switches
from matching.rows.trades import TRADES
from matching.rows.trails import write_trails
from matching.worker import lease
from matching.worker.decide import Decision, Figures, ShardContext
from matching.worker.entries import Entry, keys_of, submitting_accounts
from matching.worker.lease import LeaseLost, Position
from matching.worker.lists import lists_by_market
from zavora.foundation.rows import RowCounts, array_text, array_text_quoted, write_rows

# A payload is large: as a parameter it travels as it is, in a row of text as twice its size.
_INSERT_EVENT: Final = (
    f"INSERT INTO {Event._meta.db_table} (market_id, prev_sequence, sequence, payload, batch_at)"
    " VALUES (%s, %s, %s, %b, %s)"
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
                READ_KEYS,
                (array_text(key[0] for key in keys), array_text_quoted(key[1] for key in keys)),
            )
        account_ids = submitting_accounts(entries)
        if account_ids:
            self._accounts = ask_accounts(connection, account_ids)

    def take(self, scales: dict[int, int]) -> Figures:
        """Return the figures; balances only of assets that ``scales`` knows."""
        rows = [] if self._keys is None else self._keys.fetchall()
        bound = bindings_of(rows)
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
            write_rows(cursor, KEYS, decision.rows.keys)
            _write_orders(cursor, decision, counts)
            write_rows(cursor, TRADES, outcome.trade_rows)
            write_rows(cursor, JOURNAL, decision.journal_rows)
            write_rows(cursor, PREVENTED, outcome.prevented_rows)
            write_rows(cursor, AMENDMENTS, decision.rows.amendments)
            write_rows(cursor, LISTS, decision.rows.new_lists)
            write_trails(connection, outcome.trails, counts)
            if outcome.protections:
                write_protections(connection, outcome.protections, counts)
            write_switches(connection, context.shard_id, outcome.switches, counts)
            ended = None
            if decision.rows.ended_lists:
                ended = end_lists(connection, decision.rows.ended_lists, decision.time_text)
            # Balances last: other shards wait for them until this batch has committed.
            locked = {}
            if outcome.changes:
                locked = lock_balances(
                    cursor, outcome.changes, context.scales, context.balances_there
                )
    except psycopg.errors.UniqueViolation as error:
        if error.diag.table_name == KEYS.name:
            raise KeysTaken from error
        raise
    counts.check()
    lists = lists_by_market(decision, [] if ended is None else ended.fetchall())
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
        settled = _write_markets(cursor, context, decision, balances, lists, counts)
        _write_released(cursor, context, decision, settled, counts)
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
    write_rows(cursor, ORDERS, rows.new_orders)
    if rows.changed_ids:
        counts.execute(
            connection,
            UPDATE_ORDERS,
            (decision.time_text, *rows.changed, rows.changed[0]),
            rows=len(rows.changed_ids),
            what="orders",
        )
    if rows.amended_ids:
        counts.execute(
            connection,
            AMEND_ORDERS,
            (*rows.amended, rows.amended[0]),
            rows=len(rows.amended_ids),
            what="amended orders",
        )
    if rows.shifted_ids:
        counts.execute(
            connection,
            SHIFT_ORDERS,
            (*rows.shifted, rows.shifted[0]),
            rows=len(rows.shifted_ids),
            what="orders of lists",
        )
    write_rows(cursor, CONDITIONS, rows.new_conditions)
    if rows.conditions_ids:
        counts.execute(
            connection,
            UPDATE_CONDITIONS,
            rows.conditions,
            rows=len(rows.conditions_ids),
            what="conditions of orders",
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
        total = None
        if entry.account_id != context.fee_account_id:
            key = (entry.account_id, entry.asset_id)
            total = totals.get(key)
            if total is None:
                balance = locked[key]
                total = balance.available_units + balance.locked_units
            totals[key] = total = total + entry.units
            if total >= BOUNDS[scale]:
                crowded.add(key)
        rows.append(entry_row(entry_id, entry, scale=scale, total_units=total, time_text=time_text))
    if crowded:
        raise Crowded(crowded)
    return rows


def _write_markets(
    cursor: "psycopg.Cursor[Any]",
    context: ShardContext,
    decision: Decision,
    balances: list[BalanceState],
    lists: dict[int, list[wire.ListState]],
    counts: RowCounts,
) -> Settled:
    """Write changed rules, counters and the events of all markets touched."""
    command = decision.alone
    if isinstance(command, AdoptMarket) and command.market_id in decision.new_terms:
        handed = context.handed[command.handover_id]
        write_adopted(cursor.connection, handed, context.shard_id, counts)
    for terms in decision.new_terms.values():
        write_market(cursor.connection, terms, decision.time_text, counts)
    by_key = {(balance.account_id, balance.asset_id): balance for balance in balances}
    events: list[tuple[int, bytes]] = []
    sequences: dict[int, int] = {}
    states: list[tuple[int, int, MarketCounters]] = []
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
                    wire.PrivatePart(
                        touched.changes,
                        [by_key[key] for key in touched.balance_keys],
                        lists.get(market_id, []),
                    )
                ),
                touched.phase,
                decision.rows.auctions.get(market_id),
            )
        )
        events.append((market_id, payload))
        cursor.execute(_INSERT_EVENT, (market_id, prev, prev + 1, payload, decision.time_text))
        states.append((market_id, prev + 1, decision.rows.markets[market_id]))
    write_states(cursor.connection, states, counts)
    return Settled(events, sequences)


def _write_released(
    cursor: "psycopg.Cursor[Any]",
    context: ShardContext,
    decision: Decision,
    settled: Settled,
    counts: RowCounts,
) -> None:
    """Write what became of a market that is let go, and whose it is to be."""
    command = decision.alone
    if isinstance(command, ReleaseMarket):
        for market_id, released in decision.outcome.released.items():
            write_handover(
                cursor,
                released,
                context.terms[market_id],
                handover_id=command.handover_id,
                to_shard=command.to_shard,
                journal_sequence=context.journal_sequence + len(decision.journal_rows),
                event_sequence=settled.event_sequences[market_id],
                last_id=decision.rows.last_id,
                switches=decision.switches_before,
                time_text=decision.time_text,
                counts=counts,
            )
